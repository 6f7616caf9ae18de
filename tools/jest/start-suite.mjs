// Starts Jest for one kind of tests, with the TypeScript loader and an environment that does not depend on the user's.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { kubectls, root, searchPath } from '../setup/places.mjs';
import { find } from '../setup/system-tools.mjs';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const loader = pathToFileURL(join(root, 'tools/loader/register.mjs'));

/**
 * The user's settings for Weft are left out, but for the event store to test against. Tests find the fetched tools in PATH, and in
 * WEFT_TEST_KUBECTL_1_20 and WEFT_TEST_KUBECTL_1_35 the kubectls that are there.
 */
export function testEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_') || name === 'WEFT_TEST_EVENTSTOREDB');
  const versions = Object.entries(kubectls).filter(([version]) => find(`kubectl ${version}`) !== undefined);
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(versions.map(([version, file]) => [`WEFT_TEST_KUBECTL_${version.replace('.', '_')}`, file])),
    PATH: searchPath.join(delimiter),
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${loader}`.trim(),
  };
}

/** Starts the tests of a kind, or of `all` kinds one after the other. `args` go to Jest: parts of paths, options. `tag`: put into the environment. */
export function startSuite(suite, args, { tag = 'single', ...spawnOptions }) {
  // In one process, unless many unit tests are worth a second one.
  const workers = suite === 'unit' && !args.some((each) => !each.startsWith('--')) ? ['--maxWorkers=2'] : ['--runInBand'];
  const projects = suite === 'all' ? [] : ['--selectProjects', suite];
  return spawn(process.execPath, [jest, ...args, '--passWithNoTests', ...workers, ...projects], {
    cwd: root,
    env: { ...testEnvironment(), TEST_RUN_TAG: tag },
    ...spawnOptions,
  });
}
