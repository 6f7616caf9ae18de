// Runs one kind of tests, or all: `node tools/test.mjs unit [path filter...] [-t title]`. Arguments after the kind go to Jest.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suites } from './jest/suites.mjs';

const root = dirname(import.meta.dirname);
const [suite = 'all', ...rest] = process.argv.slice(2);
if (suite !== 'all' && !suites.includes(suite)) {
  console.error(`Unknown kind of tests "${suite}". Known: all, ${suites.join(', ')}.`);
  process.exit(2);
}
// In one process, unless many unit tests are worth a second one.
const workers = suite === 'unit' && rest.length === 0 ? ['--maxWorkers=2'] : ['--runInBand'];
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { status } = spawnSync(
  process.execPath,
  [jest, ...rest, '--passWithNoTests', ...workers, ...(suite === 'all' ? [] : ['--selectProjects', suite])],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${pathToFileURL(join(root, 'tools/loader/register.mjs'))}`.trim(),
    },
  },
);
process.exit(status ?? 1);
