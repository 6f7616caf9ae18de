/** `npm run test:differential`: the evaluator against kernels; with `--past`, traces of the past. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup/places.mjs';

const words = process.argv.slice(2);
const program = words.includes('--past') ? 'apps/gateway/src/testing/past-differential/main.ts' : 'libs/testing/src/differential/main.ts';
const { status } = spawnSync(process.execPath, [join(root, 'tools/run.mjs'), join(root, program), ...words], { stdio: 'inherit' });
process.exit(status ?? 1);
