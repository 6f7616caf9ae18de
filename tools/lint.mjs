// Lint: Biome (rules and format), then dependency-cruiser (arrows, cycles). `node tools/lint.mjs [path...]` for some paths only.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const paths = process.argv.slice(2);
const bin = (name) => join(root, 'node_modules/.bin', name);
const run = (name, ...args) => spawnSync(bin(name), args, { cwd: root, stdio: 'inherit' }).status === 0;

const clean = run('biome', 'check', '--no-errors-on-unmatched', ...paths);
const straight = run('depcruise', '--config', '.dependency-cruiser.mjs', ...(paths.length > 0 ? paths : ['apps', 'libs']));
process.exit(clean && straight ? 0 : 1);
