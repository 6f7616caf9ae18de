/** What a trace says of the past is what kernels do that are made from the rows of then. `npm run test:differential -- --past` for more. */
import { whyNoNetlab } from '@weft/testing';
import { Differential } from '@weft/testing/differential';
import { pathAt } from '../testing/past-differential/path-at.ts';

const unfit = whyNoNetlab();
/** One of them before the fabric was all there. */
const POSITIONS = 2;
const PACKETS = 60;
const LIMIT_MS = 300_000;

(unfit === undefined ? describe : describe.skip)(`A trace of the past${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  it(
    'agrees with kernels into which the past is replayed',
    async () => {
      const run = await Differential.start(2);
      try {
        await run.history(POSITIONS, PACKETS, pathAt);
        expect(run.differing).toBe('');
        expect(run.met.get('delivered')).toBeGreaterThan(5);
      } finally {
        await run.close();
      }
    },
    LIMIT_MS,
  );
});
