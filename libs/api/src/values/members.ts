/**
 * A set of named entries inside a folded state: tens of thousands of them, changed one at a time. States share their unchanged parts, and a plain
 * record would be copied whole at each change; here one change copies its bucket and the list of buckets, about `n / 64 + 64` entries. It is plain JSON.
 */
import { hash32 } from '../kind/partition.ts';

/** Bucket -> key -> entry. Make and read it with the functions below only. */
export type Members<V> = Readonly<Record<string, Readonly<Record<string, V>>>>;

const BUCKETS = 64;

const bucketOf = (key: string): string => String(hash32(key) % BUCKETS);

export function memberOf<V>(members: Members<V>, key: string): V | undefined {
  const bucket = members[bucketOf(key)];
  return bucket !== undefined && Object.hasOwn(bucket, key) ? bucket[key] : undefined;
}

/** Replaces the entry under `key` if there is one. */
export function withMember<V>(members: Members<V>, key: string, entry: V): Members<V> {
  const bucket = bucketOf(key);
  return { ...members, [bucket]: { ...members[bucket], [key]: entry } };
}

/** The same members when there is none under `key`. */
export function withoutMember<V>(members: Members<V>, key: string): Members<V> {
  if (memberOf(members, key) === undefined) return members;
  const bucket = bucketOf(key);
  const { [key]: _, ...rest } = members[bucket] ?? {};
  if (Object.keys(rest).length > 0) return { ...members, [bucket]: rest };
  const { [bucket]: __, ...others } = members;
  return others;
}

/** One of the entries, always the same one of the same members; undefined when there is none. It costs a 64th of what `membersIn` does. */
export function anyMember<V>(members: Members<V>): V | undefined {
  for (const bucket of Object.values(members)) {
    const [first] = Object.keys(bucket).sort();
    if (first !== undefined) return bucket[first];
  }
  return undefined;
}

/** In the order of their keys, so that what is made of them does not depend on the order in which they came. */
export function membersIn<V>(members: Members<V>): readonly (readonly [key: string, entry: V])[] {
  return Object.values(members)
    .flatMap((bucket) => Object.entries(bucket))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** In the order of their names, for what is shown: their uids are others in each cluster. */
export function membersByName<V extends Readonly<{ name: string }>>(members: Members<V>): readonly (readonly [uid: string, entry: V])[] {
  return [...membersIn(members)].sort(([, { name: a }], [, { name: b }]) => (a < b ? -1 : a > b ? 1 : 0));
}
