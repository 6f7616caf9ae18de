import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliReference } from './reference.ts';

it('docs/cli.md says what the commands say of themselves (npm run cli -- --write)', async () => {
  expect(readFileSync(join(import.meta.dirname, '../../../../../docs/cli.md'), 'utf8')).toBe(await cliReference());
});
