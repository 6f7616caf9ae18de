/**
 * `npm run conformance`: runs the test files whose titles cite cases, and prints docs/conformance.md as it should be; exits with 1 when a case fails, or has neither
 * test nor reason. `-- --write` writes the page; `-- --check` holds it to the tests. Reports that Jest has written may follow both, then nothing is run.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parse } from 'yaml';
import { startSuite } from '../jest/start-suite.mjs';
import { suites } from '../jest/suites.mjs';
import { root } from '../setup/places.mjs';
import { casesOf, citingTests, conformance } from './report.mjs';

const CASES = join(import.meta.dirname, 'cases.yaml');
const PAGE = join(root, 'docs/conformance.md');
/** A test file whose titles may cite a case. It is run as a whole, since its tests may stand on each other. */
const CITING = /['"`( ](resources|provider|packet) /;

const [option, ...files] = process.argv.slice(2);
if (option !== undefined && option !== '--write' && option !== '--check') {
  console.error(`npm run conformance knows --write and --check, and not ${option}`);
  process.exit(2);
}
const results = files.length > 0 ? files.flatMap(resultsIn) : await run();
const tests = citingTests(results, (file) => relative(root, file));
const { page, problems } = conformance(casesOf(parse(readFileSync(CASES, 'utf8'))), tests);
if (option === '--write') writeFileSync(PAGE, page);
else if (option === '--check' && page !== readFileSync(PAGE, 'utf8')) {
  problems.push('docs/conformance.md is not what the tests say: npm run conformance -- --write');
} else if (option === undefined) process.stdout.write(page);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

async function run() {
  const reports = mkdtempSync(join(tmpdir(), 'weft-conformance-'));
  try {
    const found = [];
    for (const suite of suites) {
      const citing = filesOf(suite).filter((file) => CITING.test(readFileSync(file, 'utf8')));
      if (citing.length === 0) continue;
      const report = join(reports, `${suite}.json`);
      const args = ['--json', `--outputFile=${report}`, '--forceExit', '--runTestsByPath', ...citing];
      const child = startSuite(suite, args, { stdio: ['ignore', 'ignore', 'ignore'] });
      await new Promise((resolve) => child.on('exit', resolve));
      found.push(...resultsIn(report));
    }
    return found;
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

function filesOf(suite) {
  return ['apps', 'demo', 'libs', 'tools'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(`.${suite}.spec.ts`) && !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
}

function resultsIn(file) {
  return JSON.parse(readFileSync(file, 'utf8')).testResults;
}
