import type { Cause } from './cause.ts';

/**
 * Values by key that somebody else owns and changes: the fold of the log, a ledger, a table of rows. The engine copies none of them.
 * After each change the owner calls `engine.changed(source, key, before, after)`.
 */
export interface Source<V> {
  readonly name: string;
  get(key: string): V | undefined;
  keys(): Iterable<string>;
  readonly size: number;
  readonly indexes?: Readonly<Record<string, SourceIndex<V>>>;
  readonly facets?: Facets<V>;
  /** The events on which a whole value depends. */
  causesOf?(value: V): Iterable<Cause>;
  /** For a source that reports its own changes: called once, when it is added to an engine. */
  attach?(changed: Changed<V>): void;
}

/** Called after the change. `facets`: all facets that differ, if the owner knows them; otherwise it is left out. */
export type Changed<V> = (key: string, before: V | undefined, after: V | undefined, facets?: readonly string[]) => void;

/** Finds values by something that they hold. Pure; each member comes once, in any order. */
export interface SourceIndex<V> {
  valuesOf(value: V, key: string): readonly string[];
  members(indexValue: string): Iterable<readonly [key: string, value: V]>;
  /** The values that have members, where its owner knows them: without it all members are looked at. Read while the source changes. */
  values?(): Iterable<string> | undefined;
  /** Number of members, where it is cheaper than counting them. */
  count?(indexValue: string): number;
  /** A cheap check: when it gives true, both are certainly found under the same index values. */
  same?(before: V, after: V): boolean;
}

/**
 * Named parts of a value, each with an identity. A lens that names its facets is not evaluated while their identities stay the same. For a folded
 * object the identity of a facet is its last event.
 */
export interface Facets<V> {
  of(value: V, name: string): unknown;
  /** An identity that differs whenever that of any facet does: it saves the comparison of each facet. */
  whole?(value: V): unknown;
  causeOf?(value: V, name: string): Cause | undefined;
}

/**
 * Selects a part of a value, so that a reader is asked again only when that part differs. One lens can select many parts by its argument (`held` with a
 * VNI). The engine compares lenses by identity, so make each only once.
 */
export interface Lens<V, T> {
  readonly name: string;
  of(value: V, arg: string): T | undefined;
  /** Default: equal by value. */
  same?(before: T, after: T): boolean;
  /** The selected part depends on these facets only, and on their events. Without facets, the lens is evaluated after each change of the value. */
  readonly facets?: readonly string[] | ((arg: string) => readonly string[]);
  /** The causes of the part. Default: those of the facets; without facets those of the whole value. */
  causes?(value: V, arg: string): Iterable<Cause>;
}

export function facetsOf(lens: Lens<unknown, unknown>, arg: string): readonly string[] | undefined {
  return typeof lens.facets === 'function' ? lens.facets(arg) : lens.facets;
}
