/** Rows on demand are those that the projections publish, whatever is asked, at any point of random histories of all kinds. */
import { hostKey } from '@weft/network';
import { AllKinds } from '@weft/testing';
import { answersOf, LOOKUP_NAMES, namesOf } from '../testing/lookups.ts';
import { TableRows } from './row-index.ts';
import { RowsOnDemand } from './rows-on-demand.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 4);
const everAsked = new Set<string>();

describe('Rows on demand', () => {
  it.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('answer as the tables do (history %i)', (seed) => {
    const { world, fabric, ...history } = given(seed);
    const rows = new RowsOnDemand(world.registry, world.fold);
    world.watch((change) => rows.note(change));
    const asked = new Set<string>();
    for (let step = 0; step < 60; step++) {
      history.step();
      rows.settle();
      if (step % 6 !== 5) continue;
      expect(answersOf(rows, fabric.tables, asked)).toEqual(answersOf(new TableRows(fabric.tables), fabric.tables, asked));
    }
    for (const question of asked) everAsked.add(question);
  });

  it('were asked everything', () => expect(namesOf(everAsked)).toEqual(LOOKUP_NAMES));
});

function given(seed: number): Pick<AllKinds, 'world' | 'fabric'> & { step: () => void } {
  const history = new AllKinds(seed);
  history.populate();
  history.world.patch(hostKey('a'), { spec: { roles: ['Edge'] } });
  return { world: history.world, fabric: history.fabric, step: () => history.step() };
}
