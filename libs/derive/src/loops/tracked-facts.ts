/** `Facts` of `@weft/api` for loops: they note every read. */
import type { Folded, KindRef, KindTypes, LedgerRef, LoopFacts, NameIn, NameText, View } from '@weft/api';
import { nameFrom, nameText } from '@weft/api';
import type { Read } from '../read.ts';
import type { Lens } from '../source.ts';
import type { FoldCollections } from './fold-sources.ts';

/** One lens for each view, since the engine compares lenses by identity. */
const lenses = new WeakMap<object, Lens<Folded, unknown>>();

// The cast is safe: a view is written for the types of its kind, and gets states of that kind only.
function lensOf<T extends KindTypes, V>(view: View<T, V>): Lens<Folded, V> {
  let lens = lenses.get(view);
  if (lens === undefined) {
    const { name, of, facets } = view;
    lens = { name, of: (state, arg) => of(state as unknown as Folded<T>, arg), ...(facets && { facets }) };
    lenses.set(view, lens);
  }
  return lens as Lens<Folded, V>;
}

export class TrackedFacts implements LoopFacts {
  readonly #from: FoldCollections;
  readonly #read: Read;

  constructor(from: FoldCollections, read: Read) {
    this.#from = from;
    this.#read = read;
  }

  /** The position of the fold, which everything is read from. */
  get position(): bigint {
    return this.#from.world.position;
  }

  get<T extends KindTypes>({ kind }: KindRef<T>, key: NameIn | NameText): Folded<T> | undefined {
    if (this.#from.isAbsent(kind)) return undefined;
    const name = typeof key === 'string' ? key : nameText(key);
    const state = this.#read.get(this.#from.kind(kind), name) ?? this.#read.get(this.#from.ended(kind), name);
    return state as Folded<T> | undefined;
  }

  see<T extends KindTypes, V>(view: View<T, V>, key: NameIn, arg = ''): V | undefined {
    if (this.#from.isAbsent(view.kind.kind)) return undefined;
    return this.#read.see(this.#from.kind(view.kind.kind), lensOf(view), nameText(key), arg);
  }

  by<T extends KindTypes>({ kind }: KindRef<T>, index: T['index'], value: string): Iterable<Folded<T>> {
    if (this.#from.isAbsent(kind)) return [];
    return this.#read.rows(this.#from.kind(kind).index(index), value) as Iterable<Folded<T>>;
  }

  seeAll<T extends KindTypes, V>(view: View<T, V>, index: T['index'], value: string, arg = ''): Iterable<V> {
    if (this.#from.isAbsent(view.kind.kind)) return [];
    return this.#read.seeAll(this.#from.kind(view.kind.kind).index(index), lensOf(view), value, arg);
  }

  *keys<T extends KindTypes>({ kind }: KindRef<T>, index: T['index'], value: string): Iterable<NameIn> {
    if (this.#from.isAbsent(kind)) return;
    for (const key of this.#read.keys(this.#from.kind(kind).index(index), value)) yield nameFrom(key);
  }

  any<T extends KindTypes>({ kind }: KindRef<T>, index: T['index'], value: string): boolean {
    if (this.#from.isAbsent(kind)) return false;
    return this.#read.any(this.#from.kind(kind).index(index), value);
  }

  all<T extends KindTypes>({ kind }: KindRef<T>): Iterable<Folded<T>> {
    throw new Error(`a loop must not look at every ${kind}: let it read an index`);
  }

  record<R>({ ledger }: LedgerRef<R>, key: string): R | undefined {
    return this.#read.get(this.#from.ledger(ledger), key) as R | undefined;
  }

  passed(timeMs: number): boolean {
    return this.#read.passed(timeMs);
  }
}
