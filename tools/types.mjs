// Type check: of everything, or of the packages named (`node tools/types.mjs libs/api apps/gateway`).
// With names, only errors inside those packages are shown and counted, whatever state their neighbours are in.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const packages = process.argv.slice(2).map((name) => name.replace(/\/+$/, ''));
const tsc = (project) =>
  spawnSync(process.execPath, [join(root, 'node_modules/typescript7/bin/tsc'), '--noEmit', '--pretty', 'false', '-p', project], {
    cwd: root,
    encoding: 'utf8',
  });

let project = 'tsconfig.json';
if (packages.length > 0) {
  const cache = join(root, 'node_modules/.cache/weft');
  mkdirSync(cache, { recursive: true });
  project = join(cache, `types-${packages.join('+').replaceAll('/', '.')}.json`);
  const include = packages.map((name) => join(root, name, '**/*.ts'));
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.base.json'), include, exclude: ['**/dist', join(root, '**/node_modules/**')] }),
  );
}
const { stdout, stderr, status } = tsc(project);
process.stderr.write(stderr);
const lines = stdout.split('\n').filter((line) => line !== '');
const shown = packages.length === 0 ? lines : withDetails(lines, (line) => packages.some((name) => line.startsWith(`${name}/`)));
if (shown.length > 0) console.log(shown.join('\n'));
const elsewhere = lines.filter((line) => /: error TS\d+/.test(line) && !shown.includes(line)).length;
if (elsewhere > 0) console.log(`(${elsewhere} more in other packages)`);
const failed = packages.length === 0 ? status !== 0 : shown.length > 0;
console.log(failed ? 'types: errors' : 'types: ok');
process.exit(failed ? 1 : 0);

/** The chosen errors with the indented lines that explain each. */
function withDetails(all, chosen) {
  let keep = false;
  return all.filter((line) => (keep = /^\s/.test(line) ? keep : chosen(line) || /^error TS/.test(line)));
}
