/** The records of all ledgers, kept beside the fold of the objects: present at every position, also during a replay. */
import type { Change, FactsView } from '../kind/kind.ts';
import type { Ledger, LedgerWriter } from '../kind/ledger.ts';
import { categoryOf } from '../log/category.ts';
import type { RecordPiece } from './image.ts';

/** A record that an append made, changed or settled. */
export type RecordChange = Readonly<{ ledger: string; key: string; before: unknown; after: unknown }>;

/** The records of one ledger, in order: a Map, or an OverlayMap of a fork. */
type Records = ReadonlyMap<string, unknown> &
  Readonly<{ set: (key: string, record: unknown) => unknown; delete: (key: string) => boolean }>;

export class Ledgers {
  readonly #kept: readonly Kept[];
  readonly #records = new Map<string, Records>();
  readonly #writers = new Map<string, Writer>();
  /** Category of a stream -> the ledgers that follow it. */
  readonly #concerned = new Map<string, readonly Kept[]>();

  /** `recordsOf`: where the records of a ledger are kept; default: in a map of its own, empty at first. */
  constructor(ledgers: readonly Ledger[], recordsOf: (ledger: string) => Records = () => new Map()) {
    this.#kept = ledgers.map((ledger) => {
      const name = ledger.ledger;
      if (this.#records.has(name)) throw new Error(`ledger "${name}" is defined twice`);
      const records = recordsOf(name);
      this.#records.set(name, records);
      const writer = new Writer(name, records);
      this.#writers.set(name, writer);
      return { ledger, writer };
    });
  }

  /** What the append changed in the ledgers, in order. A key that changed twice is listed twice. */
  apply(change: Change, states: FactsView): readonly RecordChange[] {
    let changes: RecordChange[] | undefined;
    for (const { ledger, writer } of this.#concernedBy(change.after?.key.kind ?? categoryOf(change.append.stream))) {
      ledger.apply(change, writer, states);
      const made = writer.take();
      if (made !== undefined) changes = changes === undefined ? made : [...changes, ...made];
    }
    return changes ?? NONE;
  }

  #concernedBy(category: string): readonly Kept[] {
    let concerned = this.#concerned.get(category);
    if (concerned === undefined) {
      concerned = this.#kept.filter(({ ledger: { categories } }) => categories === undefined || categories.includes(category));
      this.#concerned.set(category, concerned);
    }
    return concerned;
  }

  /** From now on changes are noted. */
  note(): void {
    for (const { writer } of this.#kept) writer.note();
  }

  /** All records, each as it is when it is taken. */
  *all(): Iterable<RecordPiece> {
    for (const [ledger, records] of this.#records) for (const [key, record] of records) yield { ledger, key, record, moved: true };
  }

  takeNoted(): RecordPiece[] {
    return this.#kept.flatMap(({ writer }) => writer.takeNoted());
  }

  get noted(): number {
    return this.#kept.reduce((sum, { writer }) => sum + writer.noted, 0);
  }

  /** A record of a ledger that is not there any more is left out. */
  restore({ ledger, key, record, moved }: RecordPiece): void {
    this.#writers.get(ledger)?.restore(key, record, moved);
  }

  record(ledger: string, key: string): unknown {
    return this.records(ledger).get(key);
  }

  records(ledger: string): ReadonlyMap<string, unknown> {
    const records = this.#records.get(ledger);
    if (records === undefined) throw new Error(`no domain has a ledger "${ledger}"`);
    return records;
  }
}

type Kept = Readonly<{ ledger: Ledger; writer: Writer }>;

const NONE: readonly RecordChange[] = [];

class Writer implements LedgerWriter<unknown> {
  #changes: RecordChange[] | undefined;
  /** Keys that were written since the last time, in the order in which they came or went; whether they stand behind all others now. */
  #noted: Map<string, boolean> | undefined;
  readonly #ledger: string;
  readonly #records: Records;
  /** Behind `#oldest`. */
  #inOrder: Iterator<string>;
  #oldest: string | undefined;

  constructor(ledger: string, records: Records) {
    this.#ledger = ledger;
    this.#records = records;
    this.#inOrder = records.keys();
  }

  /** What was written since the last time. */
  take(): RecordChange[] | undefined {
    const changes = this.#changes;
    this.#changes = undefined;
    return changes;
  }

  note(): void {
    this.#noted = new Map();
  }

  get noted(): number {
    return this.#noted?.size ?? 0;
  }

  takeNoted(): RecordPiece[] {
    const noted = this.#noted ?? NOBODY;
    if (noted.size > 0) this.note();
    return Array.from(noted, ([key, moved]) => ({ ledger: this.#ledger, key, record: this.#records.get(key), moved }));
  }

  get isEmpty(): boolean {
    return this.#records.size === 0;
  }

  get size(): number {
    return this.#records.size;
  }

  keys(): Iterable<string> {
    return this.#records.keys();
  }

  /** The iterator stays where it is: one that began anew would pass all the places that were left since the map was made larger. */
  get oldest(): string | undefined {
    if (this.#oldest !== undefined) return this.#oldest;
    let next = this.#inOrder.next();
    if (next.done === true) {
      this.#inOrder = this.#records.keys();
      next = this.#inOrder.next();
    }
    this.#oldest = next.done === true ? undefined : next.value;
    return this.#oldest;
  }

  restore(key: string, record: unknown, moved: boolean): void {
    if (moved || record === undefined) this.#forget(key);
    if (record !== undefined) this.#records.set(key, record);
  }

  get(key: string): unknown {
    return this.#records.get(key);
  }

  put(key: string, record: unknown): void {
    this.#note(key, this.#records.get(key), record);
    this.#records.set(key, record);
  }

  delete(key: string): void {
    const before = this.#records.get(key);
    if (before === undefined) return;
    this.#note(key, before, undefined);
    this.#forget(key);
  }

  #forget(key: string): void {
    this.#records.delete(key);
    if (key === this.#oldest) this.#oldest = undefined;
  }

  #note(key: string, before: unknown, after: unknown): void {
    if (this.#noted !== undefined) this.#noteMove(this.#noted, key, before === undefined || after === undefined);
    const change = { ledger: this.#ledger, key, before, after };
    if (this.#changes === undefined) this.#changes = [change];
    else this.#changes.push(change);
  }

  #noteMove(noted: Map<string, boolean>, key: string, moves: boolean): void {
    if (moves) noted.delete(key);
    if (moves || !noted.has(key)) noted.set(key, moves);
  }
}

const NOBODY: ReadonlyMap<string, boolean> = new Map();
