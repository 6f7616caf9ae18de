// Runs a TypeScript file from source: `node tools/run.mjs file.ts [argument...]`. Fetched tools are found in PATH.
import { delimiter, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import './loader/register.mjs';
import { searchPath } from './setup/places.mjs';

const file = process.argv[2];
if (file === undefined) throw new Error('Which file? node tools/run.mjs file.ts [argument...]');
process.env.PATH = searchPath.join(delimiter);
process.argv.splice(1, 2, resolve(file));
await import(pathToFileURL(process.argv[1]).href);
