// Lint: Biome (rules and format), our own rules, then dependency-cruiser (arrows, cycles). `node tools/lint.mjs [path...]` for some paths only;
// `--rules` or `--arrows` for one of the two.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { houseRuleProblems } from './house-rules.mjs';

const root = dirname(import.meta.dirname);
const args = process.argv.slice(2);
const only = args.filter((each) => each.startsWith('--'));
const paths = args.filter((each) => !each.startsWith('--'));
const asked = (part) => only.length === 0 || only.includes(part);
const run = (name, ...rest) => spawnSync(join(root, 'node_modules/.bin', name), rest, { cwd: root, stdio: 'inherit' }).status === 0;

const clean = !asked('--rules') || run('biome', 'check', '--no-errors-on-unmatched', ...paths);
const problems = asked('--rules') ? houseRuleProblems(paths) : [];
for (const problem of problems) console.error(problem);
const straight =
  !asked('--arrows') || run('depcruise', '--config', '.dependency-cruiser.mjs', ...(paths.length > 0 ? paths : ['apps', 'libs']));
process.exit(clean && problems.length === 0 && straight ? 0 : 1);
