import { Nap, within } from '@weft/api';
import { VirtualClock } from './virtual-clock.ts';

describe('VirtualClock', () => {
  it('runs timers at their time, in the order of their times, and those of one time in the order in which they were set', async () => {
    const clock = new VirtualClock({ startAt: new Date(1_000) });
    const seen: string[] = [];
    const see = (name: string) => () => seen.push(`${name} ${clock.monotonicMs()} ${clock.now().getTime()}`);
    clock.after(20, see('b'));
    clock.after(10, see('a'));
    clock.after(20, see('c'));
    await clock.advance(19);
    expect(seen).toEqual(['a 10 1010']);
    await clock.advance(1);
    expect(seen).toEqual(['a 10 1010', 'b 20 1020', 'c 20 1020']);
  });

  it('runs a timer that another one has set while time moves on', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const again = () => {
      seen.push(clock.monotonicMs());
      clock.after(10, again);
    };
    clock.after(0, again);
    expect(seen).toEqual([]);
    clock.jump(25);
    expect(seen).toEqual([0, 10, 20]);
    expect([clock.monotonicMs(), clock.nextDueMs]).toEqual([25, 30]);
  });

  it('repeats, and cancels any number of times', () => {
    const clock = new VirtualClock();
    let count = 0;
    const timer = clock.every(10, () => {
      count += 1;
      if (count === 3) timer.cancel();
    });
    const other = clock.after(5, () => (count += 100));
    other.cancel();
    clock.jump(100);
    timer.cancel();
    other.cancel();
    expect([count, clock.nextDueMs]).toEqual([3, undefined]);
  });

  it('resolves pauses, and ends a nap early', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const nap = new Nap(clock);
    nap.wake(); // Nobody sleeps.
    void clock.pause(10).then(() => seen.push('pause'));
    void nap.pause(1_000).then(() => seen.push('nap'));
    await clock.advance(10);
    expect(seen).toEqual(['pause']);
    nap.wake();
    nap.wake();
    await clock.advance(0);
    expect(seen).toEqual(['pause', 'nap']);
    expect(clock.nextDueMs).toBeUndefined();
  });

  it('bounds a wait, and leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const never = within(clock, 50, new Promise<string>(() => {}));
    await clock.advance(50);
    expect(await never).toBeUndefined();
    expect(await within(clock, 50, Promise.resolve('done'))).toBe('done');
    await expect(within(clock, 50, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(clock.nextDueMs).toBeUndefined();
  });
});
