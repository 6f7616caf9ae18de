/**
 * What `tools/run.mjs` runs: all programs (apps/<app>/src/main.ts) bundled, which starts with a third of the processor time and less memory than modules
 * one by one. Kept under node_modules/.cache by the content of what it was made from: a change makes another one, at the next start.
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cache, root } from './setup/places.mjs';
import { isTestFile } from './test-files.mjs';

const bundles = join(cache, 'bundle');
const KEPT_MAX = 4;
/** A build that takes longer is taken for dead. */
const BUILD_MS_MAX = 120_000;

/** Left in node_modules: what is loaded by computed names, has native parts, or finds its own files beside it. */
export const external = ['@nats-io/*', '@grpc/*', '@eventstore/db-client', '@kurrent/*', 'lmdb', 'pino', 'koffi', 'fsevents'];

/** Frameworks import packages that nobody has installed, inside try blocks: such an import stays as it is. */
export const optionalPackages = {
  name: 'optional-packages',
  setup(build) {
    build.onResolve({ filter: /^[@a-z]/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === 'asked' || path.startsWith('@weft/') || rest.kind === 'entry-point') return undefined;
      const found = await build.resolve(path, { ...rest, pluginData: 'asked' });
      return found.errors.length > 0 ? { path, external: true } : found;
    });
  },
};

/** CommonJS inside a bundle expects these. */
export const banner = {
  js: [
    "import { createRequire as bundleRequire } from 'node:module';",
    'const require = bundleRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;',
  ].join(' '),
};

/** The file to run for a program, such as `weft`; made when it is missing. Undefined for what is no program, or cannot be built. */
export function bundled(program) {
  if (!programs().includes(program)) return undefined;
  const directory = join(bundles, digest());
  if (!existsSync(directory) && !make(directory)) return undefined;
  const now = new Date();
  utimesSync(directory, now, now); // The oldest ones go.
  return join(directory, `${program}.js`);
}

function programs() {
  return readdirSync(join(root, 'apps')).filter((app) => existsSync(join(root, 'apps', app, 'src/main.ts')));
}

/** Of everything that it is made from. */
function digest() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const file of ['tools/bundle.mjs', 'tools/loader/swc-options.mjs']) hash.update(readFileSync(join(root, file)));
  for (const folder of ['apps', 'libs']) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const src = join(root, folder, name, 'src');
      if (!existsSync(src)) continue;
      for (const file of readdirSync(src, { recursive: true }).sort()) {
        const path = join(src, file);
        if (file.includes('.') && !isTestFile(path) && statSync(path).isFile()) hash.update(file).update('\0').update(readFileSync(path));
      }
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** By one process at a time: services that start at once wait for the first. False when it cannot be built. */
function make(directory) {
  mkdirSync(bundles, { recursive: true });
  const lock = `${directory}.lock`;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      if (existsSync(directory)) return true;
      if (isLeft(lock)) rmSync(lock, { force: true });
    }
  }
  try {
    if (existsSync(directory)) return true;
    if (process.stderr.isTTY) process.stderr.write('building what has changed\n');
    // In a process of its own, whose memory goes with it.
    const { status } = spawnSync(process.execPath, [import.meta.filename, directory], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: BUILD_MS_MAX,
    });
    return status === 0;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Whether whoever holds the lock was killed, or takes too long. Two that take it at once build twice, which does no harm. */
function isLeft(lock) {
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
  if (since === undefined) return false;
  if (since < Date.now() - BUILD_MS_MAX) return true;
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** A source that asks where it is, or where another package is, is told of the sources. */
function inPlace(code, path) {
  const libs = JSON.stringify(`${pathToFileURL(join(root, 'libs')).href}/`);
  return code
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
    .replaceAll('import.meta.resolve(', `((name) => name.replace('@weft/', ${libs}) + '/src/index.ts')(`);
}

async function build(directory) {
  const draft = `${directory}.${randomUUID()}`;
  await bundleInto(draft, inPlace);
  try {
    renameSync(draft, directory);
  } catch {
    rmSync(draft, { recursive: true, force: true }); // Another one was faster.
  }
  const age = (name) => statSync(join(bundles, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const old = readdirSync(bundles).filter((name) => /^[0-9a-f]{32}/.test(name) && name !== basename(directory) && !name.endsWith('.lock'));
  for (const name of old.sort((a, b) => age(b) - age(a)).slice(KEPT_MAX - 1)) rmSync(join(bundles, name), { recursive: true, force: true });
}

/** All programs into one directory. `placed`: what becomes of the code of a source that asks where it is. Gives what is imported from outside of it. */
export async function bundleInto(directory, placed) {
  const esbuild = await import('esbuild');
  const { transform } = await import('@swc/core');
  const { swcOptions } = await import('./loader/swc-options.mjs');
  /** swc emits decorator metadata, which esbuild cannot. */
  const sources = {
    name: 'sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const { code } = await transform(readFileSync(path, 'utf8'), { ...swcOptions, filename: path });
        return { contents: placed(code, path), loader: 'js' };
      });
    },
  };
  const { metafile } = await esbuild.build({
    metafile: true,
    entryPoints: Object.fromEntries(programs().map((app) => [app, join(root, 'apps', app, 'src/main.ts')])),
    outdir: directory,
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['weft-source', 'module'],
    external: [...external, 'reflect-metadata'],
    // Before anything that decorates: chunks are not evaluated in the order of the imports in sources.
    banner: { js: `import 'reflect-metadata'; ${banner.js}` },
    logLevel: 'error',
    plugins: [optionalPackages, sources],
  });
  // Or Node takes each file for CommonJS first, and keeps that attempt: 10 to 20 MB of an agent.
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return [...new Set(imports.flatMap(({ path, external: isOutside }) => (isOutside ? [path] : [])))];
}

if (process.argv[1] === import.meta.filename) await build(process.argv[2]);
