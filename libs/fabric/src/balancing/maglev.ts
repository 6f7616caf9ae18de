/**
 * Which target serves which bucket of a balancer, after Maglev (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
 * section 3.4): every host that balances makes the same table from the same targets, and one target more or less moves few flows that are not its own.
 *
 * As there, targets take turns, and each takes the free bucket that it prefers most. Two things differ, since they move fewer flows (ADR 38 has the figures):
 * preferences are drawn one by one from a hash, not by offset and skip, whose sequences run into each other for some pairs of targets; and the last buckets,
 * when hardly any is free, go to whoever has the highest hash for them, not to whose turn it is.
 */
import { hash32 } from '@weft/api';

/**
 * A prime, as in the paper; there it makes any skip reach all buckets, here it only has no factor in common with anything. 8 for each of 1,000 targets, and 148
 * bytes of kernel memory each (linux-dataplane 10).
 */
export const BUCKETS = 8_191;

/** So many buckets for each target, and this share of all at most, are given by the highest hash. */
const LAST_PER_TARGET = 6;
const LAST_SHARE = 0.1;

/** 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b1;

/** `owners[bucket]` is an index into `targets`, which are distinct and in order. */
export type MaglevTable = Readonly<{ targets: readonly string[]; owners: Uint16Array }>;

/**
 * The table of these targets (ids, at most 65,535); it depends on who they are and not on their order, and repeats do not matter. Undefined without targets.
 * O(buckets × targets / 10): 4 ms for 1,000 targets.
 */
export function maglevTable(ids: Iterable<string>): MaglevTable | undefined {
  const targets = [...new Set(ids)].sort();
  const count = targets.length;
  if (count === 0) return undefined;
  const owners = new Uint16Array(BUCKETS);
  const taken = new Uint8Array(BUCKETS);
  // Two hashes of each, so that targets whose first ones are equal still draw differently.
  const first = Uint32Array.from(targets, (id) => hash32(id));
  const second = Uint32Array.from(targets, (id) => hash32(`.${id}`));
  const drawn = new Uint32Array(count);
  const last = Math.floor(Math.min(LAST_PER_TARGET * count, LAST_SHARE * BUCKETS));
  for (let free = BUCKETS, turn = 0; free > last; free--, turn = (turn + 1) % count) {
    const [a, b] = [first[turn] as number, second[turn] as number];
    let draw = drawn[turn] as number;
    let bucket: number;
    do bucket = mix(a ^ (Math.imul(draw++, STEP) + b)) % BUCKETS;
    while (taken[bucket] === 1);
    drawn[turn] = draw;
    taken[bucket] = 1;
    owners[bucket] = turn;
  }
  for (let bucket = 0; bucket < BUCKETS; bucket++) if (taken[bucket] === 0) owners[bucket] = highest(bucket, first);
  return { targets, owners };
}

/** Who has the highest hash for a bucket; the first of equals. */
function highest(bucket: number, hashes: Uint32Array): number {
  const step = Math.imul(bucket + 1, STEP);
  let best = -1;
  let owner = 0;
  for (let i = 0; i < hashes.length; i++) {
    const value = mix((hashes[i] as number) ^ step);
    if (value <= best) continue;
    best = value;
    owner = i;
  }
  return owner;
}

export function targetOfBucket({ targets, owners }: MaglevTable, bucket: number): string {
  return targets[owners[bucket] as number] as string;
}

/** The final mix of MurmurHash3 (Appleby, public domain), 32 bits: each value has one source, so the draws of a target reach every bucket. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
