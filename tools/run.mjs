// Runs a TypeScript file from source, and a program (apps/<app>/src/main.ts) as bundled: `node tools/run.mjs file.ts [argument...]`. Fetched tools are found
// in PATH.
import { delimiter, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundled } from './bundle.mjs';
import { root, searchPath } from './setup/places.mjs';

const file = process.argv[2];
if (file === undefined) throw new Error('Which file? node tools/run.mjs file.ts [argument...]');
process.env.PATH = searchPath.join(delimiter);
const app = /^apps[\\/]([^\\/]+)[\\/]src[\\/]main\.ts$/.exec(relative(root, resolve(file)))?.[1];
const program = app === undefined ? undefined : bundled(app);
if (program === undefined) await import('./loader/register.mjs');
process.argv.splice(1, 2, program ?? resolve(file));
await import(pathToFileURL(process.argv[1]).href);
