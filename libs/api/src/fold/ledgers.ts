/** The records of all ledgers, kept beside the fold of the objects: present at every position, also during a replay. */
import type { Change } from '../kind/kind.ts';
import type { Ledger, LedgerWriter } from '../kind/ledger.ts';

/** A record that an append made, changed or settled. */
export type RecordChange = Readonly<{ ledger: string; key: string; before: unknown; after: unknown }>;

export class Ledgers {
  readonly #ledgers: readonly Ledger[];
  readonly #records = new Map<string, Map<string, unknown>>();
  readonly #writers: readonly Writer[];

  constructor(ledgers: readonly Ledger[]) {
    this.#ledgers = ledgers;
    this.#writers = ledgers.map(({ ledger }) => {
      if (this.#records.has(ledger)) throw new Error(`ledger "${ledger}" is defined twice`);
      const records = new Map<string, unknown>();
      this.#records.set(ledger, records);
      return new Writer(ledger, records);
    });
  }

  /** What the append changed in them, in order. A key that changed twice is told twice. */
  apply(change: Change): readonly RecordChange[] {
    let changes: RecordChange[] | undefined;
    this.#ledgers.forEach((ledger, i) => {
      const writer = this.#writers[i] as Writer;
      ledger.apply(change, writer);
      if (writer.changes.length > 0) changes = [...(changes ?? []), ...writer.changes.splice(0)];
    });
    return changes ?? NONE;
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

const NONE: readonly RecordChange[] = [];

class Writer implements LedgerWriter<unknown> {
  readonly changes: RecordChange[] = [];
  readonly #ledger: string;
  readonly #records: Map<string, unknown>;

  constructor(ledger: string, records: Map<string, unknown>) {
    this.#ledger = ledger;
    this.#records = records;
  }

  get(key: string): unknown {
    return this.#records.get(key);
  }

  put(key: string, record: unknown): void {
    this.changes.push({ ledger: this.#ledger, key, before: this.#records.get(key), after: record });
    this.#records.set(key, record);
  }

  delete(key: string): void {
    if (!this.#records.has(key)) return;
    this.changes.push({ ledger: this.#ledger, key, before: this.#records.get(key), after: undefined });
    this.#records.delete(key);
  }
}
