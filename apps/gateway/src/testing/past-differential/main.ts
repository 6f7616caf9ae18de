/** `npm run test:differential -- --past --positions 50 --packets 100 --seed 7`: traces of the past against kernels that are made from the rows of then. */
import { parseArgs } from 'node:util';
import { whyNoNetlab } from '@weft/testing';
import { Differential } from '@weft/testing/differential';
import { pathAt } from './path-at.ts';

/** Of each history. */
const POSITIONS = 5;

const { values } = parseArgs({
  options: {
    past: { type: 'boolean' },
    positions: { type: 'string', default: '20' },
    packets: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
const unfit = whyNoNetlab();
if (unfit !== undefined) {
  console.error(`differential: ${unfit}`);
  process.exit(2);
}
const run = await Differential.start(Number(values.seed));
try {
  while (run.places.size < Number(values.positions) && run.differences.length === 0)
    await run.history(Math.min(POSITIONS, Number(values.positions) - run.places.size), Number(values.packets), pathAt);
  for (const [feature, count] of [...run.met].sort()) console.log(`${String(count).padStart(8)}  ${feature}`);
  console.log(`${run.sent} packets at ${run.places.size} positions, seed ${values.seed}: ${run.differences.length} differ`);
  if (run.differences.length > 0) {
    console.log(run.differing);
    process.exitCode = 1;
  }
} finally {
  await run.close();
}
