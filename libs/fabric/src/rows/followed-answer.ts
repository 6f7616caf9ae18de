/**
 * The answer to a question about rows that is asked again exactly when something differs that it has read (ADR 19): for who follows a log and wants to know
 * at which of its positions the answer changes. Rows are made within the question, without the events behind them.
 *
 *   const answer = new FollowedAnswer(registry, fold, (rows, facts) => evaluate({ rows }, packet));
 *   for (const append of appends) { answer.note(fold.apply(append)); answer.get(); }
 */
import {
  type Change,
  type Facts,
  type FactsView,
  type Folded,
  factsOf,
  type JsonObject,
  type KindRef,
  type KindTypes,
  type LedgerRef,
  type Registry,
} from '@weft/api';
import {
  type Collection,
  type Derived,
  Engine,
  type FoldCollections,
  type FoldedWorld,
  FoldSources,
  type Index,
  type Read,
  TrackedFacts,
} from '@weft/derive';
import { rowsIn } from '../projections.ts';
import { type AskedFold, type FoundRow, foundIn, type Lookup, type RowIndex, recordsOf } from './row-index.ts';
import type { MakeRows, PlacedRow } from './row-projection.ts';
import { parseTable } from './rows.codec.ts';

const ONE = '';
const NONE: readonly PlacedRow[] = [];

type QuestionWorld = FoldedWorld & FactsView;

export class FollowedAnswer<T> {
  readonly #engine = new Engine();
  readonly #sources: FoldSources;
  readonly #answer: Derived<Readonly<{ value: T }>>;
  /** Kinds and ledgers that were read as a whole: each change of them asks again. */
  readonly #wholes = new Set<string>();
  /** How often the question was asked. */
  get asked(): number {
    return this.#answer.evaluations;
  }

  /** `world` must have applied a change before that is given to `note`. `ask` must not keep what it is given, and not throw. */
  constructor(registry: Registry, world: QuestionWorld, ask: (rows: RowIndex, facts: Facts) => T) {
    this.#sources = new FoldSources(registry, world);
    const from = this.#sources.within(this.#engine);
    const makers = new Map<string, MakeRows>();
    const map = (name: string, _: unknown, make: MakeRows) => void makers.set(name, make);
    // What a group makes of a value that nobody has is no row.
    const group = (name: string, over: Index<unknown>, make: MakeRows) =>
      void makers.set(name, (key, facts, read) => (read.any(over, key) ? make(key, facts, read) : NONE));
    for (const { declare } of rowsIn(registry)) declare({ engine: this.#engine, from, map, group });
    const one = this.#engine.source({ name: 'question', get: () => ONE, keys: () => [ONE], size: 1 });
    this.#answer = this.#engine.map('answer', one, (_, read) => {
      const facts = new QuestionFacts({ from, read, world, wholes: this.#wholes });
      return { value: ask(new RowsWithin(makers, facts, withoutCauses(read)), facts) };
    });
  }

  note(change: Change): void {
    this.#sources.apply(change);
    const { after, records = [] } = change;
    const isOfWhole = (after !== undefined && this.#wholes.has(after.key.kind)) || records.some(({ ledger }) => this.#wholes.has(ledger));
    if (isOfWhole) this.#answer.again(ONE);
  }

  get(): T {
    this.#engine.settle();
    for (const { error } of this.#engine.faults()) throw error;
    return (this.#answer.get(ONE) as Readonly<{ value: T }>).value;
  }
}

class QuestionFacts extends TrackedFacts {
  readonly #whole: Facts;
  readonly #records: AskedFold['records'];
  readonly #wholes: Set<string>;

  constructor({ from, read, world, wholes }: Readonly<{ from: FoldCollections; read: Read; world: QuestionWorld; wholes: Set<string> }>) {
    super(from, read);
    this.#whole = factsOf(world);
    this.#records = recordsOf(world);
    this.#wholes = wholes;
  }

  override all<T extends KindTypes>(kind: KindRef<T>): Iterable<Folded<T>> {
    this.#wholes.add(kind.kind);
    return this.#whole.all(kind);
  }

  records<R>(ledger: LedgerRef<R>): Iterable<readonly [key: string, record: R]> {
    this.#wholes.add(ledger.ledger);
    return this.#records(ledger);
  }
}

/** Rows as they are while a question is asked. */
class RowsWithin implements RowIndex {
  readonly #makers: ReadonlyMap<string, MakeRows>;
  readonly #facts: QuestionFacts;
  readonly #read: Read;
  readonly #asked: AskedFold;
  readonly #made = new Map<string, readonly PlacedRow[]>();

  constructor(makers: ReadonlyMap<string, MakeRows>, facts: QuestionFacts, read: Read) {
    this.#makers = makers;
    this.#facts = facts;
    this.#read = read;
    this.#asked = { facts, records: (ledger) => facts.records(ledger) };
  }

  find<R extends JsonObject>(lookup: Lookup<R>, value: string, table?: string): Iterable<FoundRow<R>> {
    lookup.rests?.(this.#asked, table === undefined ? undefined : parseTable(table));
    return foundIn(lookup, this.#asked, (rows, key) => this.#rowsOf(rows, key), value, table);
  }

  #rowsOf(rows: string, key: string): readonly PlacedRow[] {
    const origin = `${rows} ${key}`;
    let made = this.#made.get(origin);
    if (made === undefined) this.#made.set(origin, (made = this.#makers.get(rows)?.(key, this.#facts, this.#read) ?? NONE));
    return made;
  }
}

/** Which events are behind what was read makes no difference to an answer. */
function withoutCauses(read: Read): Read {
  return {
    get: (from, key) => read.get(from, key),
    see: (from, lens, key, arg) => read.see(from, lens, key, arg),
    rows: <V>(index: Index<V>, value: string, of?: Collection<V>) =>
      of === undefined ? read.rows(index, value) : read.rows(index, value, of),
    entries: (index, value) => read.entries(index, value),
    seeAll: (index, lens, value, arg) => read.seeAll(index, lens, value, arg),
    keys: (index, value) => read.keys(index, value),
    count: (index, value) => read.count(index, value),
    any: (index, value) => read.any(index, value),
    first: (index, value, n) => read.first(index, value, n),
    reached: (position) => read.reached(position),
    passed: (timeMs) => read.passed(timeMs),
    causes: () => [],
  };
}
