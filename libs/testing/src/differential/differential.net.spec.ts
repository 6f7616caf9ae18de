/** The packet evaluator is held to kernels: `npm run test:differential -- --packets 10000 --seed 7` for more. */
import { PUBLIC_VNI } from '@weft/fabric';
import { must, whyNoNetlab } from '../netlab/run.ts';
import { Differential, IN_KERNELS, type Sabotage } from './differential.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;
const PACKETS = 1_000;
const MET_MIN = 25;
/** It takes half a minute; a difference that has to be made small takes longer. */
const LIMIT_MS = 300_000;
const DELIVERED_SHARE_MIN = 0.25;
/** What this version's kernels do. */
const FEATURES = [
  'TCP',
  'UDP',
  'SCTP',
  'ICMP',
  'IPv4',
  'IPv6',
  'on one host',
  'across hosts',
  'to a range',
  'peered on one host',
  'peered across hosts',
  'balanced',
  'by a VirtualIP',
  'by a slot',
  'from the internet',
  'balanced from the internet',
  'answered',
  'NoRoute',
  'SourceNotOwned',
  'Martian',
  'HopLimitExceeded',
  ...(IN_KERNELS.has('policies') ? ['admitted by a policy', 'refused by a policy', 'counted by a staged policy'] : []),
];

describeHere(`The packet evaluator and kernels${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  const within = async (seed: number, check: (run: Differential) => Promise<void>): Promise<void> => {
    const run = await Differential.start(seed);
    await check(run).finally(() => run.close());
  };

  it(
    `packet P-16, P-18 to P-22, P-24, P-28, P-31, P-34, P-38, P-49 to P-51, P-53, P-54, P-97: agree about ${PACKETS} packets in random fabrics: who gets them, how, and who answers`,
    () =>
      within(1, async (run) => {
        await run.packets(PACKETS);
        expect(await run.report()).toBe('');
        const rare = FEATURES.filter((feature) => (run.met.get(feature) ?? 0) < MET_MIN);
        expect(rare.map((feature) => `${feature}: ${run.met.get(feature) ?? 0}`)).toEqual([]);
        expect((run.met.get('delivered') ?? 0) / run.sent).toBeGreaterThan(DELIVERED_SHARE_MIN);
      }),
    LIMIT_MS,
  );

  it.each<[string, Sabotage]>([
    [
      'the evaluator is not told of the interfaces on a host',
      { rows: (tables) => new Map([...tables].filter(([table]) => table !== 'placements.h2')) },
    ],
    [
      'routers do not check who sends',
      {
        kernels: async ({ lab }) => {
          for (const router of lab.routers().filter((name) => !name.endsWith(`-r${PUBLIC_VNI}`)))
            await must(router, ['nft', 'flush', 'chain', 'inet', 'dp', 'from_guest']);
        },
      },
    ],
  ])('differ when %s', (_, sabotage) =>
    within(3, async (run) => {
      await run.packets(PACKETS / 2, sabotage);
      expect(run.differences.length).toBeGreaterThan(0);
    }),
  );
});
