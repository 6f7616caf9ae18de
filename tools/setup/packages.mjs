// npm packages: installed when the lock differs from the one that was installed last.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Says every few seconds how far it has come. */
export async function installPackages(say) {
  say('installing npm packages (about a minute, more on a slow line) ...');
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
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  const all = packagesInLock();
  const progress = setInterval(() => {
    const there = packagesOnDisk();
    // A package is there with its first file: npm has a third of its time still to go.
    const far = there < all ? `${there} of ${all} npm packages` : 'all npm packages are begun, files are written';
    say(`${far} after ${seconds()} s`);
  }, PROGRESS_MS);
  try {
    await run([...npm, ...args], env);
  } finally {
    clearInterval(progress);
  }
  mkdirSync(cache, { recursive: true });
  rmSync(stamp, { force: true }); // It may be one file with that of another clone.
  writeFileSync(stamp, wanted());
  say(`npm packages installed in ${seconds()} s`);
}

const PROGRESS_MS = 5_000;

function run([program, ...args], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
    const failed = (why) => reject(new Error(`npm install failed (${why}); see its messages above`));
    child.once('error', ({ message }) => failed(message));
    child.once('close', (code) => (code === 0 ? resolve() : failed(`exit code ${code}`)));
  });
}

/** Those of the root: others are few. npm makes all directories first, and fills them then. */
function packagesInLock() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).filter(
    ([path, { optional, link }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !optional && !link,
  ).length;
}

function packagesOnDisk() {
  const entries = (path) => (existsSync(path) ? readdirSync(path).filter((name) => !name.startsWith('.')) : []);
  const top = join(root, 'node_modules');
  const paths = entries(top).flatMap((name) => (name.startsWith('@') ? entries(join(top, name)).map((each) => join(name, each)) : [name]));
  return paths.filter((path) => existsSync(join(top, path, 'package.json'))).length;
}

function canWriteHome() {
  try {
    accessSync(homedir(), constants.W_OK);
    return process.env.HOME !== '';
  } catch {
    return false;
  }
}
