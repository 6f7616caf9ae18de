// `npm run kubectl`: runs every command of docs/kubectl.md with both kubectls and prints the page; `-- --write` writes it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { testEnvironment } from './jest/start-suite.mjs';
import { root } from './setup/places.mjs';

const loader = pathToFileURL(join(root, 'tools/loader/register.mjs'));
const page = join(root, 'apps/gateway/src/testing/kubectl-page/main.ts');
const { status } = spawnSync(process.execPath, ['--import', String(loader), page, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...testEnvironment(), NODE_OPTIONS: process.env.NODE_OPTIONS ?? '' },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
