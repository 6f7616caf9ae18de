/** `npm run kubectl`: prints docs/kubectl.md as it should be; `-- --write` writes it. */
import { writeFileSync } from 'node:fs';
import { kubectlPage, missing } from './page.ts';

if (missing !== undefined) throw new Error(missing);
const page = await kubectlPage();
if (process.argv.includes('--write')) writeFileSync(new URL('../../../../../docs/kubectl.md', import.meta.url), page);
else process.stdout.write(page);
process.exit(0);
