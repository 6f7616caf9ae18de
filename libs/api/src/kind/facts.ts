/**
 * What decisions and control loops read of other streams. One interface, two implementations: `factsOf` looks things up in a fold; the one of
 * `@weft/derive` also notes what was read, so that a loop is asked again exactly when that changes.
 */
import type { Position } from '../log/envelope.ts';
import type { FactsView, Folded } from './kind.ts';
import type { KindRef, KindTypes } from './kind-types.ts';
import type { LedgerRef } from './ledger.ts';
import { nameFrom } from './loop.ts';

/** A name within a kind. */
export type NameIn = Readonly<{ namespace?: string; name: string }>;

/** As loops are given it: `<namespace>/<name>`, or `<name>` of a cluster-scoped kind. Neither part holds a slash. */
export type NameText = string;

/**
 * A part of an object that is read by itself. It gives back only what it selects (scalars, lists of scalars, flat records). Readers are asked again
 * only when that differs, whatever else in the object changes.
 */
export type View<T extends KindTypes, V> = Readonly<{
  kind: KindRef<T>;
  /** Unique among the views of its kind. */
  name: string;
  /** The part of a living object. `arg` chooses one part of a family: `held` of a VNI. */
  of: (state: Folded<T>, arg: string) => V | undefined;
  /** Facets (DESIGN 9.8) that the part depends on. It is computed only when one of these has changed; without facets, at each change of the object. */
  facets?: (arg: string) => readonly string[];
}>;

/** Which object lives under a name: a successor of the same name has another uid. */
export function uidOf<T extends KindTypes>(kind: KindRef<T>): View<T, string> {
  return { kind, name: 'uid', facets: () => ['created'], of: ({ object }) => object.metadata.uid };
}

export interface Facts {
  /** Everything up to here is in the view. */
  readonly position: Position;
  /** The whole state, also of an ended stream; undefined for one that was never written. Read a view where a part will do. */
  get<T extends KindTypes>(kind: KindRef<T>, key: NameIn | NameText): Folded<T> | undefined;
  /** A part of a living object; undefined when it does not live. */
  see<T extends KindTypes, V>(view: View<T, V>, key: NameIn, arg?: string): V | undefined;
  /** Living objects whose index holds `value`, whole. O(result). */
  by<T extends KindTypes>(kind: KindRef<T>, index: T['index'], value: string): Iterable<Folded<T>>;
  /** The same, seen through a view; those of which it shows nothing are left out. */
  seeAll<T extends KindTypes, V>(view: View<T, V>, index: T['index'], value: string, arg?: string): Iterable<V>;
  /** Only the names of these objects: what else changes in them does not matter. */
  keys<T extends KindTypes>(kind: KindRef<T>, index: T['index'], value: string): Iterable<NameIn>;
  /** Whether there is such an object. */
  any<T extends KindTypes>(kind: KindRef<T>, index: T['index'], value: string): boolean;
  /** All living objects of a kind, whole: O(objects), for decisions only. */
  all<T extends KindTypes>(kind: KindRef<T>): Iterable<Folded<T>>;
  record<R>(ledger: LedgerRef<R>, key: string): R | undefined;
}

/** Facts as a loop reads them. It can also read time, and is asked again when that time has come. */
export interface LoopFacts extends Facts {
  /** Whether this moment (Unix time, ms) has come. */
  passed(timeMs: number): boolean;
}

/** Looks things up in a fold. The casts are here, at the one place where untyped states become typed: a kind's own definition made them. */
export function factsOf(view: FactsView): Facts {
  const keyOf = ({ kind }: KindRef<never>, { namespace, name }: NameIn) =>
    namespace === undefined ? { kind, name } : { kind, namespace, name };
  const by = <T extends KindTypes>({ kind }: KindRef<T>, index: string, value: string) =>
    view.by(kind, index, value) as unknown as Iterable<Folded<T>>;
  return {
    get position() {
      return view.position ?? 0n;
    },
    get: <T extends KindTypes>(kind: KindRef<T>, key: NameIn | NameText) =>
      view.get(keyOf(kind as KindRef<never>, typeof key === 'string' ? nameFrom(key) : key)) as unknown as Folded<T> | undefined,
    see: (part, key, arg = '') => {
      const state = view.get(keyOf(part.kind as KindRef<never>, key));
      return state?.status === 'live' ? part.of(state as never, arg) : undefined;
    },
    by,
    *seeAll(part, index, value, arg = '') {
      for (const state of by(part.kind, index, value)) {
        const seen = part.of(state, arg);
        if (seen !== undefined) yield seen;
      }
    },
    *keys(kind, index, value) {
      for (const { key } of by(kind, index, value)) yield key;
    },
    any: (kind, index, value) => {
      for (const _ of by(kind, index, value)) return true;
      return false;
    },
    all: <T extends KindTypes>({ kind }: KindRef<T>) => view.list(kind) as unknown as Iterable<Folded<T>>,
    record: <R>({ ledger }: LedgerRef<R>, key: string) => view.record?.(ledger, key) as R | undefined,
  };
}
