import { VirtualClock } from '@weft/testing/virtual-clock';
import { createMemoryHub } from '../memory/memory-bus.ts';
import { subjects } from '../subjects.ts';
import { listenToProgress, type RowsProgress } from './progress-listener.ts';
import { createRowPublisher } from './row-publisher.ts';

describe('A listener to progress', () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

  function given() {
    const [clock, hub, heard] = [new VirtualClock({ turns: 20 }), createMemoryHub(), [] as RowsProgress[]];
    const bus = hub.connect();
    listenToProgress(bus, log, (progress) => heard.push(progress));
    const publisher = createRowPublisher({ bus: hub.connect(), context: 'lb', log, clock });
    const change = (table: string, rev: bigint) => {
      publisher.change(table, [{ key: 'k', row: { position: `${rev}` } }], rev);
      publisher.progress(rev);
    };
    return { clock, hub, heard, publisher, change };
  }

  it('hears at which positions tables changed, each of several, and how far the projector has read', async () => {
    const { clock, heard, publisher, change } = given();
    publisher.open('1');
    await clock.advance(10);
    for (const rev of [5n, 6n, 7n]) change('balancers.7', rev);
    change('targets.7', 7n);
    await clock.advance(10);
    const changed = heard.flatMap((each) => each.changed.flatMap(({ table, revs }) => revs.map((rev) => `${table} ${rev}`)));
    expect(changed).toEqual(['balancers.7 5', 'balancers.7 6', 'balancers.7 7', 'targets.7 7']);
    expect(heard.map(({ gap }) => gap)).toEqual([true, ...Array(heard.length - 1).fill(false)]);
    expect(heard.at(-1)).toMatchObject({ context: 'lb', upTo: 7n });
    await publisher.close();
  });

  it('says when something was missed: a message, or another projector', async () => {
    const { clock, hub, heard, publisher, change } = given();
    publisher.open('1');
    change('targets.7', 1n);
    await clock.advance(10);
    hub.connect().publish(subjects.rowsProgress('lb'), Buffer.from('nonsense'));
    await clock.advance(10);
    change('targets.7', 2n);
    await clock.advance(10);
    expect(heard.at(-1)).toMatchObject({ upTo: 2n, gap: true });
    change('targets.7', 3n);
    await clock.advance(10);
    expect(heard.at(-1)).toMatchObject({ upTo: 3n, gap: false });
    await publisher.fallSilent();
    publisher.open('2');
    await clock.advance(10);
    expect(heard.at(-1)?.gap).toBe(true);
    await publisher.close();
  });
});
