/** Prints docs/cli.md as it ought to be; `--write` puts it there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliReference } from './reference.ts';

const text = await cliReference();
if (process.argv.includes('--write')) writeFileSync(join(import.meta.dirname, '../../../../../docs/cli.md'), text);
else process.stdout.write(text);
process.exit();
