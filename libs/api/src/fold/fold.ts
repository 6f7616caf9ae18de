/**
 * The fold of the whole log: states of all kinds, by name, by namespace, by secondary index. Readers, loops and deciders see other streams through it.
 *
 * It moves append by append, so nobody sees half of one. Memory: one state per stream that ever lived, its parts shared with its predecessors.
 */

import { type IndexOf, staysIn } from '../kind/index-of.ts';
import type { Change, FactsView, Folded } from '../kind/kind.ts';
import { NAMESPACE_INDEX } from '../kind/kind.ts';
import { keyOfStream, type ObjectKey, streamOf } from '../kind/object.ts';
import { type Append, isOurs, type Position } from '../log/envelope.ts';
import type { Registry } from '../registry/registry.ts';
import { SortedMap } from '../values/sorted-map.ts';
import { absent, followAppend } from './evolve.ts';
import { type Followed, FormerMembers } from './former-members.ts';
import type { FoldImage, KeptState, Piece, Stand } from './image.ts';
import type { KnownStates } from './known-states.ts';
import { Ledgers } from './ledgers.ts';

export interface Fold extends FactsView {
  readonly position: Position;
  /**
   * The append must follow, in the log, the last one applied. What cannot be folded makes its object `unreadable`; streams that are not Weft's, or of a
   * kind that this version does not have, are passed over.
   */
  apply(append: Append): Change;
  /** What was passed over. */
  readonly passedOver: PassedOver;
  /** Live objects of a kind by namespace, then name, both bytewise; `after` is exclusive. Do not use it after an `apply`. O(result). */
  listOrdered(kind: string, namespace?: string, after?: Readonly<{ namespace?: string; name: string }>): Iterable<Folded>;
  count(kind: string, namespace?: string): number;
  /** Every stream's state, the absent ones too. */
  all(): Iterable<Folded>;
  record(ledger: string, key: string): unknown;
  records(ledger: string): ReadonlyMap<string, unknown>;
  readonly former: FormerMembers;
  /** For snapshots. */
  readonly image: FoldImage;
}

/** Appends to streams that are not Weft's; appends of Weft's to streams of kinds that are not known here; streams whose object is `unreadable`. */
export type PassedOver = Readonly<{ foreign: number; unknownKind: number; unreadable: number }>;

/** The present state of one stream. Index sets hold cells, so an update that changes no index value touches none of these sets. */
class Cell {
  #state: Folded | KeptState;

  constructor(state: Folded | KeptState) {
    this.#state = state;
  }

  get folded(): Folded {
    if ('read' in this.#state) this.#state = this.#state.read();
    return this.#state;
  }

  set folded(state: Folded) {
    this.#state = state;
  }

  /** What lies in a snapshot, as long as nobody has looked at it. */
  get kept(): KeptState | undefined {
    return 'read' in this.#state ? this.#state : undefined;
  }

  set kept(state: KeptState) {
    this.#state = state;
  }
}

/** Most index values have one member, which needs no set. */
type Members = Map<string, Cell | Set<Cell>>;

/** `members` undefined: not made yet. */
type Index = { readonly name: string; readonly valuesOf: IndexOf<Folded>; members: Members | undefined };

class KindStore {
  readonly indexes: readonly Index[];
  readonly namespaces = new SortedMap<SortedMap<Cell>>();
  size = 0;

  constructor(indexes: Readonly<Record<string, IndexOf<Folded>>>, isLate: boolean) {
    this.indexes = Object.entries(indexes).map(([name, valuesOf]) => ({ name, valuesOf, members: isLate ? undefined : new Map() }));
  }

  /** Undefined when there is no such index. */
  membersOf(index: string): Members | undefined {
    const found = this.indexes.find(({ name }) => name === index);
    if (found !== undefined && found.members === undefined) found.members = this.#filed(found.valuesOf);
    return found?.members;
  }

  #filed(valuesOf: IndexOf<Folded>): Members {
    const members: Members = new Map();
    for (const names of this.namespaces.unordered()) {
      for (const cell of names.unordered()) for (const value of valuesOf(cell.folded)) join(members, value, cell);
    }
    return members;
  }
}

export type FoldOptions = Readonly<{
  /** Of which it keeps where objects were once; default: of nothing. */
  followed?: Followed | undefined;
  /** An index is made when it is first asked for, in O(objects of the kind): for who reads a long log before it asks anything. */
  lateIndexes?: boolean;
  /** States that somebody else has computed of what is in the same log. */
  known?: KnownStates | undefined;
}>;

const NO_VALUES: readonly string[] = [];
const NO_LISTS: readonly (readonly string[])[] = [];

