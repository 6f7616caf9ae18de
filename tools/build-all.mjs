// Builds every package through Nx, which skips what has not changed, then loads each app's bundle without starting it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = dirname(import.meta.dirname);
const env = { ...process.env, CI: 'true', NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' };
const built = spawnSync(
  join(root, 'node_modules/.bin/nx'),
  ['run-many', '-t', 'build', '--output-style=static', ...process.argv.slice(2)],
  { cwd: root, env, stdio: 'inherit' },
);
if (built.status !== 0) process.exit(built.status ?? 1);

let sound = true;
for (const app of readdirSync(join(root, 'apps'))) {
  const bundle = join(root, 'apps', app, 'dist/bundle/index.js');
  if (!existsSync(bundle)) {
    if (existsSync(join(root, 'apps', app, 'src/main.ts'))) sound = false;
    console.log(`${app}: no bundle${sound ? ', since it has no src/main.ts' : ''}`);
    continue;
  }
  const startedAt = Date.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `await import(${JSON.stringify(pathToFileURL(bundle).href)}); process.exit(0)`],
    { cwd: root, encoding: 'utf8', timeout: 60_000 },
  );
  console.log(`${app}: bundle ${status === 0 ? `loads in ${Date.now() - startedAt} ms` : `does not load\n${stderr}`}`);
  if (status !== 0) sound = false;
}
process.exit(sound ? 0 : 1);
