/**
 * A standby looks at histories in which one thing alone differs. `ORDERS=40 HISTORIES=12` looks at more; `FORGET='<loop>: <read>'` runs the tests without a
 * read of a loop (docs/mutants.md).
 */
import { readFileSync } from 'node:fs';
import { besideLoops } from './beside-loops.ts';
import { noticedIn, PAGE } from './in-docs.ts';
import { historyInOtherOrder, storiesInOrders, theTour, toursInOtherOrders } from './killers.ts';
import { awaitedByLoops, mutantText } from './mutant.ts';
import { needless } from './needless.ts';
import { readsIn, tryMutant } from './try-mutants.ts';

const ORDERS = Number(process.env['ORDERS'] ?? 6);
const HISTORIES = Number(process.env['HISTORIES'] ?? 1);

/** What loops have read in the tour. */
let inTour: ReadonlySet<string>;

describe('A standby owes what loops owe that are asked about everything anew', () => {
  it('at each step of the tour', () => {
    inTour = readsIn(() => theTour.run()).read;
  });

  const killers = [
    ...storiesInOrders(ORDERS),
    ...Array.from({ length: HISTORIES }, (_, i) => historyInOtherOrder(i + 2)),
    ...toursInOtherOrders(Math.floor(ORDERS / 20)),
  ];
  it.each(killers)('at each step of $name', ({ run }) => {
    run();
  });
});

describe('docs/mutants.md', () => {
  const listed = noticedIn(readFileSync(PAGE, 'utf8'));

  it('lists what notices each read of the tour that is not noted (if not: npm run mutants -- --write)', () => {
    const all = [...inTour, ...awaitedByLoops().map(mutantText)];
    expect(all.filter((name) => !listed.has(name))).toEqual([]);
  });

  it('gives the reason of each that nothing can notice, and no other', () => {
    const reasons = [...listed].flatMap(([name, by]) => (by.startsWith('nothing: ') ? [[name, by.slice('nothing: '.length)]] : []));
    expect(reasons).toEqual([...needless].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect([...besideLoops.keys()].filter((name) => !listed.has(name))).toEqual([]);
  });
});

it('A read that is not noted is noticed', () => {
  const stories = storiesInOrders(1);
  for (const { prepare } of stories) prepare();
  expect(tryMutant('settle-interfaces: Machine by nic . claimant', stories)?.says).toContain('settle-interfaces about ns/a');
  expect(tryMutant('allocate-nat-slots: awaits NATGateway', stories)?.says).toContain('allocate-nat-slots about ns/');
  for (const { run } of stories) run();
});
