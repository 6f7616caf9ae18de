/** `npm run test:differential -- --packets 10000 --seed 7`: the evaluator against kernels; a failure prints its replay and a shrunk case. */
import { parseArgs } from 'node:util';
import { whyNoNetlab } from '../netlab/run.ts';
import { Differential } from './differential.ts';

const { values } = parseArgs({ options: { packets: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } } });
const unfit = whyNoNetlab();
if (unfit !== undefined) {
  console.error(`differential: ${unfit}`);
  process.exit(2);
}
const run = await Differential.start(Number(values.seed));
try {
  await run.packets(Number(values.packets));
  for (const [feature, count] of [...run.met].sort()) console.log(`${String(count).padStart(8)}  ${feature}`);
  console.log(`${run.sent} packets, seed ${values.seed}: ${run.differences.length} differ`);
  const report = await run.report();
  if (report !== '') {
    console.log(report);
    process.exitCode = 1;
  }
} finally {
  await run.close();
}
