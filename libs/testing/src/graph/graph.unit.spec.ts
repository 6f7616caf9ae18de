import { readFileSync } from 'node:fs';
import { graphMarkdown, graphText } from './graph-text.ts';
import { DOCS, withGraph } from './in-docs.ts';
import { WITHOUT_WORK } from './tour.ts';
import { whoReacts } from './who-reacts.ts';

describe('The graph of who reacts to what', () => {
  const seen = whoReacts();
  const loops = seen.contexts.flatMap((context) => context.loops);

  it('is drawn in docs/architecture.md as the code has it (if not: npm run graph -- --write)', () => {
    const page = readFileSync(DOCS, 'utf8');
    expect(page).toBe(withGraph(page, graphMarkdown(seen)));
  });

  it('shows something that each loop reads, and a command of each that has work in the tour', () => {
    expect(loops.filter(({ name, reads }) => reads.length === 0 && !WITHOUT_WORK.has(name))).toEqual([]);
    expect(loops.flatMap(({ name, sends }) => (sends.length === 0 ? [name] : [])).sort()).toEqual([...WITHOUT_WORK.keys()].sort());
  });

  it('shows how records of each ledger come and go', () => {
    const forEver = seen.ledgers.filter(({ puts, deletes }) => puts.length === 0 || deletes.length === 0).map(({ name }) => name);
    // The record of a pool's stock exists as long as the pool.
    expect(forEver).toEqual(['vni-stock']);
  });

  it('comes out the same each time', () => {
    expect(graphText(whoReacts())).toBe(graphText(seen));
  });
});
