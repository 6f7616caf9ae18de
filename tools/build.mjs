/**
 * Builds one package: `node tools/build.mjs libs/api`.
 *
 * swc compiles each source file into dist/ (it emits decorator metadata, which esbuild cannot), and files that are not TypeScript are copied.
 * An app with a src/main.ts is then bundled from swc's output: dist/bundle/main.js, and index.js beside it, which loads the same code
 * without starting it. Dependencies of the package must have been built before; Nx sees to that.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { transformFile } from '@swc/core';
import * as esbuild from 'esbuild';
import { banner, external, optionalPackages } from './bundle.mjs';
import { swcOptions } from './loader/swc-options.mjs';
import { isTestFile } from './test-files.mjs';

const root = dirname(import.meta.dirname);
const pkg = resolve(root, process.argv[2] ?? '.');
const [src, dist] = [join(pkg, 'src'), join(pkg, 'dist')];

rmSync(dist, { recursive: true, force: true });
for (const file of readdirSync(src, { recursive: true, withFileTypes: true })) {
  const path = join(file.parentPath, file.name);
  if (file.isFile() && !isTestFile(path)) await compile(path);
}
if (existsSync(join(src, 'main.ts'))) await bundle();

async function compile(file) {
  const target = join(dist, relative(src, file));
  mkdirSync(dirname(target), { recursive: true });
  if (!file.endsWith('.ts')) return cpSync(file, target);
  if (file.endsWith('.d.ts')) return undefined;
  const { code, map } = await transformFile(file, {
    ...swcOptions,
    jsc: { ...swcOptions.jsc, rewriteRelativeImportExtensions: true },
    filename: file,
    sourceFileName: relative(dirname(target), file),
    sourceMaps: true,
  });
  const out = target.replace(/\.ts$/, '.js');
  writeFileSync(`${out}.map`, map);
  return writeFileSync(out, `${code}//# sourceMappingURL=${out.slice(out.lastIndexOf(sep) + 1)}.map\n`);
}

async function bundle() {
  const outdir = join(dist, 'bundle');
  const filesOf = new Set();
  const { warnings } = await esbuild.build({
    entryPoints: [join(dist, 'main.js'), join(dist, 'index.js')],
    outdir,
    bundle: true,
    // What a command does not need stays unread.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    external: [...external, 'reflect-metadata'],
    logLevel: 'warning',
    // Before anything that decorates: chunks are not evaluated in the order of the imports in sources.
    banner: { js: `import 'reflect-metadata'; ${banner.js}` },
    plugins: [optionalPackages, besideTheirFiles(filesOf)],
  });
  for (const each of filesOf) copyFiles(each, join(outdir, 'files', relative(root, each)));
  if (warnings.length > 0) process.exitCode = 1;
}

/** Our code may read a file beside its module through import.meta: in the bundle, those files are under files/. */
function besideTheirFiles(filesOf) {
  return {
    name: 'beside-their-files',
    setup(build) {
      build.onLoad({ filter: /[\\/](apps|libs)[\\/][^\\/]+[\\/]dist[\\/].*\.js$/ }, ({ path }) => {
        const contents = readFileSync(path, 'utf8');
        if (!contents.includes('import.meta.')) return undefined;
        const [dir] = /^.*[\\/](?:apps|libs)[\\/][^\\/]+[\\/]dist/.exec(path);
        filesOf.add(dir);
        const at = `new URL(${JSON.stringify(`./files/${relative(root, path).replaceAll(sep, '/')}`)}, import.meta.url)`;
        const moved = contents
          .replaceAll(/\bimport\.meta\.url\b/g, `${at}.href`)
          .replaceAll(/\bimport\.meta\.filename\b/g, `${at}.pathname`)
          .replaceAll(/\bimport\.meta\.dirname\b/g, `new URL('.', ${at}).pathname.slice(0, -1)`);
        return { contents: moved, loader: 'js' };
      });
    },
  };
}

function copyFiles(from, to) {
  const isOurs = (file) => !/\.(js|js\.map)$/.test(file) && !file.includes(`${sep}bundle${sep}`);
  for (const file of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    if (!file.isFile() || !isOurs(path)) continue;
    const target = join(to, relative(from, path));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
}
