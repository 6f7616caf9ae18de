// Module hooks: workspace packages resolve to their sources, and TypeScript is compiled by swc, with decorator metadata. What was compiled is kept under
// node_modules/.cache, so a start compiles only what has changed.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

// A query may follow the name: the test runner adds one to import a file afresh.
const typescript = /\.m?ts(\?.*)?$/;
const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = `${root}node_modules/.cache/weft/swc`;
const { version } = JSON.parse(readFileSync(`${root}node_modules/@swc/core/package.json`, 'utf8'));
const salt = JSON.stringify([version, swcOptions]);

// Of some 260 modules: as CommonJS they are loaded without a call of these hooks for each, which saves 0.15 s at every start.
const asCommonJs = /^@sinclair\/typebox(\/|$)/;

export function resolve(specifier, context, nextResolve) {
  if (asCommonJs.test(specifier)) return nextResolve(specifier, { ...context, conditions: ['node', 'require'] });
  return nextResolve(specifier, { ...context, conditions: [...context.conditions, 'weft-source'] });
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !typescript.test(url)) return nextLoad(url, context);
  const filename = fileURLToPath(url.split('?')[0]);
  return { format: 'module', shortCircuit: true, source: await compiled(filename, await readFile(filename, 'utf8')) };
}

/** One file for each source, with the digest of what it was made from at its end. */
async function compiled(filename, source) {
  const kept = `${cache}/${digestOf(filename)}.mjs`;
  const mark = `\n//# of ${digestOf(salt, source)}\n`;
  const found = await readFile(kept, 'utf8').catch(() => '');
  if (found.endsWith(mark)) return found;
  const { transform } = await import('@swc/core');
  const { code } = await transform(source, { ...swcOptions, filename, sourceMaps: 'inline' });
  await keep(kept, code + mark);
  return code;
}

function digestOf(...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex');
}

/** A directory that cannot be written costs time only. */
async function keep(file, code) {
  try {
    await mkdir(cache, { recursive: true });
    const part = `${file}.${randomUUID()}`;
    await writeFile(part, code);
    await rename(part, file);
  } catch {}
}
