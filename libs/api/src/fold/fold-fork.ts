/**
 * A fork of a fold: the fold at one position, with appends on top that nobody has written. It holds only what differs, so it costs nothing to begin, and its
 * appends cost what they would in the fold.
 *
 *   fold at P ──┬── goes on; `pin` keeps in the fork what was there at P
 *               └── fork: apply, apply, …; `changed` and `changedRecords` are what lies between
 */
import type { IndexOf } from '../kind/index-of.ts';
import type { Change, FactsView, Folded } from '../kind/kind.ts';
import { NAMESPACE_INDEX } from '../kind/kind.ts';
import { keyOfStream, type ObjectKey, streamOf } from '../kind/object.ts';
import type { Append, Position } from '../log/envelope.ts';
import type { Registry } from '../registry/registry.ts';
import { OverlayMap } from '../values/overlay-map.ts';
import { absent, followAppend } from './evolve.ts';
import { withRecords } from './fold.ts';
import { Ledgers, type RecordChange } from './ledgers.ts';

/** What a fork needs of the fold below. */
export type ForkBase = FactsView &
  Readonly<{
    position: Position;
    count: (kind: string, namespace?: string) => number;
    records: (ledger: string) => ReadonlyMap<string, unknown>;
  }>;

/** The state of a stream that is not what the fold below has. `began`: as it was when the fork began. */
type Kept = { readonly began: Folded; now: Folded };
type Members = Map<string, Set<Kept>>;
type KeptKind = Readonly<{
  states: Map<string, Kept>;
  living: Set<Kept>;
  indexes: ReadonlyMap<string, Readonly<{ valuesOf: IndexOf<Folded>; members: Members }>>;
}>;

export class FoldFork implements ForkBase {
  readonly #registry: Registry;
  readonly #base: ForkBase;
  readonly #kinds = new Map<string, KeptKind>();
  readonly #records = new Map<string, OverlayMap<unknown>>();
  readonly #ledgers: Ledgers;
  #position: Position;

