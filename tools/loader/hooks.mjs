// Module hooks: workspace packages resolve to their sources, and TypeScript is compiled by swc, with decorator metadata.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import { swcOptions } from './swc-options.mjs';

// A query may follow the name: the test runner adds one to import a file afresh.
const typescript = /\.m?ts(\?.*)?$/;

export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier, { ...context, conditions: [...context.conditions, 'weft-source'] });
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !typescript.test(url)) return nextLoad(url, context);
  const filename = fileURLToPath(url.split('?')[0]);
  const { code } = await transform(await readFile(filename, 'utf8'), { ...swcOptions, filename, sourceMaps: 'inline' });
  return { format: 'module', shortCircuit: true, source: code };
}
