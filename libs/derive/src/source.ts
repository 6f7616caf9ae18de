import type { Cause } from './cause.ts';

/**
 * Values by key that somebody else owns and changes: the fold of the log, a ledger, a table of rows. The engine copies none of them; it asks.
 * After each change the owner calls `engine.changed(source, key, before, after)`.
 */
export interface Source<V> {
  readonly name: string;
  get(key: string): V | undefined;
  keys(): Iterable<string>;
  readonly size: number;
  readonly indexes?: Readonly<Record<string, SourceIndex<V>>>;
  readonly facets?: Facets<V>;
  /** The events on which a value as a whole rests. */
  causesOf?(value: V): Iterable<Cause>;
  /** For a source that reports its changes by itself: called once, when it is added to an engine. */
  attach?(changed: Changed<V>): void;
}

/** The data is as `after` says when this is called. `facets` names those that differ, where the owner knows: all of them, or leave it out. */
export type Changed<V> = (key: string, before: V | undefined, after: V | undefined, facets?: readonly string[]) => void;

/** A way to find values by something that they hold. Pure; members come in no promised order, each once. */
export interface SourceIndex<V> {
  valuesOf(value: V, key: string): readonly string[];
  members(indexValue: string): Iterable<readonly [key: string, value: V]>;
  /** Number of members, where it is cheaper than counting them. */
  count?(indexValue: string): number;
  /** Cheap: true says for certain that both are found under the same index values. */
  same?(before: V, after: V): boolean;
}

/**
 * Named parts of a value. A lens that names the facets which it rests on is not looked at while their identities stay. For a folded object the
 * identity of a facet is its last event.
 */
export interface Facets<V> {
  of(value: V, name: string): unknown;
  /** An identity that differs whenever that of any facet does: one comparison in place of one for each facet in use. */
  whole?(value: V): unknown;
  causeOf?(value: V, name: string): Cause | undefined;
}

/**
 * A part of a value that is read by itself. `of` gives back only what it selects, so that what is read is what is compared: a change beside it
 * wakes nobody. One lens serves many parts by its argument (`held` with a VNI). Lenses are told apart by identity: make each once.
 */
export interface Lens<V, T> {
  readonly name: string;
  of(value: V, arg: string): T | undefined;
  /** Default: equal by value. */
  same?(before: T, after: T): boolean;
  /** It gives the same as long as these stay, and it rests on their events. Without: it is looked at after each change of the value. */
  readonly facets?: readonly string[] | ((arg: string) => readonly string[]);
  /** Default: those of the facets; without facets those of the whole value. */
  causes?(value: V, arg: string): Iterable<Cause>;
}

export function facetsOf(lens: Lens<unknown, unknown>, arg: string): readonly string[] | undefined {
  return typeof lens.facets === 'function' ? lens.facets(arg) : lens.facets;
}
