/** A world that is now the fold of the log and now a fork of it, for whoever derives from it: engines are told of the difference, and read what is there then. */
import type { Folded, ForkBase, ObjectKey, Position } from '@weft/api';

export class SwitchWorld implements ForkBase {
  current: ForkBase;
  readonly #records = new Map<string, ReadonlyMap<string, unknown>>();

  constructor(world: ForkBase) {
    this.current = world;
  }

  get position(): Position {
    return this.current.position;
  }

  get(key: ObjectKey): Folded | undefined {
    return this.current.get(key);
  }

  list(kind: string, namespace?: string): Iterable<Folded> {
    return this.current.list(kind, namespace);
  }

  by(kind: string, index: string, value: string): Iterable<Folded> {
    return this.current.by(kind, index, value);
  }

  values(kind: string, index: string): Iterable<string> {
    return this.current.values?.(kind, index) ?? [];
  }

  count(kind: string, namespace?: string): number {
    return this.current.count(kind, namespace);
  }

  record(ledger: string, key: string): unknown {
    return this.current.records(ledger).get(key);
  }

  /** One map for each ledger, whichever world it is: its readers keep it. */
  records(ledger: string): ReadonlyMap<string, unknown> {
    let records = this.#records.get(ledger);
    if (records === undefined) this.#records.set(ledger, (records = new SwitchRecords(() => this.current.records(ledger))));
    return records;
  }
}

class SwitchRecords implements ReadonlyMap<string, unknown> {
  readonly #current: () => ReadonlyMap<string, unknown>;

  constructor(current: () => ReadonlyMap<string, unknown>) {
    this.#current = current;
  }

  get size(): number {
    return this.#current().size;
  }

  get(key: string): unknown {
    return this.#current().get(key);
  }

  has(key: string): boolean {
    return this.#current().has(key);
  }

  entries(): MapIterator<[string, unknown]> {
    return this.#current().entries();
  }

  keys(): MapIterator<string> {
    return this.#current().keys();
  }

  values(): MapIterator<unknown> {
    return this.#current().values();
  }

  [Symbol.iterator](): MapIterator<[string, unknown]> {
    return this.entries();
  }

  forEach(visit: (value: unknown, key: string, map: ReadonlyMap<string, unknown>) => void): void {
    for (const [key, value] of this.#current()) visit(value, key, this);
  }
}
