/**
 * The fold of the log as sources of an engine: one for each kind, of its living objects under `<namespace>/<name>` or `<name>`, one for each kind of what
 * its ended streams came to, and one for each ledger. Nothing is copied; the fold says what changed.
 */
import {
  type Change,
  type Folded,
  type IndexOf,
  indexOn,
  type KindModule,
  type KindRef,
  type KindTypes,
  NAMESPACE_INDEX,
  nameFrom,
  nameText,
  type Registry,
  staysIn,
} from '@weft/api';
import type { Cause } from '../cause.ts';
import type { Collection } from '../collection.ts';
import type { Engine } from '../engine.ts';
import type { Changed, Facets, Source, SourceIndex } from '../source.ts';
import { DueRecords } from './due-records.ts';

/** The part of a fold that sources read. */
export interface FoldedWorld {
  readonly position: bigint;
  get(key: Readonly<{ kind: string; namespace?: string; name: string }>): Folded | undefined;
  list(kind: string, namespace?: string): Iterable<Folded>;
  by(kind: string, index: string, value: string): Iterable<Folded>;
  values?(kind: string, index: string): Iterable<string>;
  count(kind: string, namespace?: string): number;
  records(ledger: string): ReadonlyMap<string, unknown>;
}

const facets: Facets<Folded> = {
  of: (state, name) => state.facets[name],
  whole: (state) => state.facets,
  causeOf: (state, name): Cause | undefined => state.facets[name],
};

/** Some of the living objects of a kind. `has` is pure, and looks at nothing but the object's state. */
export type Selection<T extends KindTypes> = Readonly<{ kind: KindRef<T>; name: string; has: (state: Folded<T>) => boolean }>;

/** The collections of an engine that stand for a fold. */
export type FoldCollections = Readonly<{
  world: FoldedWorld;
  kind: (name: string) => Collection<Folded>;
  /** For derivations that have nothing to say of all others: these cost neither a question nor memory. */
  some: <T extends KindTypes>(selection: Selection<T>) => Collection<Folded>;
  /** Whether the kind is read, and no domain has it: it has no collection. */
  isAbsent: (kind: string) => boolean;
  /** States of the streams of a kind whose object does not live. */
  ended: (kind: string) => Collection<Folded>;
  ledger: (name: string) => Collection<unknown>;
  /** The records of a ledger from a time on (Unix time, ms) that follows from each. `passTo` moves the time on. */
  due: (name: string, notBefore: (record: unknown) => number) => Collection<unknown>;
}>;

/** The name of the object that was changed last: all engines are told of a change one after the other, and keep one text of it. */
let named: Readonly<{ key: Folded['key']; text: string }> | undefined;

function textOf(key: Folded['key']): string {
  if (named?.key !== key) named = { key, text: nameText(key) };
  return named.text;
}

class ObjectSource implements Source<Folded> {
  readonly name: string;
  readonly facets = facets;
  readonly indexes: Readonly<Record<string, SourceIndex<Folded>>>;
  readonly #world: FoldedWorld;
  /** What was looked up last, at which position of the fold: an evaluation looks at its own key several times. */
  #last: Readonly<{ key: string; at: bigint; state: Folded | undefined }> | undefined;
  #report: Changed<Folded> | undefined;

  constructor({ kind, indexes = {}, namespaced }: KindModule, world: FoldedWorld) {
    this.name = kind;
    this.#world = world;
    const entries = Object.entries(indexes).map(
      ([name, valuesOf]) =>
        [
          name,
          new ObjectIndex(
            valuesOf,
            (value) => world.by(kind, name, value),
            () => world.values?.(kind, name),
          ),
        ] as const,
    );
    const byNamespace = new ObjectIndex(
      indexOn([], ({ key }) => [key.namespace ?? '']),
      (value) => world.list(kind, value),
      () => world.values?.(kind, NAMESPACE_INDEX),
    );
    this.indexes = Object.fromEntries(namespaced ? [...entries, [NAMESPACE_INDEX, byNamespace] as const] : entries);
  }

  get(key: string): Folded | undefined {
    const at = this.#world.position;
    if (this.#last?.key !== key || this.#last.at !== at) {
      const { namespace, name } = nameFrom(key);
      const kind = this.name;
      const state = this.#world.get(namespace === undefined ? { kind, name } : { kind, namespace, name });
      this.#last = { key, at, state: state?.status === 'live' ? state : undefined };
    }
    return this.#last.state;
  }