export function createFold(registry: Registry, { followed, lateIndexes = false, known }: FoldOptions = {}): Fold {
  const former = new FormerMembers(registry, followed);
  const kinds = new Map(registry.kinds.map((kind) => [kind.kind, new KindStore(kind.indexes ?? {}, lateIndexes)]));
  /** By stream; `null` for a stream without an object (reservations, the store's own). */
  const cells = new Map<string, Cell | null>();
  const ledgers = new Ledgers(registry.ledgers);
  let position: Position = 0n;

  const passedOver = { foreign: 0, unknownKind: 0, unreadable: 0 };
  /** Cells whose state has changed since it was asked last; undefined while nobody asks. */
  let noted: Set<Cell> | undefined;

  /** Undefined for a stream without an object that is known here. */
  function cellOf({ stream }: Append): Cell | undefined {
    const found = cells.get(stream);
    if (found !== undefined) return found ?? undefined;
    const key = registry.holdsObject(stream) ? keyOfStream(stream) : undefined;
    const cell = key !== undefined && kinds.has(key.kind) ? new Cell(absent(registry, key)) : undefined;
    cells.set(stream, cell ?? null);
    return cell;
  }

  function apply(append: Append): Change {
    const change = take(append);
    position = append.position;
    const whole = withRecords(change, ledgers, view);
    former.note(whole);
    return whole;
  }

  function take(append: Append): Change {
    const cell = cellOf(append);
    if (cell === undefined) {
      if (registry.holdsObject(append.stream)) passedOver[append.events.every(isOurs) ? 'unknownKind' : 'foreign']++;
      return { append };
    }
    const before = cell.folded;
    const after = known?.take(append, before) ?? followAppend(registry, before, append, { requests: false });
    show(cell, after);
    noted?.add(cell);
    return { append, before, after };
  }

  function show(cell: Cell, after: Folded): void {
    const before = cell.folded;
    cell.folded = after;
    if (after.unreadable !== before.unreadable)
      passedOver.unreadable += Number(after.unreadable !== undefined) - Number(before.unreadable !== undefined);
    const store = kinds.get(after.key.kind) as KindStore;
    const [was, is] = [before.status === 'live' ? before : undefined, after.status === 'live' ? after : undefined];
    if (was === undefined && is !== undefined) place(store, cell, after.key);
    if (was !== undefined && is === undefined) remove(store, after.key);
    refile(store, cell, was, is);
  }

  function* pieces(): Iterable<Piece> {
    for (const cell of cells.values()) if (cell !== null) yield { state: cell.folded };
    yield* ledgers.all();
    yield* former.all();
  }

  const image: FoldImage = {
    scan() {
      startNoting();
      return pieces();
    },
    takeChanges() {
      const states: Piece[] = Array.from(noted ?? [], ({ folded }) => ({ state: folded }));
      noted?.clear();
      return [...states, ...ledgers.takeNoted(), ...former.takeNoted()];
    },
    get changes() {
      return (noted?.size ?? 0) + ledgers.noted + former.noted;
    },
    put(piece) {
      if ('ledger' in piece) return ledgers.restore(piece);
      if ('place' in piece) return former.restore(piece);
      const { key } = 'kept' in piece ? piece.kept : piece.state;
      const stream = streamOf(key);
      let cell = cells.get(stream);
      if (cell === undefined || cell === null) cells.set(stream, (cell = new Cell(nothingOf(key))));
      if ('kept' in piece) keep(cell, piece.kept);
      else show(cell, piece.state);
    },
    stand(at: Stand) {
      ({ position } = at);
      Object.assign(passedOver, { foreign: at.passedOver.foreign, unknownKind: at.passedOver.unknownKind });
      startNoting();
    },
  };

  function startNoting(): void {
    noted = new Set();
    ledgers.note();
    former.startNoting();
  }

  /** It is found as what it is, and read later. */
  function keep(cell: Cell, kept: KeptState): void {
    const was = cell.kept;
    if (was === undefined) {
      show(cell, kept.read());
      return;
    }
    cell.kept = kept;
    passedOver.unreadable += Number(kept.isUnreadable) - Number(was.isUnreadable);
    const store = kinds.get(kept.key.kind) as KindStore;
    if (kept.isLive && !was.isLive) place(store, cell, kept.key);
    if (!kept.isLive && was.isLive) remove(store, kept.key);
    for (const [i, { members }] of store.indexes.entries()) {
      if (members !== undefined) move(members, cell, was.values[i] ?? NO_VALUES, kept.values[i] ?? NO_VALUES);
    }
  }

  /** Of a stream of which a snapshot is about to tell. */
  function nothingOf(key: ObjectKey): KeptState {
    return { key, isLive: false, isUnreadable: false, values: NO_LISTS, read: () => absent(registry, key) };
  }

  /** Index values are not kept: they are made again of the state before, where they may differ. */
  function refile(store: KindStore, cell: Cell, was: Folded | undefined, is: Folded | undefined): void {
    if (was === undefined && is === undefined) return;
    for (const { valuesOf, members } of store.indexes) {
      if (members === undefined || (was !== undefined && is !== undefined && staysIn(valuesOf, was, is))) continue;
      const old = was === undefined ? NO_VALUES : valuesOf(was);
      const values = is === undefined ? NO_VALUES : valuesOf(is);
      move(members, cell, old, values);
    }
  }

  function* live(cellsOf: Iterable<Cell> | undefined): Iterable<Folded> {
    for (const cell of cellsOf ?? []) yield cell.folded;
  }

  /** Undefined for a kind that is read and that no domain has. */
  function storeOf(kind: string): KindStore | undefined {
    const store = kinds.get(kind);
    if (store === undefined && !registry.isAbsent(kind)) throw new Error(`no domain has a kind "${kind}"`);
    return store;
  }

  const view: Fold = {
    get position() {
      return position;
    },
    apply,
    image,
    former,
    passedOver,
    get: (key: ObjectKey) => {
      const live = kinds
        .get(key.kind)
        ?.namespaces.get(key.namespace ?? '')
        ?.get(key.name);
      const folded = (live ?? cells.get(streamOf(key)))?.folded;
      return folded?.revision === 'none' ? undefined : folded;
    },
    *list(kind, namespace) {
      const namespaces = storeOf(kind)?.namespaces;
      if (namespace !== undefined) yield* live(namespaces?.get(namespace)?.unordered());
      else for (const names of namespaces?.unordered() ?? []) yield* live(names.unordered());
    },
    *listOrdered(kind, namespace, after) {
      const namespaces = storeOf(kind)?.namespaces;
      if (namespaces === undefined) return;
      if (namespace !== undefined) {
        for (const [, { folded }] of namespaces.get(namespace)?.entries(after?.name) ?? []) yield folded;
        return;
      }
      const started = after?.namespace ?? '';
      if (after !== undefined) for (const [, { folded }] of namespaces.get(started)?.entries(after.name) ?? []) yield folded;
      for (const [, names] of namespaces.entries(after === undefined ? undefined : started)) {
        for (const [, { folded }] of names.entries()) yield folded;
      }
    },
    *by(kind, index, value) {
      const store = storeOf(kind);
      if (store === undefined) return;
      if (index === NAMESPACE_INDEX) {
        yield* live(store.namespaces.get(value)?.unordered());
        return;
      }
      const members = store.membersOf(index);
      if (members === undefined) throw new Error(`kind ${kind} has no index "${index}"`);
      const found = members.get(value);
      if (found instanceof Set) yield* live(found);
      else if (found !== undefined) yield found.folded;
    },
    values: (kind, index) => {
      const store = storeOf(kind);
      if (index === NAMESPACE_INDEX) return [...(store?.namespaces.names() ?? [])];
      return store?.membersOf(index)?.keys() ?? [];
    },
    count: (kind, namespace) => {
      const store = storeOf(kind);
      return (namespace === undefined ? store?.size : store?.namespaces.get(namespace)?.size) ?? 0;
    },
    record: (ledger, key) => ledgers.record(ledger, key),
    records: (ledger) => ledgers.records(ledger),
    *all() {
      for (const cell of cells.values()) if (cell !== null) yield cell.folded;
    },
  };
  return view;
}

