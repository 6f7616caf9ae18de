import fc from 'fast-check';
import { decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { RowSink } from './row-sink.ts';
import { RowSource } from './row-source.ts';
import type { AnyRow, RowChange, TableChange } from './rows-port.ts';

/** What really was: the log, every content that a table ever had, by rev, and its rev at each position. */
class Truth {
  position = 0n;
  readonly log: { table: string; changes: readonly RowChange[] }[] = [];
  readonly tables = new Map<string, { contents: Map<bigint, string>; revs: bigint[]; rows: Map<string, AnyRow> }>();

  apply(table: string, changes: readonly RowChange[]): bigint {
    this.position += 1n;
    this.log.push({ table, changes });
    const held = this.table(table);
    const before = contentOf(held.rows);
    for (const { key, row } of changes) {
      if (row === undefined) held.rows.delete(key);
      else held.rows.set(key, row);
    }
    if (contentOf(held.rows) !== before) {
      held.contents.set(this.position, contentOf(held.rows));
      held.revs.push(this.position);
    }
    return this.position;
  }

  table(name: string) {
    let held = this.tables.get(name);
    if (held === undefined) {
      held = { contents: new Map([[0n, '']]), revs: [0n], rows: new Map() };
      this.tables.set(name, held);
    }
    return held;
  }

  /** A projector counts from here on: answers the rows. */
  beganAnew(table: string): ReadonlyMap<string, AnyRow> {
    const { contents, revs, rows } = this.table(table);
    if (revs.at(-1) !== this.position) revs.push(this.position);
    contents.set(this.position, contentOf(rows));
    return rows;
  }

  contentAt(table: string, position: bigint): string | undefined {
    const { contents, revs } = this.table(table);
    return contents.get(revs.findLast((rev) => rev <= position) ?? 0n);
  }
}

function contentOf(rows: ReadonlyMap<string, AnyRow>): string {
  return [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((entry) => JSON.stringify(entry))
    .join('\n');
}

const TABLES = ['hosts', 'endpoints.7', 'placements.host-1'];

/** A projector, a subscriber and what is between them. Every message travels as bytes. */
class World {
  readonly #chunkCharacters: number;
  readonly truth = new Truth();
  source: RowSource;
  /** Projectors that were replaced and do not know it, with what they have read of the log. */
  readonly zombies: { source: RowSource; read: number }[] = [];
  readonly sink: RowSink;
  /** Rows as the listener of changes sees them. */
  readonly heard = new Map<string, Map<string, AnyRow>>();
  readonly #wire: { to: 'sink' | 'source'; data: Uint8Array }[] = [];
  readonly #scans = new Map<string, Iterator<RowMessage>>();
  #terms = 1;
  #seen: { term: string | undefined; gaplessTo: bigint } = { term: undefined, gaplessTo: 0n };
  #nowMs = 0;

  constructor(chunkCharacters: number) {
    this.#chunkCharacters = chunkCharacters;
    this.source = this.#begin();
    this.sink = new RowSink({
      silenceMs: 1e9,
      onChange: (change) => this.#hear(change),
      onProgress: () => {},
    });
    for (const table of TABLES) this.sink.follow(table);
  }

  #begin(): RowSource {
    const source = new RowSource(this.#chunkCharacters);
    for (const table of TABLES) {
      // It knows what is, and not since when.
      const changes = [...this.truth.beganAnew(table)].map(([key, row]) => ({ key, row }));
      source.change(table, changes, this.truth.position);
    }
    source.progress(this.truth.position);
    source.open(`term-${String(this.#terms++).padStart(4, '0')}`);
    this.#scans.clear();
    return source;
  }

  change(table: string, changes: readonly RowChange[]): void {
    const rev = this.truth.apply(table, changes);
    for (const message of this.source.change(table, changes, rev)) this.#send(message);
    this.source.progress(this.truth.position);
  }

  progress(): void {
    for (const message of this.source.takeProgress()) this.#send(message);
  }

  restart(): void {
    this.zombies.push({ source: this.source, read: this.truth.log.length });
    this.source = this.#begin();
    this.progress();
  }

  /** Replaced projectors read on in the log, late, and tell of it. */
  stir(): void {
    for (const zombie of this.zombies) {
      const entry = this.truth.log[zombie.read];
      if (entry !== undefined) {
        zombie.read++;
        for (const message of zombie.source.change(entry.table, entry.changes, BigInt(zombie.read))) this.#send(message);
        zombie.source.progress(BigInt(zombie.read));
      }
      for (const message of zombie.source.takeProgress()) this.#send(message);
    }
  }

  /** Asks for everything that is needed. */
  ask(): void {
    if (this.sink.needsRevs) this.#toSource({ kind: 'ask', what: 'revs', tables: this.sink.tables });
    const tables = [...this.sink.tablesInNeed()].map(({ table }) => table);
    if (tables.length > 0) this.#toSource({ kind: 'ask', what: 'snapshot', tables });
  }

  /** A chunk of every snapshot that is being read. */
  readOn(): void {
    for (const [table, scan] of [...this.#scans]) {
      const { value, done } = scan.next();
      if (done === true) this.#scans.delete(table);
      else this.#send(value);
    }
  }

  /** Delivers the message at `index` (0: in order), `times` often; 0 loses it. */
  deliver(index: number, times: number): void {
    const [message] = this.#wire.splice(index % Math.max(1, this.#wire.length), 1);
    if (message === undefined) return;
    for (let i = 0; i < times; i++) this.#take(message);
  }

  /** Keeps a message and brings it once more, later. */
  echo(index: number): void {
    const message = this.#wire[index % Math.max(1, this.#wire.length)];
    if (message !== undefined) this.#wire.push(message);
  }

  get pending(): number {
    return this.#wire.length;
  }

  /** A network without faults, until nothing is left to say. */
  heal(): void {
    this.progress();
    for (let round = 0; round < 50; round++) {
      if (round < 5) this.stir();
      while (this.pending > 0) this.deliver(0, 1);
      this.readOn();
      if (this.pending > 0) continue;
      this.ask();
      if (this.pending === 0) return;
    }
    throw new Error('the protocol does not come to rest');
  }

  /** What must hold at any moment. */
  check(): void {
    const { gaplessTo, term } = this.sink;
    const seen = this.#seen;
    if (seen.term !== undefined && (term === undefined || term < seen.term)) throw new Error(`${term} won over the later ${seen.term}`);
    if (term !== seen.term) this.#seen = { term, gaplessTo: 0n };
    if (gaplessTo !== undefined && gaplessTo < this.#seen.gaplessTo)
      throw new Error(`gaplessTo went back to ${gaplessTo} from ${seen.gaplessTo}`);
    this.#seen.gaplessTo = gaplessTo ?? this.#seen.gaplessTo;
    for (const table of TABLES) {
      const view = this.sink.view(table);
      const alone = this.sink.gaplessToOf([table]);
      if (gaplessTo !== undefined && (alone ?? 0n) < gaplessTo) throw new Error(`all is gapless to ${gaplessTo}, but ${table} to ${alone}`);
      if (view?.complete !== true) {
        if (alone !== undefined) throw new Error(`${table} is not complete, but gapless to ${alone}`);
        continue;
      }
      const held = this.truth.table(table);
      if (contentOf(view.rows) !== held.contents.get(view.rev))
        throw new Error(`${table} at ${view.rev} shows rows that never were its content`);
      if (contentOf(view.rows) !== contentOf(this.heard.get(table) ?? new Map())) throw new Error(`${table}: changes told do not add up`);
      if (alone !== undefined && view.rev < alone && contentOf(view.rows) !== this.truth.contentAt(table, alone)) {
        throw new Error(`gapless to ${alone}, but ${table} is at ${view.rev} and shows what was there before`);
      }
    }
  }

  #hear({ table, changes }: TableChange): void {
    let rows = this.heard.get(table);
    if (rows === undefined) {
      rows = new Map();
      this.heard.set(table, rows);
    }
    for (const { key, row } of changes) {
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
  }

  #send(message: RowMessage): void {
    this.#wire.push({ to: 'sink', data: encodeRowMessage(message) });
  }

  #toSource(message: RowMessage): void {
    this.#wire.push({ to: 'source', data: encodeRowMessage(message) });
  }

  #take({ to, data }: { to: 'sink' | 'source'; data: Uint8Array }): void {
    const message = decodeRowMessage(data);
    this.#nowMs++;
    if (to === 'source') {
      if (message.kind !== 'ask') throw new Error('only asks go there');
      if (message.what === 'revs') this.#send(this.source.revs(message.tables));
      else for (const table of message.tables) if (!this.#scans.has(table)) this.#scans.set(table, this.source.snapshot(table));
    } else if (message.kind === 'delta') this.sink.delta(message, this.#nowMs);
    else if (message.kind === 'progress') this.sink.progress(message, this.#nowMs);
    else if (message.kind === 'chunk') this.sink.chunk(message, this.#nowMs);
    else if (message.kind === 'revs') this.sink.revs(message, this.#nowMs);
    this.check();
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const change = fc.record({
  key,
  row: fc.option(fc.record({ v: fc.nat(3), w: fc.constantFrom('ä\n', '"', 'x') }), { nil: undefined, freq: 3 }),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      table: fc.constantFrom(...TABLES),
      changes: fc.array(change, { maxLength: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('progress' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('deliver' as const), index: fc.constant(0), times: fc.constant(1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), index: fc.nat(9), times: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('echo' as const), index: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ask' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('readOn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stir' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refollow' as const), table: fc.constantFrom(...TABLES) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnected' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function run(world: World, each: Step): void {
  if (each.do === 'change') world.change(each.table, each.changes);
  else if (each.do === 'deliver') world.deliver(each.index, each.times);
  else if (each.do === 'echo') world.echo(each.index);
  else if (each.do === 'reconnected') world.sink.reconnected();
  else if (each.do === 'refollow') {
    world.sink.unfollow(each.table);
    world.heard.delete(each.table);
    world.sink.follow(each.table);
  } else world[each.do]();
}

describe('The rows protocol', () => {
  it('ends with the projector’s rows and position, whatever was dropped, doubled, delayed or reordered, and never shows rows that never were', () => {
    let snapshotsInChunks = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), fc.constantFrom(1, 30, 100_000), (steps, chunkCharacters) => {
        const world = new World(chunkCharacters);
        for (const each of steps) {
          run(world, each);
          world.check();
        }
        world.heal();
        world.check();
        expect(world.sink.gaplessTo).toBe(world.truth.position);
        expect(world.sink.term).toBe(world.source.term);
        for (const table of TABLES) {
          const { rows, revs } = world.truth.table(table);
          expect(world.sink.view(table)).toMatchObject({ complete: true, rev: revs.at(-1) });
          expect(contentOf(world.sink.view(table)?.rows ?? new Map())).toBe(contentOf(rows));
        }
        if (chunkCharacters === 1) snapshotsInChunks++;
      }),
      { numRuns: 1_500 },
    );
    expect(snapshotsInChunks).toBeGreaterThan(100);
  });

  it('asks for nothing when nothing is lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ table: fc.constantFrom(...TABLES), changes: fc.array(change, { maxLength: 5 }) }), { maxLength: 40 }),
        (all) => {
          const world = new World(100_000);
          world.heal();
          for (const { table, changes } of all) {
            world.change(table, changes);
            world.progress();
            while (world.pending > 0) world.deliver(0, 1);
            expect(world.sink.isInNeedOfAnything).toBe(false);
            expect(world.sink.gaplessTo).toBe(world.truth.position);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
