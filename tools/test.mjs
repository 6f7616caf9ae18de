// Runs one kind of tests, or all: `node tools/test.mjs unit [path filter...] [-t title]`. Arguments after the kind go to Jest.

import { startSuite } from './jest/start-suite.mjs';
import { suites } from './jest/suites.mjs';

const [suite = 'all', ...rest] = process.argv.slice(2);
if (suite !== 'all' && !suites.includes(suite)) {
  console.error(`Unknown kind of tests "${suite}". Known: all, ${suites.join(', ')}.`);
  process.exit(2);
}
const child = startSuite(suite, rest, { stdio: 'inherit' });
child.on('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