/** The change with what it changes in ledgers; `states` are those behind it. */
export function withRecords(change: Change, ledgers: Pick<Ledgers, 'apply'>, states: FactsView): Change {
  const { append, before, after } = change;
  // Of an object, what others wrote makes it unreadable.
  if (after === undefined ? !append.events.every(isOurs) : after.unreadable !== undefined) return change;
  const records = ledgers.apply(change, states);
  if (records.length === 0) return change;
  return before === undefined || after === undefined ? { append, records } : { append, before, after, records };
}

function move(members: Members, cell: Cell, old: readonly string[], values: readonly string[]): void {
  if (sameValues(old, values)) return;
  if (old.length === 0) {
    for (const value of values) join(members, value, cell);
    return;
  }
  const [wasIn, isIn] = [lookup(old), lookup(values)];
  for (const value of old) if (!isIn(value)) leave(members, value, cell);
  for (const value of values) if (!wasIn(value)) join(members, value, cell);
}

function join(members: Members, value: string, cell: Cell): void {
  const present = members.get(value);
  if (present === undefined) members.set(value, cell);
  else if (present instanceof Set) present.add(cell);
  else if (present !== cell) members.set(value, new Set([present, cell]));
}

function leave(members: Members, value: string, cell: Cell): void {
  const present = members.get(value);
  if (present === cell) members.delete(value);
  else if (present instanceof Set) {
    present.delete(cell);
    if (present.size === 0) members.delete(value);
  }
}

function place(store: KindStore, cell: Cell, { namespace = '', name }: ObjectKey): void {
  let names = store.namespaces.get(namespace);
  if (names === undefined) {
    names = new SortedMap();
    store.namespaces.set(namespace, names);
  }
  names.set(name, cell);
  store.size++;
}

function remove(store: KindStore, { namespace = '', name }: ObjectKey): void {
  const names = store.namespaces.get(namespace);
  names?.delete(name);
  if (names?.size === 0) store.namespaces.delete(namespace);
  store.size--;
}

/** An object may have thousands of values: a network has one for each of its peers. */
function lookup(values: readonly string[]): (value: string) => boolean {
  if (values.length <= 16) return (value) => values.includes(value);
  const set = new Set(values);
  return (value) => set.has(value);
}

function sameValues(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
