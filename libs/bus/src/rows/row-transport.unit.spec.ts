import { VirtualClock } from '@weft/testing/virtual-clock';
import fc from 'fast-check';
import { createMemoryHub, type MemoryHub, type MemoryHubOptions } from '../memory/memory-bus.ts';
import { parseSubject, subjects } from '../subjects.ts';
import { bytes, type KeptLog, keptLog, text } from '../testing/fixtures.ts';
import { decodeRowMessage, type RowMessage } from './row-messages.ts';
import { createRowPublisher, newTerm } from './row-publisher.ts';
import { createRowSubscriber } from './row-subscriber.ts';
import type { AnyRow, RowPublisher, RowSubscriber, TableChange } from './rows-port.ts';

const T = 'endpoints.7';
const random = () => 0;

const JUNK = ['', '{', '7', 'null', '{"k":"delta"}', '{"k":"progress","t":"x","n":-1}', '{"k":"nonsense"}', '\u0001not deflated'];
const isJunk = (data: Uint8Array) => JUNK.includes(text(data));

type Setting = {
  hub: MemoryHub;
  clock: VirtualClock;
  log: KeptLog;
  /** Everything that a client was to receive. */
  sent: { subject: string; to: string; message: RowMessage }[];
  publisher(name?: number, chunkCharacters?: number): RowPublisher;
  subscriber(name?: string): RowSubscriber;
};

function setting(fault: NonNullable<MemoryHubOptions['fault']> = () => 1): Setting {
  const log = keptLog();
  const clock = new VirtualClock();
  const sent: Setting['sent'] = [];
  const hub = createMemoryHub({
    log,
    clock,
    fault: (delivery) => {
      if (!isJunk(delivery.data)) sent.push({ ...delivery, message: decodeRowMessage(delivery.data) });
      return fault(delivery);
    },
  });
  const publisher = (name = 1, chunkCharacters = 131_072) =>
    createRowPublisher({
      bus: hub.connect(`projector-${name}`),
      context: 'network',
      log,
      clock,
      chunkCharacters,
    });
  const subscriber = (name = 'agent') => createRowSubscriber({ bus: hub.connect(name), contexts: ['network'], log, clock, random });
  return { hub, clock, log, sent, publisher, subscriber };
}

const term = (number = 1) => newTerm(new Date(number), 'ab12cd34');
const put = (key: string, v: number) => ({ key, row: { v } });

function fill(publisher: RowPublisher, count: number, rev = 10n): void {
  publisher.change(
    T,
    Array.from({ length: count }, (_, i) => put(`k${i}`, i)),
    rev,
  );
  publisher.progress(rev);
}