  constructor(registry: Registry, base: ForkBase) {
    this.#registry = registry;
    this.#base = base;
    this.#position = base.position;
    this.#ledgers = new Ledgers(registry.ledgers, (ledger) => {
      const records = new OverlayMap(base.records(ledger));
      this.#records.set(ledger, records);
      return records;
    });
  }

  get position(): Position {
    return this.#position;
  }

  /** As in the fold; the positions of the appends must rise above that at which the fork began. */
  apply(append: Append): Change {
    const change = this.#take(append);
    this.#position = append.position;
    return withRecords(change, this.#ledgers, this);
  }

  /** The fold below has gone on by this change; the fork stays where it began. */
  pin({ before, after, records = [] }: Change): void {
    if (before !== undefined && after !== undefined) this.#kept(after.key, before);
    for (const { ledger, key, before: was } of records) this.#records.get(ledger)?.pin(key, was);
  }

  /** The streams of objects whose state differs from that at the beginning. */
  *changed(): Iterable<Readonly<{ before: Folded; after: Folded }>> {
    for (const { states } of this.#kinds.values()) {
      for (const { began, now } of states.values()) if (began !== now) yield { before: began, after: now };
    }
  }

  *changedRecords(): Iterable<RecordChange> {
    for (const [ledger, records] of this.#records) for (const change of records.changed()) yield { ledger, ...change };
  }

  #take(append: Append): Change {
    const { stream } = append;
    const key = this.#registry.holdsObject(stream) ? keyOfStream(stream) : undefined;
    if (key === undefined || this.#registry.kind(key.kind) === undefined) return { append };
    const kept = this.#kept(key);
    const before = kept.now;
    const after = followAppend(this.#registry, before, append, { requests: false });
    this.#show(kept, after);
    return { append, before, after };
  }

  #kept(key: ObjectKey, began?: Folded): Kept {
    const { states } = this.#kindOf(key.kind);
    const stream = streamOf(key);
    let kept = states.get(stream);
    if (kept === undefined) {
      const state = began ?? this.#base.get(key) ?? absent(this.#registry, key);
      states.set(stream, (kept = { began: state, now: state }));
      this.#file(kept, undefined, live(state));
    }
    return kept;
  }

  #kindOf(name: string): KeptKind {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      const declared = { ...this.#registry.kind(name)?.indexes, [NAMESPACE_INDEX]: namespaceOf };
      const indexes = new Map(Object.entries(declared).map(([index, valuesOf]) => [index, { valuesOf, members: new Map() as Members }]));
      this.#kinds.set(name, (kind = { states: new Map(), living: new Set(), indexes }));
    }
    return kind;
  }

  #show(kept: Kept, after: Folded): void {
    const before = kept.now;
    kept.now = after;
    this.#file(kept, live(before), live(after));
  }

  #file(kept: Kept, was: Folded | undefined, is: Folded | undefined): void {
    const { living, indexes } = this.#kindOf(kept.now.key.kind);
    if (is === undefined) living.delete(kept);
    else living.add(kept);
    for (const { valuesOf, members } of indexes.values()) {
      const [old, values] = [was === undefined ? [] : valuesOf(was), is === undefined ? [] : valuesOf(is)];
      for (const value of old) if (!values.includes(value)) members.get(value)?.delete(kept);
      for (const value of values) {
        const found = members.get(value);
        if (found === undefined) members.set(value, new Set([kept]));
        else found.add(kept);
      }
    }
  }

  // ---- reading ----

  get(key: ObjectKey): Folded | undefined {
    const kept = this.#kinds.get(key.kind)?.states.get(streamOf(key));
    if (kept === undefined) return this.#base.get(key);
    return kept.now.revision === 'none' ? undefined : kept.now;
  }

  *list(kind: string, namespace?: string): Iterable<Folded> {
    const kept = this.#kinds.get(kind);
    const living = namespace === undefined ? kept?.living : kept?.indexes.get(NAMESPACE_INDEX)?.members.get(namespace);
    yield* this.#merged(kept, this.#base.list(kind, namespace), living);
  }

  *by(kind: string, index: string, value: string): Iterable<Folded> {
    const kept = this.#kinds.get(kind);
    yield* this.#merged(kept, this.#base.by(kind, index, value), kept?.indexes.get(index)?.members.get(value));
  }

  /** Members that are there in the fold, too, keep their places: messages name the first ones. */
  *#merged(kind: KeptKind | undefined, below: Iterable<Folded>, members: ReadonlySet<Kept> = NOBODY): Iterable<Folded> {
    if (kind === undefined || kind.states.size === 0) return yield* below;
    const told = new Set<Kept>();
    for (const state of below) {
      const kept = kind.states.get(streamOf(state.key));
      if (kept === undefined) yield state;
      else if (members.has(kept)) {
        told.add(kept);
        yield kept.now;
      }
    }
    for (const kept of members) if (!told.has(kept)) yield kept.now;
  }

  *values(kind: string, index: string): Iterable<string> {
    const seen = new Set<string>(this.#base.values?.(kind, index));
    for (const [value, { size }] of this.#kinds.get(kind)?.indexes.get(index)?.members ?? []) if (size > 0) seen.add(value);
    for (const value of seen)
      for (const _ of this.by(kind, index, value)) {
        yield value;
        break;
      }
  }

  count(kind: string, namespace?: string): number {
    let count = this.#base.count(kind, namespace);
    for (const { now } of this.#kinds.get(kind)?.states.values() ?? []) {
      if (namespace !== undefined && (now.key.namespace ?? '') !== namespace) continue;
      count += Number(now.status === 'live') - Number(this.#base.get(now.key)?.status === 'live');
    }
    return count;
  }

  record(ledger: string, key: string): unknown {
    return this.records(ledger).get(key);
  }

  records(ledger: string): ReadonlyMap<string, unknown> {
    return this.#ledgers.records(ledger);
  }
}

const NOBODY: ReadonlySet<Kept> = new Set();

function namespaceOf({ key }: Folded): readonly string[] {
  return [key.namespace ?? ''];
}

function live(state: Folded): Folded | undefined {
  return state.status === 'live' ? state : undefined;
}
