import fc from 'fast-check';
import { bucketOf, type Flow, targetOf } from './bucket-of-flow.ts';
import { jhash, scaled } from './jhash.ts';
import { BUCKETS, type MaglevTable, maglevTable, targetOfBucket } from './maglev.ts';

const uids = (count: number) => fc.uniqueArray(fc.uuid(), { minLength: count, maxLength: count, size: 'max' });
const someUids = fc.oneof(fc.integer({ min: 2, max: 40 }), fc.constantFrom(80, 120, 150, 200)).chain(uids);

function tableOf(ids: readonly string[]): MaglevTable {
  const table = maglevTable(ids);
  if (table === undefined) throw new Error('no targets');
  return table;
}

const owners = (table: MaglevTable): readonly string[] => Array.from({ length: BUCKETS }, (_, bucket) => targetOfBucket(table, bucket));

/** Buckets of each target. */
function shares(table: MaglevTable): readonly number[] {
  const counts = new Uint32Array(table.targets.length);
  for (const owner of table.owners) counts[owner] = (counts[owner] as number) + 1;
  return [...counts];
}

/** Share of all buckets that another target serves in the second table, though their target of the first is in both. */
function movedBeside(before: MaglevTable, after: MaglevTable): number {
  const [was, is] = [owners(before), owners(after)];
  const stays = new Set(after.targets);
  return was.filter((owner, bucket) => stays.has(owner) && is[bucket] !== owner).length / BUCKETS;
}

const GOLDEN = {
  shares: [2_732, 2_728, 2_731],
  owners: ['10.0.0.1', '10.0.0.2', '10.0.0.2', '10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.1', '10.0.0.3'],
  hash: 742_057_760,
};

describe('A Maglev table', () => {
  it('provider Appendix A.9: depends on who its targets are, not on their order, nor on repeats', () => {
    fc.assert(
      fc.property(
        someUids.chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))),
        ([ids, others]) => expect(maglevTable([...others, ...others.slice(0, 3)])).toEqual(maglevTable(ids)),
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
      { numRuns: 200 },
    );
  });

  it('one target more takes its share, and moves 2 % beside that at most', () => {
    fc.assert(
      fc.property(someUids, fc.uuid(), (ids, another) => {
        const [before, after] = [owners(tableOf(ids)), owners(tableOf([...ids, another]))];
        const moved = after.filter((owner, bucket) => owner !== before[bucket] && owner !== another).length;
        expect(moved / BUCKETS).toBeLessThanOrEqual(0.02);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [2, 0.01],
    [10, 0.03],
    [150, 0.3],
  ])('gives each of %i targets its share of buckets, within %f', (count, within) => {
    fc.assert(
      fc.property(uids(count), (ids) => {
        for (const share of shares(tableOf(ids))) {
          expect(share).toBeGreaterThan((1 - within) * (BUCKETS / count));
          expect(share).toBeLessThan((1 + within) * (BUCKETS / count));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives each of 1,000 targets at least one bucket, and none more than twice its share', () => {
    fc.assert(
      fc.property(uids(1_000), (ids) => {
        const found = shares(tableOf(ids));
        expect(Math.min(...found)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...found)).toBeLessThanOrEqual(17);
      }),
      { numRuns: 5 },
    );
  });

  it('has one target everywhere when there is one, and is not there without any', () => {
    expect(maglevTable([])).toBeUndefined();
    expect(shares(tableOf(['a']))).toEqual([BUCKETS]);
  });

  /** Another version of this program must make the same table: hosts are not upgraded at once. */
  it('provider R-41: is the same in every version', () => {
    const table = tableOf(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(shares(table)).toEqual(GOLDEN.shares);
    expect([0, 1, 2, 3, 4, 5, 4_000, 8_190].map((bucket) => targetOfBucket(table, bucket))).toEqual(GOLDEN.owners);
    expect(jhash(Uint8Array.from(table.owners), 0)).toBe(GOLDEN.hash);
  });
});

describe('The bucket of a flow', () => {
  const flow: Flow = { protocol: 'UDP', src: '127.0.0.1', srcPort: 40_001, dst: '127.0.0.1', dstPort: 5_000 };

  it('is the one that the kernel has given for it', () => {
    expect(bucketOf(flow)).toBe(0x1977);
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
    for (const id of ids) expect(Math.abs((counts.get(id) ?? 0) - 2_000)).toBeLessThan(150);
  });

  it('is below the number of buckets for every hash', () => {
    expect(scaled(0, BUCKETS)).toBe(0);
    expect(scaled(0xffffffff, BUCKETS)).toBe(BUCKETS - 1);
  });
});
