/**
 * Packs @weft/client for programs outside of this repository, in JavaScript with its types: `npm run pack` writes dist/weft-client-<version>.tgz, which
 * `npm install` takes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packed, readJson } from './pack.mjs';
import { root } from './setup/places.mjs';

const source = join(root, 'libs/client');

/** Gives the path of the tarball in `directory`. */
export function packClient(directory) {
  const stage = mkdtempSync(join(tmpdir(), 'weft-pack-client-'));
  try {
    compile(stage);
    const { name, version, description, license, type, dependencies } = readJson(join(source, 'package.json'));
    const { engines } = readJson(join(root, 'package.json'));
    const exports = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } };
    const manifest = { name, version, description, license, type, engines, exports, dependencies, files: ['dist'] };
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
    cpSync(join(root, 'docs/events.md'), join(stage, 'README.md'));
    mkdirSync(directory, { recursive: true });
    return packed(stage, directory);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** `npm run types` has checked them. */
function compile(stage) {
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    declaration: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  const places = { rootDir: join(source, 'src'), outDir: join(stage, 'dist') };
  const config = join(stage, 'tsconfig.json');
  const settings = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: { ...compilerOptions, ...places },
    include: [join(source, 'src/**/*.ts')],
    exclude: ['**/*.spec.ts'],
  };
  writeFileSync(config, JSON.stringify(settings));
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', config], { cwd: stage, encoding: 'utf8' });
  if (status !== 0) throw new Error(`@weft/client is not compiled:\n${stdout}`);
}

if (process.argv[1] === import.meta.filename) console.log(packClient(join(root, 'dist')));
