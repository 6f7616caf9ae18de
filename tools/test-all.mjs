/**
 * All that continuous integration checks: types, lint, and every kind of tests. Each step's output is shown in one piece when it ends; the
 * last line holds the totals, in which each step that is not a kind of tests counts as one. Exits with 1 when anything failed.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { startSuite } from './jest/start-suite.mjs';
import { root } from './setup/places.mjs';

/** No step of a sound tree takes longer; one that does hangs. */
const stepLimitMs = 20 * 60_000;
/** Lines that Jest prints because of how it is called here. */
const noise = /^(Running one project: .*|Test results written to: .*|Force exiting Jest: .*|No tests found, exiting with code 0)\n?/gm;
/** In the environment of everything that a step starts, so that what it leaves behind can be told. */
const runId = randomUUID();
const reports = mkdtempSync(join(tmpdir(), 'weft-test-'));
const running = new Set();
const totals = { passed: 0, failed: 0, skipped: 0 };
const skips = [];
const failures = [];

process.on('exit', () => {
  for (const child of running) endGroup(child);
  endStrays(runId);
  rmSync(reports, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

// Cheap steps first; then the kinds of tests that use one core each, two at a time. Long kinds run in parts, so that neither lane waits long for the other.
await Promise.all([
  tool('types', 'tools/types.mjs'),
  tool('rules and format', 'tools/lint.mjs', '--rules'),
  tool('arrows', 'tools/lint.mjs', '--arrows'),
  tool('declared dependencies', 'tools/declare.mjs', '--check'),
]);
await suite('unit');
await inLanes(2, [() => suite('sim'), () => suite('contract'), ...inParts('int', 4), ...inParts('net', 4)]);
await tool('conformance', 'tools/conformance/main.mjs', '--check', ...reportsWritten());

if (skips.length > 0) console.log(`\nSkipped:\n${skips.map((title) => `  - ${title}`).join('\n')}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((title) => `  - ${title}`).join('\n')}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);

function reportOf(name) {
  return join(reports, `${name}.json`);
}

function reportsWritten() {
  return readdirSync(reports).map((name) => join(reports, name));
}

/** Runs all `runs`, in their order, as many at a time as there are lanes. */
async function inLanes(lanes, runs) {
  const waiting = [...runs];
  const lane = async () => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await run();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function inParts(name, parts) {
  return Array.from({ length: parts }, (_, index) => () => suite(name, `${index + 1}/${parts}`));
}

async function tool(name, script, ...args) {
  const { ok } = await step(name, () =>
    spawn(process.execPath, [join(root, script), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
  );
  totals[ok ? 'passed' : 'failed'] += 1;
  if (!ok) failures.push(name);
}

async function suite(kind, part) {
  const name = part === undefined ? kind : `${kind}-${part.replace('/', '-of-')}`;
  const report = reportOf(name);
  const args = ['--json', `--outputFile=${report}`, '--forceExit', ...(part === undefined ? [] : [`--shard=${part}`])];
  const { ok } = await step(`${name} tests`, () =>
    startSuite(kind, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, tag: `${runId}/${name}/` }),
  );
  const left = endStrays(`${runId}/${name}/`);
  if (left.length > 0) console.log(`Left running, now ended: ${left.join(', ')}`);
  const failedBefore = totals.failed;
  for (const file of readReport(report)) {
    const path = relative(root, file.name);
    const title = (test) => `${path}: ${[...test.ancestorTitles, test.title].join(' > ')}`;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') totals.passed += 1;
      else if (test.status === 'failed') totals.failed += 1;
      else totals.skipped += 1;
      if (test.status === 'failed') failures.push(title(test));
      if (test.status !== 'passed' && test.status !== 'failed') skips.push(title(test));
    }
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      totals.failed += 1;
      failures.push(`${path} (did not run)`);
    }
  }
  if (!ok && totals.failed === failedBefore) {
    totals.failed += 1;
    failures.push(`${name} tests (ended before their report)`);
  }
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch {
    return [];
  }
}

/** Runs one step in a process group of its own, so that nothing it started outlives it, and shows its output once it has ended. */
async function step(name, start) {
  const startedAt = Date.now();
  const child = start();
  running.add(child);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  let overdue = false;
  const timer = setTimeout(() => {
    overdue = true;
    endGroup(child);
  }, stepLimitMs);
  const code = await new Promise((resolve) => {
    child.on('exit', (exitCode) => {
      endGroup(child); // What a test left running would keep the output open; what escaped the group is not waited for.
      child.on('close', () => resolve(exitCode));
      setTimeout(resolve, 2_000, exitCode).unref();
    });
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      resolve(1);
    });
  });
  clearTimeout(timer);
  running.delete(child);
  const ok = code === 0;
  const output = Buffer.concat(chunks).toString('utf8').replace(noise, '').trim();
  console.log(`\n=== ${name}: ${ok ? 'ok' : overdue ? 'hangs' : 'failed'} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
  if (output !== '') console.log(output);
  return { ok };
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/** Ends processes that left their group, by the tag in their environment, and returns their names. Linux only. */
function endStrays(tag) {
  if (!existsSync('/proc/self/environ')) return [];
  const ended = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TEST_RUN_TAG=${tag}`)) continue;
      const name = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 100);
      process.kill(Number(pid), 'SIGKILL');
      ended.push(name);
    } catch {
      // Gone meanwhile, or another user's.
    }
  }
  return ended;
}
