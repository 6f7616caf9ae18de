/** The place in docs/architecture.md where the graph stands. */
import { join } from 'node:path';

export const DOCS = join(import.meta.dirname, '../../../../docs/architecture.md');

const BEGIN = '<!-- npm run graph -- --write -->';
const END = '<!-- end of npm run graph -->';

/** The page with this graph in it. */
export function withGraph(page: string, graph: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCS} lacks the lines "${BEGIN}" and "${END}"`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${graph}\n\n${page.slice(end)}`;
}
