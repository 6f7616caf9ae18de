import { VirtualClock } from '@weft/testing/virtual-clock';
import { PastReaders } from './past-readers.ts';

const MAX = 8;

/** So many read; what others were answered shows in `told`. */
async function given(reading: number) {
  const clock = new VirtualClock();
  const readers = new PastReaders(clock);
  for (let i = 0; i < reading; i++) expect(await readers.enter()).toBe(true);
  const told: string[] = [];
  const enter = (name: string) => void readers.enter().then((isIn) => told.push(`${name} ${isIn}`));
  return { clock, readers, told, enter };
}

describe('Watches that read the log again', () => {
  it('have their turn one after the other once there are many', async () => {
    const { clock, readers, told, enter } = await given(MAX);
    for (const name of ['a', 'b']) enter(name);
    await clock.advance(1_000);
    expect(told).toEqual([]);
    readers.leave();
    await clock.advance(0);
    expect(told).toEqual(['a true']);
    for (let i = 0; i < 2; i++) readers.leave();
    await clock.advance(0);
    enter('c');
    await clock.advance(0);
    expect(told).toEqual(['a true', 'b true', 'c true']);
  });

  it('are told when none comes in time, and hold up nobody after that', async () => {
    const { clock, readers, told, enter } = await given(MAX);
    enter('a');
    await clock.advance(4_000);
    enter('b');
    await clock.advance(1_000);
    expect(told).toEqual(['a false']);
    readers.leave();
    await clock.advance(0);
    expect(told).toEqual(['a false', 'b true']);
  });
});
