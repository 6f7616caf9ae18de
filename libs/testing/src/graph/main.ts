/** `npm run graph`: prints who reacts to what. `--markdown`: as it stands in docs/architecture.md; `--write`: writes it there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { graphMarkdown, graphText } from './graph-text.ts';
import { DOCS, withGraph } from './in-docs.ts';
import { whoReacts } from './who-reacts.ts';

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== '--markdown' && option !== '--write');
if (unknown.length > 0) {
  process.stderr.write(`npm run graph knows --markdown and --write, and not ${unknown.join(' ')}\n`);
  process.exit(1);
}
const seen = whoReacts();
if (options.includes('--write')) writeFileSync(DOCS, withGraph(readFileSync(DOCS, 'utf8'), graphMarkdown(seen)));
else process.stdout.write(`${options.includes('--markdown') ? graphMarkdown(seen) : graphText(seen)}\n`);