describe('The row transport', () => {
  it('says nothing and answers nothing before it is opened', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    fill(projector, 3);
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(3_000);
    expect(sent).toEqual([]);
    expect(agent.gaplessTo('network')).toBeUndefined();
    projector.open(term());
    await clock.advance(3_000);
    expect(agent.view(T)).toMatchObject({ complete: true, rev: 10n, table: T });
    expect(agent.view(T)?.rows).toEqual(projector.tables.get(T)?.rows);
    expect(agent.gaplessTo('network')).toBe(10n);
  });

  it('tells a change and the position at once, and for an idle log a sign of life each second', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    const changes: TableChange[] = [];
    agent.onChange((change) => changes.push(change));
    agent.follow('network', T);
    await clock.advance(2_500);
    changes.length = 0;
    sent.length = 0;
    projector.change(T, [put('k1', 100)], 11n);
    projector.progress(11n);
    await clock.advance(0);
    expect(changes).toEqual([{ table: T, changes: [put('k1', 100)], rev: 11n }]);
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(sent.map(({ message }) => message.kind)).toEqual(['delta', 'progress']);
    await clock.advance(3_000);
    expect(sent.map(({ message }) => message.kind)).toEqual(['delta', 'progress', 'progress', 'progress', 'progress']);
  });

  it('sends nothing for a change that changes nothing, but tells the position', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(2_500);
    sent.length = 0;
    projector.change(T, [put('k1', 1), { key: 'unknown', row: undefined }, put('new', 1), { key: 'new', row: undefined }], 11n);
    projector.progress(11n);
    await clock.advance(0);
    expect(sent.map(({ message }) => message.kind)).toEqual(['progress']);
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(agent.view(T)?.rev).toBe(10n);
  });

  it('refuses a change older than the table', () => {
    const projector = setting().publisher();
    fill(projector, 1);
    expect(() => projector.change(T, [put('k', 1)], 9n)).toThrow(/endpoints\.7 is at rev 10; a change at 9/);
  });

  it('gathers the progress of many changes', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(2_500);
    sent.length = 0;
    for (let rev = 11n; rev <= 110n; rev++) {
      projector.change(T, [put('k1', Number(rev))], rev);
      projector.progress(rev);
      if (rev % 20n === 0n) await clock.advance(1);
    }
    await clock.advance(10);
    expect(agent.gaplessTo('network')).toBe(110n);
    expect(sent.filter(({ message }) => message.kind === 'delta')).toHaveLength(100);
    expect(sent.filter(({ message }) => message.kind === 'progress').length).toBeLessThanOrEqual(3);
  });

  it('reads a table once for all who ask at about the same time, and sends it to them alone', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher(1, 100);
    fill(projector, 50);
    projector.open(term());
    const early = subscriber('early');
    early.follow('network', T);
    await clock.advance(1_000);
    sent.length = 0;
    const agents = Array.from({ length: 5 }, (_, i) => subscriber(`agent-${i}`));
    for (const agent of agents) agent.follow('network', T);
    await clock.advance(1_000);
    for (const agent of agents) expect(agent.view(T)?.rows.size).toBe(50);
    const chunks = sent.filter(({ message }) => message.kind === 'chunk');
    expect(new Set(chunks.map(({ message }) => (message.kind === 'chunk' ? message.snapshot : 0))).size).toBe(1);
    expect(new Set(chunks.map(({ to }) => to))).toEqual(new Set(agents.map((_, i) => `agent-${i}`)));
  });

  it('reads a table again, and only afterwards, for who asks while it is being read', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher(1, 20);
    fill(projector, 100);
    projector.open(term());
    const first = subscriber('first');
    first.follow('network', T);
    await clock.advance(15);
    expect(first.view(T)?.complete).toBe(false);
    const second = subscriber('second');
    second.follow('network', T);
    await clock.advance(200);
    expect([first.view(T)?.rows.size, second.view(T)?.rows.size]).toEqual([100, 100]);
    const order = sent.flatMap(({ message }) => (message.kind === 'chunk' ? [message.snapshot] : []));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(2);
  });

  it('says nothing for a position that it has told', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    subscriber();
    await clock.advance(2_500);
    sent.length = 0;
    for (let i = 0; i < 10; i++) {
      projector.progress(10n);
      await clock.advance(10);
    }
    expect(sent).toEqual([]);
  });

  it('asks again when a chunk was lost', async () => {
    let lost = 0;
    const { clock, publisher, subscriber } = setting(({ subject }) =>
      parseSubject(subject)?.of === 'rows-snapshot' && lost++ < 3 ? 0 : 1,
    );
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(20_000);
    expect(agent.view(T)?.complete).toBe(true);
    expect(lost).toBe(4);
  });

  it('asks once for the revs of all tables when a number is missing, and for no snapshot that is not needed', async () => {
    let lose = false;
    const { clock, publisher, subscriber, sent } = setting(({ subject }) =>
      lose && parseSubject(subject)?.of === 'rows-progress' ? 0 : 1,
    );
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    for (const table of [T, 'hosts', 'placements.a', 'placements.b']) agent.follow('network', table);
    await clock.advance(2_500);
    sent.length = 0;
    lose = true;
    projector.change(T, [put('k1', 100)], 11n);
    projector.progress(11n);
    await clock.advance(0);
    lose = false;
    await clock.advance(2_000);
    const asks = sent.flatMap(({ message }) => (message.kind === 'ask' ? [message] : []));
    expect(asks).toEqual([{ kind: 'ask', what: 'revs', tables: [T, 'hosts', 'placements.a', 'placements.b'] }]);
    expect(agent.gaplessTo('network')).toBe(11n);
  });

  it('catches up after its connection broke', async () => {
    const { clock, hub, publisher, log } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const bus = hub.connect('agent');
    const agent = createRowSubscriber({ bus, contexts: ['network'], log, clock, random });
    agent.follow('network', T);
    await clock.advance(2_500);
    bus.disrupt();
    projector.change(T, [put('k1', 100)], 11n);
    projector.progress(11n);
    await clock.advance(500);
    expect(agent.view(T)).toMatchObject({ complete: true, rev: 10n });
    expect(agent.gaplessTo('network')).toBe(10n);
    bus.restore();
    await clock.advance(100);
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(agent.view(T)?.rows.get('k1')).toEqual({ v: 100 });
  });

  it('catches up after the projector’s connection broke', async () => {
    const { clock, hub, subscriber, log } = setting();
    const bus = hub.connect('projector');
    const projector = createRowPublisher({ bus, context: 'network', log, clock });
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(2_500);
    bus.disrupt();
    projector.change(T, [put('k1', 100)], 11n);
    projector.progress(11n);
    await clock.advance(500);
    bus.restore();
    await clock.advance(2_000);
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(agent.view(T)?.rows.get('k1')).toEqual({ v: 100 });
  });

  it('goes over to a later projector, without a snapshot where the rows are the same, and not back to a stale one', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const first = publisher(1);
    fill(first, 3);
    first.open(term(1));
    const agent = subscriber();
    const changes: TableChange[] = [];
    agent.onChange((change) => changes.push(change));
    agent.follow('network', T);
    await clock.advance(2_500);
    sent.length = 0;
    const second = publisher(2);
    fill(second, 3);
    second.open(term(2));
    await clock.advance(100);
    expect(agent.gaplessTo('network')).toBe(10n);
    second.change(T, [put('k1', 100)], 11n);
    second.progress(11n);
    first.change(T, [put('k1', 666)], 12n); // Still alive, and wrong.
    first.progress(12n);
    await clock.advance(10_000);
    expect(agent.view(T)?.rows.get('k1')).toEqual({ v: 100 });
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(sent.filter(({ message }) => message.kind === 'chunk')).toEqual([]);
    expect(changes).toHaveLength(2);
  });

  it('begins another term without a look at its rows, and says nothing between two terms', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher();
    let looks = 0;
    const watched = {
      get v() {
        looks++;
        return 1;
      },
    };
    projector.change(T, [{ key: 'watched', row: watched }, put('k1', 1)], 10n);
    projector.progress(10n);
    projector.open(term(1));
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(2_500);
    await projector.fallSilent();
    sent.length = 0;
    projector.change(T, [put('k1', 2)], 11n);
    projector.progress(11n);
    await clock.advance(2_000);
    expect(sent.filter(({ to }) => to === 'agent')).toEqual([]);
    looks = 0;
    projector.open(term(2));
    projector.change(T, [put('k2', 3)], 12n);
    projector.progress(12n);
    expect(looks).toBe(0);
    await clock.advance(2_000);
    expect(agent.gaplessTo('network')).toBe(12n);
    expect(new Map(agent.view(T)?.rows)).toEqual(
      new Map([
        ['watched', { v: 1 }],
        ['k1', { v: 2 }],
        ['k2', { v: 3 }],
      ]),
    );
  });

  it('tells positions of a term soon, though the one before ended while a message was scheduled', async () => {
    const { clock, publisher, subscriber } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term(1));
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(2_500);
    projector.progress(11n);
    projector.progress(12n); // Goes with a message that is scheduled.
    await projector.fallSilent();
    projector.open(term(2));
    projector.progress(13n);
    await clock.advance(100);
    expect(agent.gaplessTo('network')).toBe(13n);
  });

  it('does not wait for a projector that is gone while another one is there', async () => {
    const { clock, publisher, subscriber } = setting();
    const agent = subscriber();
    agent.follow('network', T);
    const first = publisher(2); // Its clock was ahead.
    fill(first, 3);
    first.open(term(2));
    await clock.advance(2_500);
    await first.close();
    const second = publisher(1);
    fill(second, 4, 20n);
    second.open(term(1));
    await clock.advance(8_000);
    expect(agent.gaplessTo('network')).toBe(20n);
    expect(agent.view(T)?.rows.size).toBe(4);
  });

  it('reads a large table between other work, in chunks, while it changes', async () => {
    const { clock, publisher, subscriber, sent } = setting();
    const projector = publisher(1, 1_000);
    fill(projector, 2_000);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(15);
    for (let rev = 11n; rev < 60n; rev++) {
      projector.change(T, [put(`k${Number(rev) * 37}`, 5), { key: `k${rev}`, row: undefined }, put(`n${rev}`, 1)], rev);
      projector.progress(rev);
      await clock.advance(1);
    }
    await clock.advance(2_000);
    expect(agent.view(T)?.rows).toEqual(projector.tables.get(T)?.rows);
    expect(agent.gaplessTo('network')).toBe(59n);
    const chunks = sent.flatMap(({ message }) => (message.kind === 'chunk' ? [message] : []));
    expect(chunks.length).toBeGreaterThan(20);
    expect(Math.max(...chunks.map(({ lines }) => lines.join('\n').length))).toBeLessThan(1_200);
    // One reading was enough, though the table changed while it was read.
    expect(new Set(chunks.map(({ snapshot }) => snapshot)).size).toBe(1);
  });

  it('survives messages that are none', async () => {
    const { clock, hub, publisher, subscriber, log } = setting();
    const projector = publisher();
    fill(projector, 3);
    projector.open(term());
    const agent = subscriber();
    agent.follow('network', T);
    await clock.advance(1_000);
    const stranger = hub.connect('stranger');
    for (const junk of JUNK) {
      for (const subject of [subjects.rowsDelta('network', T), subjects.rowsProgress('network'), subjects.rowsAsk('network')]) {
        stranger.publish(subject, bytes(junk));
      }
    }
    projector.change(T, [put('k1', 100)], 11n);
    projector.progress(11n);
    await clock.advance(1_000);
    expect(agent.gaplessTo('network')).toBe(11n);
    expect(new Set(log.lines.map(({ message }) => message))).toEqual(
      new Set(['a rows message cannot be read', 'a responder failed; the request gets no answer']),
    );
  });

  it.each(JUNK)('says what is wrong with %j', (junk) => {
    expect(() => decodeRowMessage(bytes(junk))).toThrow(/^a rows message: /);
  });

  it('will not follow a table as one of two contexts', () => {
    const agent = setting().subscriber();
    agent.follow('network', T);
    agent.follow('network', T);
    expect(() => agent.follow('ipam', T)).toThrow(/followed as one of network/);
    agent.unfollow('ipam', T);
    expect(agent.view(T)).toBeDefined();
    agent.unfollow('network', T);
    expect(agent.view(T)).toBeUndefined();
    agent.follow('ipam', T);
  });

  it('comes to rest with the projector’s rows, whatever the network did to single messages', async () => {
    const happening = fc.record({ times: fc.constantFrom(0, 0, 1, 1, 1, 1, 2), holdMs: fc.constantFrom(0, 0, 0, 3, 40, 700) });
    const edit = fc.record({
      table: fc.constantFrom(T, 'hosts'),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      v: fc.option(fc.nat(5), { nil: undefined }),
      waitMs: fc.constantFrom(0, 0, 1, 5, 50, 400),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 30, maxLength: 30 }),
        fc.array(edit, { maxLength: 30 }),
        fc.nat(2),
        async (happenings, edits, restarts) => {
          let faulty = true;
          let next = 0;
          const { clock, publisher, subscriber } = setting(() => {
            const { times, holdMs } = happenings[next++ % happenings.length] ?? { times: 1, holdMs: 0 };
            if (!faulty) return 1;
            return holdMs === 0 ? times : { hold: (release) => clock.after(holdMs, release) };
          });
          const agent = subscriber();
          const truth = new Map<string, { rows: Map<string, AnyRow>; rev: bigint }>();
          let position = 1n;
          let terms = 1;
          let projector = publisher(terms, 50);
          projector.open(term(terms));
          agent.follow('network', T);
          agent.follow('network', 'hosts');
          for (const [i, { table, key, v, waitMs }] of edits.entries()) {
            if (restarts === 1 && i % 10 === 9) {
              await projector.fallSilent();
              projector.open(term(++terms));
            } else if (restarts === 2 && i % 10 === 9) {
              await projector.close();
              projector = publisher(++terms, 50);
              for (const [name, { rows, rev }] of truth)
                projector.change(
                  name,
                  [...rows].map(([k, row]) => ({ key: k, row })),
                  rev,
                );
              projector.progress(position);
              projector.open(term(terms));
            }
            position++;
            const held = truth.get(table) ?? { rows: new Map<string, AnyRow>(), rev: 0n };
            if (v === undefined ? held.rows.delete(key) : held.rows.get(key)?.['v'] !== v) held.rev = position;
            if (v !== undefined) held.rows.set(key, { v });
            truth.set(table, held);
            projector.change(table, [{ key, row: v === undefined ? undefined : { v } }], position);
            projector.progress(position);
            await clock.advance(waitMs);
          }
          faulty = false;
          await clock.advance(20_000);
          expect(agent.gaplessTo('network')).toBe(
            projector.tables.size === 0 && edits.length === 0 ? agent.gaplessTo('network') : position,
          );
          for (const [table, { rows }] of truth) expect(new Map(agent.view(table)?.rows)).toEqual(rows);
          expect(agent.view('hosts')?.complete).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});
