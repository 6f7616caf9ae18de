// npm packages: installed when the lock differs from the one that was installed last.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cache, root } from './places.mjs';

const stamp = join(cache, 'installed');

/** What an installation depends on: the lock, and the platform whose prebuilt binaries it holds. */
function wanted() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} ${process.platform}-${process.arch}`;
}

export function packagesAreCurrent() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted();
}

export function installPackages(say) {
  say('installing npm packages (about half a minute) ...');
  // `npm ci` refuses locks that lack optional packages of foreign platforms; `install --no-save` leaves the lock as it is.
  const args = [
    'install',
    '--no-save',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const env = {
    ...process.env,
    npm_config_update_notifier: 'false',
    ...(canWriteHome() ? {} : { npm_config_cache: join(tmpdir(), `weft-npm-${process.getuid?.() ?? 0}`) }),
  };
  // Set by an outer `npm run --workspace` or `--prefix`; they would aim the install elsewhere.
  for (const name of ['npm_config_workspace', 'npm_config_prefix', 'npm_config_local_prefix', 'npm_config_global', 'npm_config_omit'])
    delete env[name];
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const startedAt = Date.now();
  const { status, error } = spawnSync(npm[0], [...npm.slice(1), ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm install failed (${error?.message ?? `exit code ${status}`}); see its messages above`);
  mkdirSync(cache, { recursive: true });
  writeFileSync(stamp, wanted());
  say(`npm packages installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function canWriteHome() {
  try {
    accessSync(homedir(), constants.W_OK);
    return process.env.HOME !== '';
  } catch {
    return false;
  }
}
