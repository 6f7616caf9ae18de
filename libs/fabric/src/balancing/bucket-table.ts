/**
 * Which target serves which bucket of a balancer: every host that balances makes the same table from the same targets, and one target more or less moves few
 * flows that are not its own. A bucket goes to whoever has the highest hash for it (rendezvous), among those that have less than 1.2 times their share
 * (Mirrokni et al., "Consistent Hashing with Bounded Loads", 2016). ADR 68 has the figures, and those of Maglev tables beside them.
 *
 * A kernel has 148 bytes for each bucket, so few targets have few: a bucket of the small table is eight neighbours of the large one, which have one owner. With
 * more targets, some of these groups are split, in an order of their own, until all are: so the change of size moves no more than any other change.
 *
 *   targets     up to 16        17 ... 175                        176 and more
 *   buckets     1024 groups     groups, and 8 for each split one  8192
 */
import { hash32 } from '@weft/api';

/** Powers of two: a kernel gets the group of a bucket by a shift. */
export const BUCKETS = 8_192;
export const FEW_BUCKETS = 1_024;
/** `bucket >> GROUP_BITS` is its group. */
export const GROUP_BITS = 3;
const GROUP = 2 ** GROUP_BITS;

/** Up to the first number of targets no group is split, from the second one on all are. */
const [NONE_SPLIT, ALL_SPLIT] = [16, 176];
/** What the most loaded target has, as a multiple of its share. */
const LOAD_MAX = 1.2;
/** Odd, so that each group has a place of its own in the order in which they are split. */
const ORDER = 633;
/** Of a target that has no bucket yet. */
const TRIES_MAX = 64;
/** 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b1;

/** `owners[bucket]` is an index into `targets`, which are distinct and in order. There are `FEW_BUCKETS` of them while no group is split, else `BUCKETS`. */
export type BucketTable = Readonly<{ targets: readonly string[]; owners: Uint16Array }>;

/**
 * The table of these targets (ids, at most `BUCKETS`); it depends on who they are and not on their order, and repeats do not matter. Undefined without targets.
 * O(buckets × targets): 0.1 ms for 10 targets, 20 ms for 1,000.
 */
export function bucketTable(ids: Iterable<string>): BucketTable | undefined {
  const targets = [...new Set(ids)].sort();
  const count = targets.length;
  if (count === 0) return undefined;
  const hashes = Uint32Array.from(targets, (id) => hash32(id));
  const loads = new Uint32Array(count);
  const most = Math.ceil((BUCKETS / count) * LOAD_MAX);
  const give = (seed: number, weight: number): number => {
    const owner = highest(seed, hashes, loads, most - weight);
    loads[owner] = (loads[owner] as number) + weight;
    return owner;
  };
  const split = Math.ceil(Math.min(Math.max(count - NONE_SPLIT, 0) / (ALL_SPLIT - NONE_SPLIT), 1) * FEW_BUCKETS);
  if (split === 0) return { targets, owners: Uint16Array.from({ length: FEW_BUCKETS }, (_, group) => give(group, GROUP)) };
  const owners = new Uint16Array(BUCKETS);
  const isSplit = (group: number): boolean => Math.imul(group, ORDER) % FEW_BUCKETS < split;
  for (let group = 0; group < FEW_BUCKETS; group++)
    if (!isSplit(group)) owners.fill(give(group, GROUP), group * GROUP, (group + 1) * GROUP);
  for (let bucket = 0; bucket < BUCKETS; bucket++) if (isSplit(bucket >> GROUP_BITS)) owners[bucket] = give(FEW_BUCKETS + bucket, 1);
  if (split === FEW_BUCKETS) seatAll(owners, hashes, loads);
  return { targets, owners };
}

/** Who has the highest hash of those with at most this load; the first of equals. */
function highest(seed: number, hashes: Uint32Array, loads: Uint32Array, loadMax: number): number {
  const step = Math.imul(seed + 1, STEP);
  let best = -1;
  let owner = 0;
  for (let i = 0; i < hashes.length; i++) {
    const value = mix((hashes[i] as number) ^ step);
    if (value <= best || (loads[i] as number) > loadMax) continue;
    best = value;
    owner = i;
  }
  return owner;
}

/** Of 1,000 targets one may have no bucket: it gets one of somebody who has more than one. */
function seatAll(owners: Uint16Array, hashes: Uint32Array, loads: Uint32Array): void {
  for (let i = 0; i < hashes.length; i++) {
    for (let tried = 0; tried < TRIES_MAX && loads[i] === 0; tried++) {
      const bucket = mix(Math.imul(hashes[i] as number, STEP) + tried) % BUCKETS;
      const owner = owners[bucket] as number;
      if ((loads[owner] as number) < 2) continue;
      loads[owner] = (loads[owner] as number) - 1;
      loads[i] = 1;
      owners[bucket] = i;
    }
  }
}

/** `bucket`: of `BUCKETS`, whatever the size of the table. */
export function targetOfBucket({ targets, owners }: BucketTable, bucket: number): string {
  return targets[owners[owners.length === BUCKETS ? bucket : bucket >> GROUP_BITS] as number] as string;
}

/** The final mix of MurmurHash3 (Appleby, public domain), 32 bits. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
