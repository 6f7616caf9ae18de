import fc from 'fast-check';
import { bucketOf, type Flow, targetOf } from './bucket-of-flow.ts';
import { BUCKETS, type BucketTable, bucketTable, FEW_BUCKETS, targetOfBucket } from './bucket-table.ts';
import { jhash, scaled } from './jhash.ts';

const uids = (count: number) => fc.uniqueArray(fc.uuid(), { minLength: count, maxLength: count, size: 'max' });
const someUids = fc.oneof(fc.integer({ min: 2, max: 40 }), fc.constantFrom(16, 17, 80, 120, 175, 176, 200)).chain(uids);

function tableOf(ids: readonly string[]): BucketTable {
  const table = bucketTable(ids);
  if (table === undefined) throw new Error('no targets');
  return table;
}

const owners = (table: BucketTable): readonly string[] => Array.from({ length: BUCKETS }, (_, bucket) => targetOfBucket(table, bucket));

/** Buckets of each target. */
function shares(table: BucketTable): readonly number[] {
  const counts = new Uint32Array(table.targets.length);
  for (const owner of table.owners) counts[owner] = (counts[owner] as number) + BUCKETS / table.owners.length;
  return [...counts];
}

/** Share of all buckets that another target serves in the second table, though their target of the first is in both. */
function movedBeside(before: BucketTable, after: BucketTable): number {
  const [was, is] = [owners(before), owners(after)];
  const stays = new Set(after.targets);
  return was.filter((owner, bucket) => stays.has(owner) && is[bucket] !== owner).length / BUCKETS;
}

const GOLDEN = {
  shares: [2_880, 2_656, 2_656],
  owners: ['10.0.0.2', '10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.3', '10.0.0.2', '10.0.0.2', '10.0.0.1'],
  hash: 2_836_983_103,
  large: 1_695_685_159,
};

describe('A table of buckets', () => {
  it('provider Appendix A.9: depends on who its targets are, not on their order, nor on repeats', () => {
    fc.assert(
      fc.property(
        someUids.chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))),
        ([ids, others]) => expect(bucketTable([...others, ...others.slice(0, 3)])).toEqual(bucketTable(ids)),
      ),
      { numRuns: 30 },
    );
  });

  it('provider Appendix A.9: one target less moves its own buckets, and 2 % of the others at most', () => {
    fc.assert(
      fc.property(someUids, fc.nat(), (ids, which) => {
        const rest = ids.filter((_, i) => i !== which % ids.length);
        expect(movedBeside(tableOf(ids), tableOf(rest))).toBeLessThanOrEqual(0.02);
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('one target more takes its share, and moves 2 % beside that at most', () => {
    fc.assert(
      fc.property(someUids, fc.uuid(), (ids, another) => {
        const [before, after] = [owners(tableOf(ids)), owners(tableOf([...ids, another]))];
        const moved = after.filter((owner, bucket) => owner !== before[bucket] && owner !== another).length;
        expect(moved / BUCKETS).toBeLessThanOrEqual(0.02);
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('is small for few targets, and a change of size moves no more than one target does', () => {
    const ids = Array.from({ length: 177 }, (_, i) => `10.0.0.${i}`);
    expect([16, 17].map((count) => tableOf(ids.slice(0, count)).owners.length)).toEqual([FEW_BUCKETS, BUCKETS]);
    for (const count of [16, 17, 175, 176])
      expect(movedBeside(tableOf(ids.slice(0, count)), tableOf(ids.slice(0, count + 1))) - 1 / (count + 1)).toBeLessThan(0.02);
  });

  it.each([1, 2, 10, 16, 17, 60, 175, 176, 300])('gives none of %i targets more than 1.2 times its share, and none much less', (count) => {
    fc.assert(
      fc.property(uids(count), (ids) => {
        const found = shares(tableOf(ids));
        expect(Math.max(...found)).toBeLessThanOrEqual(Math.ceil(1.2 * (BUCKETS / count)));
        expect(Math.min(...found)).toBeGreaterThan(0.25 * (BUCKETS / count));
      }),
      { numRuns: 5, seed: 7 },
    );
  });

  it('gives each of 1,000 targets at least one bucket, and none more than twice its share', () => {
    fc.assert(
      fc.property(uids(1_000), (ids) => {
        const found = shares(tableOf(ids));
        expect(Math.min(...found)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...found)).toBeLessThanOrEqual(10);
      }),
      { numRuns: 5 },
    );
  });

  it('has one target everywhere when there is one, and is not there without any', () => {
    expect(bucketTable([])).toBeUndefined();
    expect(shares(tableOf(['a']))).toEqual([BUCKETS]);
  });

  /** Another version of this program must make the same table: hosts are not upgraded at once. */
  it('provider R-41: is the same in every version', () => {
    const table = tableOf(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(shares(table)).toEqual(GOLDEN.shares);
    expect([0, 8, 16, 24, 32, 40, 4_000, 8_191].map((bucket) => targetOfBucket(table, bucket))).toEqual(GOLDEN.owners);
    expect(jhash(Uint8Array.from(table.owners), 0)).toBe(GOLDEN.hash);
    const large = tableOf(Array.from({ length: 30 }, (_, i) => `10.0.0.${i}`));
    expect(jhash(Uint8Array.from(large.owners), 0)).toBe(GOLDEN.large);
  });
});

describe('The bucket of a flow', () => {
  const flow: Flow = { protocol: 'UDP', src: '127.0.0.1', srcPort: 40_001, dst: '127.0.0.1', dstPort: 5_000 };

  it('is the one that the kernel has given for it', () => {
    expect(bucketOf(flow)).toBe(0x1978);
    expect(bucketOf({ ...flow, src: '::1', dst: '0:0::1' })).toBe(0xa11);
  });

  it('depends on each of the five fields', () => {
    const others: readonly Partial<Flow>[] = [
      { protocol: 'TCP' },
      { src: '127.0.0.2' },
      { srcPort: 40_002 },
      { dst: '127.0.0.2' },
      { dstPort: 5_001 },
    ];
    for (const other of others) expect(bucketOf({ ...flow, ...other })).not.toBe(bucketOf(flow));
  });

  it('leads to the same target on every host, and spreads flows evenly', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const [here, there] = [tableOf(ids), tableOf([...ids].reverse())];
    const counts = new Map<string, number>();
    for (let srcPort = 1_024; srcPort < 9_024; srcPort++) {
      const target = targetOf(here, { ...flow, srcPort });
      expect(targetOf(there, { ...flow, srcPort })).toBe(target);
      counts.set(target, (counts.get(target) ?? 0) + 1);
    }
    for (const id of ids) expect(Math.abs((counts.get(id) ?? 0) - 2_000)).toBeLessThan(400);
  });

  it('is below the number of buckets for every hash', () => {
    expect(scaled(0, BUCKETS)).toBe(0);
    expect(scaled(0xffffffff, BUCKETS)).toBe(BUCKETS - 1);
  });
});
