/** `npm run sim -- --seed S --steps N` runs more of it, and makes small what fails. */
import type { Append } from '@weft/api';
import { inRanges, rangesOf, shrink } from './shrink.ts';
import { simulate } from './simulation.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 1);
const STEPS = 20_000;

/** Each of them is to strike in any run of 20,000 steps. */
const FAULTS = [
  'clean stop',
  'cut from the bus',
  'delay',
  'double',
  'drift',
  'kill',
  'lose',
  'lose-answer',
  'lose-rows',
  'pause longer than a lease',
  'refusal',
  'reorder',
  'repeat',
  'restart',
  'skew',
  'snapshot changed',
  'snapshot deleted',
  'snapshot restored',
  'snapshot truncated',
  'snapshot written',
  'store-down',
  'store-lost-answer',
  'store-slow',
  'the fold begins with a snapshot',
  'thrown out',
  'underlay',
  'unreadable',
];

describe('The simulation', () => {
  const digests = new Set<string>();
  afterAll(() => expect(digests.size).not.toBe(1));

  it(`keeps what Weft promises in ${STEPS} steps with faults of every kind, and comes to rest as the log says (WEFT_SEED=${SEED})`, async () => {
    const { failures, counts } = await simulate({ seed: SEED, steps: STEPS });
    expect(failures).toEqual([]);
    expect(FAULTS.filter((fault) => (counts.get(fault) ?? 0) === 0)).toEqual([]);
    expect(counts.get('command accepted')).toBeGreaterThan(50);
    expect(counts.get('read')).toBeGreaterThan(20);
  }, 600_000);

  it.each([3, 4])(
    'is the same to the byte of its log each time that it runs with seed %i',
    async (seed) => {
      const [once, again] = [await simulate({ seed, steps: 3_000 }), await simulate({ seed, steps: 3_000 })];
      expect(again).toEqual(once);
      digests.add(once.digest);
    },
    600_000,
  );

  it('makes a failure small: what does not matter for it is left out', async () => {
    const forbids = ({ stream }: Append) => (stream === 'Network-ns.red' ? 'a network is forbidden here' : undefined);
    const run = { seed: 2, steps: 3_000, forbids };
    const report = await simulate(run);
    expect(report.failures[0]).toContain('is forbidden here');
    const small = await shrink({ run, report, runsMax: 40 });
    expect(small.kept.length).toBeLessThan(4);
    const { failures } = await simulate({ ...run, steps: small.steps, keeps: inRanges(rangesOf(small.kept)) });
    expect(failures).toEqual(small.report.failures);
  }, 600_000);
});