  *keys(): Iterable<string> {
    for (const { key } of this.#world.list(this.name)) yield nameText(key);
  }

  get size(): number {
    return this.#world.count(this.name);
  }

  attach(changed: Changed<Folded>): void {
    this.#report = changed;
  }

  /** A follower tells its position after it has told the change. */
  lookAgain(): void {
    this.#last = undefined;
  }

  changed(before: Folded | undefined, after: Folded): void {
    this.lookAgain();
    const was = before?.status === 'live' ? before : undefined;
    const is = after.status === 'live' ? after : undefined;
    if (this.#report !== undefined && (was !== undefined || is !== undefined)) this.#report(textOf(after.key), was, is);
  }
}

class SelectedSource implements Source<Folded> {
  readonly name: string;
  readonly facets = facets;
  readonly #of: ObjectSource;
  readonly #has: (state: Folded) => boolean;
  #report: Changed<Folded> | undefined;

  constructor(name: string, of: ObjectSource, has: (state: Folded) => boolean) {
    this.name = `${of.name}, ${name}`;
    this.#of = of;
    this.#has = has;
  }

  get(key: string): Folded | undefined {
    return this.#selected(this.#of.get(key));
  }

  *keys(): Iterable<string> {
    for (const key of this.#of.keys()) if (this.get(key) !== undefined) yield key;
  }

  /** An upper bound, the number of all objects of the kind: counting the selected ones would look at each. */
  get size(): number {
    return this.#of.size;
  }

  attach(changed: Changed<Folded>): void {
    this.#report = changed;
  }

  changed(before: Folded | undefined, after: Folded): void {
    this.#of.lookAgain(); // It is told of no change where nothing reads all objects.
    const was = this.#selected(before?.status === 'live' ? before : undefined);
    const is = this.#selected(after.status === 'live' ? after : undefined);
    if (was !== undefined || is !== undefined) this.#report?.(textOf(after.key), was, is);
  }

  #selected(state: Folded | undefined): Folded | undefined {
    return state !== undefined && this.#has(state) ? state : undefined;
  }
}

/** States of streams whose object does not live, or never did: something may still be appended to them. They are read by name only. */
class EndedSource implements Source<Folded> {
  readonly name: string;
  readonly size = 0;
  readonly #kind: string;
  readonly #world: FoldedWorld;
  #report: Changed<Folded> | undefined;

  constructor(kind: string, world: FoldedWorld) {
    this.name = `ended ${kind}`;
    this.#kind = kind;
    this.#world = world;
  }

  get(key: string): Folded | undefined {
    return endedOf(this.#world.get({ kind: this.#kind, ...nameFrom(key) }));
  }

  keys(): Iterable<string> {
    return [];
  }

  attach(changed: Changed<Folded>): void {
    this.#report = changed;
  }

  changed(before: Folded | undefined, after: Folded): void {
    const was = endedOf(before);
    const is = endedOf(after);
    if (was !== undefined || is !== undefined) this.#report?.(textOf(after.key), was, is);
  }
}

function endedOf(state: Folded | undefined): Folded | undefined {
  return state === undefined || state.status === 'live' || state.revision === 'none' ? undefined : state;
}

class ObjectIndex implements SourceIndex<Folded> {
  readonly valuesOf: IndexOf<Folded>;
  readonly values: () => Iterable<string> | undefined;
  readonly #found: (value: string) => Iterable<Folded>;

  constructor(valuesOf: IndexOf<Folded>, found: (value: string) => Iterable<Folded>, values: () => Iterable<string> | undefined) {
    this.valuesOf = valuesOf;
    this.#found = found;
    this.values = values;
  }

  same(before: Folded, after: Folded): boolean {
    return staysIn(this.valuesOf, before, after);
  }

  *members(value: string): Iterable<readonly [key: string, state: Folded]> {
    for (const state of this.#found(value)) yield [nameText(state.key), state];
  }
}

class RecordSource implements Source<unknown> {
  readonly name: string;
  readonly #records: ReadonlyMap<string, unknown>;
  #report: Changed<unknown> | undefined;

  constructor(ledger: string, world: FoldedWorld) {
    this.name = ledger;
    this.#records = world.records(ledger);
  }

  get(key: string): unknown {
    return this.#records.get(key);
  }

  keys(): Iterable<string> {
    return this.#records.keys();
  }

  get size(): number {
    return this.#records.size;
  }

  attach(changed: Changed<unknown>): void {
    this.#report = changed;
  }

  changed(key: string, before: unknown, after: unknown): void {
    this.#report?.(key, before, after);
  }
}

/** A source of objects of one kind that an engine reads. */
type OfObjects = Readonly<{ changed: (before: Folded | undefined, after: Folded) => void }>;
/** A source of records of one ledger that an engine reads. */
type OfRecords = Readonly<{ changed: (key: string, before: unknown, after: unknown) => void }>;

export class FoldSources {
  readonly #world: FoldedWorld;
  readonly #registry: Registry;
  readonly #objects = new Map<string, ObjectSource>();
  readonly #records = new Map<string, RecordSource>();
  readonly #due: DueRecords[] = [];
  /** Those that an engine reads, by kind or ledger: most boards read few of all, and each is told of each change. */
  readonly #ofKind = new Map<string, OfObjects[]>();
  readonly #ofLedger = new Map<string, OfRecords[]>();

  constructor(registry: Registry, world: FoldedWorld) {
    this.#world = world;
    this.#registry = registry;
    for (const kind of registry.kinds) this.#objects.set(kind.kind, new ObjectSource(kind, world));
    for (const { ledger } of registry.ledgers) this.#records.set(ledger, new RecordSource(ledger, world));
  }

  /** The collections of these sources in an engine. A source is added when it is first read, so one that nobody reads costs nothing. To be called once. */
  within(engine: Engine): FoldCollections {
    const ofKind = <S extends OfObjects & Source<Folded>>(kind: string, source: S): Collection<Folded> => {
      push(this.#ofKind, kind, source);
      return engine.source(source);
    };
    const ofLedger = <S extends OfRecords & Source<unknown>>(ledger: string, source: S): Collection<unknown> => {
      push(this.#ofLedger, ledger, source);
      return engine.source(source);
    };
    return {
      world: this.#world,
      kind: once((kind: string) => ofKind(kind, known(this.#objects, kind, 'kind'))),
      some: once(({ kind: { kind }, name, has }) => {
        // The cast is safe: a selection gets states of its kind only.
        return ofKind(kind, new SelectedSource(name, known(this.#objects, kind, 'kind'), has as Selection<KindTypes>['has']));
      }),
      isAbsent: (kind) => this.#registry.isAbsent(kind),
      ledger: once((ledger: string) => ofLedger(ledger, known(this.#records, ledger, 'ledger'))),
      due: (ledger, notBefore) => {
        const source = new DueRecords(`due ${ledger} ${this.#due.length + 1}`, this.#world.records(ledger), notBefore);
        this.#due.push(source);
        return ofLedger(ledger, source);
      },
      ended: once((kind: string) => ofKind(kind, new EndedSource(kind, this.#world))),
    };
  }

  /** Reports a change that the fold has applied. */
  apply({ before, after, records }: Change): void {
    if (after !== undefined) for (const source of this.#ofKind.get(after.key.kind) ?? NONE) source.changed(before, after);
    if (records === undefined || this.#ofLedger.size === 0) return;
    for (const { ledger, key, before: was, after: is } of records) {
      for (const source of this.#ofLedger.get(ledger) ?? NONE) source.changed(key, was, is);
    }
  }

  /** Moves the time on (Unix time, ms) for records that are not due yet. */
  passTo(nowMs: number): void {
    for (const due of this.#due) due.passTo(nowMs);
  }
}

const NONE: readonly never[] = [];

function push<V>(lists: Map<string, V[]>, name: string, value: V): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [value]);
  else list.push(value);
}

function once<K, V>(make: (of: K) => V): (of: K) => V {
  const made = new Map<K, V>();
  return (of) => {
    let found = made.get(of);
    if (found === undefined) made.set(of, (found = make(of)));
    return found;
  };
}

function known<V>(of: ReadonlyMap<string, V>, name: string, what: string): V {
  const found = of.get(name);
  if (found === undefined) throw new Error(`no domain has a ${what} "${name}"`);
  return found;
}
