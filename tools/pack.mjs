/**
 * Packs the command line for machines without this repository: `npm run pack` writes dist/weft-<version>.tgz, which `npm install -g` takes without a network,
 * since what it needs is in it. Native parts are those of this platform.
 *
 *   program/        all programs, bundled
 *   bin/            weft, the same as kubectl's plugin (kubectl weft), and what kubectl asks at a tab
 *   node_modules/   what is left out of bundles, with all that it needs
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { bundleInto } from './bundle.mjs';
import { root } from './setup/places.mjs';
import { isTestFile } from './test-files.mjs';

const BINS = { weft: '', 'kubectl-weft': '', 'kubectl_complete-weft': "'complete', '--', " };
export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** Gives the path of the tarball in `directory`. */
export async function pack(directory) {
  const stage = mkdtempSync(join(tmpdir(), 'weft-pack-'));
  try {
    const program = join(stage, 'program');
    // A source that asks where it is finds itself in the bundle, and what lies beside it there as well.
    const imports = await bundleInto(program, (code) => code);
    for (const file of filesBesideSources()) cpSync(file, join(program, basename(file)));
    const kept = [
      ...new Set([...imports.filter((name) => !isBuiltin(name) && !name.startsWith('.')).map(packageOf), ...importedBesides()]),
    ];
    const packages = kept.filter((name) => placeOf(name, root) !== undefined);
    copyPackages(packages, join(stage, 'node_modules'));
    writeBins(join(stage, 'bin'));
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest(packages), null, 2)}\n`);
    cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
    cpSync(join(root, 'docs/cli.md'), join(stage, 'README.md'));
    mkdirSync(directory, { recursive: true });
    return packed(stage, directory);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Makes a tarball of a folder; gives its path. */
export function packed(stage, directory) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: stage, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
  const made = JSON.parse(stdout);
  const [{ filename }] = Array.isArray(made) ? made : Object.values(made);
  return join(directory, filename);
}

function manifest(packages) {
  const { version, description, license, engines } = readJson(join(root, 'package.json'));
  return {
    name: 'weft',
    version,
    description,
    license,
    type: 'module',
    engines,
    os: [process.platform],
    cpu: [process.arch],
    bin: Object.fromEntries(Object.keys(BINS).map((name) => [name, `bin/${name}.js`])),
    dependencies: Object.fromEntries(packages.map((name) => [name, readJson(join(placeOf(name, root), 'package.json')).version])),
    bundleDependencies: packages,
  };
}

/** npm links to these; programs look beside the file that they were started as. */
function writeBins(directory) {
  mkdirSync(directory);
  for (const [name, words] of Object.entries(BINS)) {
    const file = join(directory, `${name}.js`);
    const start = [
      '#!/usr/bin/env node',
      "import { fileURLToPath } from 'node:url';",
      "const program = new URL('../program/weft.js', import.meta.url);",
      `process.argv.splice(1, 1, fileURLToPath(program)${words === '' ? '' : `, ${words.slice(0, -2)}`});`,
      'await import(program);',
    ];
    writeFileSync(file, `${start.join('\n')}\n`);
    chmodSync(file, 0o755);
  }
}

/** What sources start or read as a file of its own. */
function filesBesideSources() {
  const folders = ['libs', 'apps'].flatMap((base) => readdirSync(join(root, base)).map((name) => join(root, base, name, 'src')));
  return folders.filter(existsSync).flatMap((src) =>
    readdirSync(src, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.mjs'))
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((file) => !isTestFile(file)),
  );
}

function importedBesides() {
  const texts = filesBesideSources().map((file) => readFileSync(file, 'utf8'));
  return texts
    .flatMap((text) => [...text.matchAll(/^import .* from '([^.'][^']*)';$/gm)].map(([, name]) => name))
    .filter((name) => !isBuiltin(name))
    .map(packageOf);
}

function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The folder of a package, as Node finds it from a folder. */
function placeOf(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    if (existsSync(join(place, 'package.json'))) return place;
    if (folder === root || folder === dirname(folder)) return undefined;
  }
}

/** With all that they need, where Node finds it. Without types, sources and maps. */
function copyPackages(names, target) {
  const copied = new Set();
  const copy = (name, from) => {
    const place = placeOf(name, from);
    if (place === undefined || copied.has(place) || name.startsWith('@types/')) return;
    copied.add(place);
    cpSync(place, join(target, relative(join(root, 'node_modules'), place)), {
      recursive: true,
      filter: (file) => !/\.(d\.[cm]?ts|map|ts)$|[/\\](test|tests|docs|benchmarks|node_modules)$/.test(file.slice(place.length)),
    });
    const { dependencies, optionalDependencies } = readJson(join(place, 'package.json'));
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) copy(each, place);
  };
  for (const name of names) copy(name, root);
}

if (process.argv[1] === import.meta.filename) console.log(await pack(join(root, 'dist')));
