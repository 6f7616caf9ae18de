/** Processes are killed after some appends; `killed.sim.spec.ts` does it after each. */
import { lifeOfApplication, tourKilled } from './killed-lives.ts';
import { World } from './world.ts';

const EVERY = 15;

describe('The two-tier application', () => {
  const undisturbed = lifeOfApplication({ seed: 1 });

  it('has objects of every kind, and leaves nothing behind', () => {
    const all = new World().registry.kinds.map(({ kind }) => kind);
    // Nobody stores Events yet.
    expect(all.filter((kind) => !undisturbed.kinds.has(kind))).toEqual(['Event']);
    const kinds = undisturbed.gone.flatMap((line) => /^\{.*?"kind":"(\w+)"/.exec(line)?.slice(1) ?? []);
    expect(kinds.sort()).toEqual(['AddressPool', 'Host', 'Namespace']);
  });

  it(`comes to the same ends when all processes are killed once, after each ${EVERY}th of its appends`, () => {
    for (let at = 1; at <= undisturbed.appends; at += EVERY) {
      const { applied, gone, refusals } = lifeOfApplication({ seed: at, killedAfter: (appends) => appends === at });
      expect([at, applied, gone, refusals]).toEqual([at, undisturbed.applied, undisturbed.gone, []]);
    }
  });
});

describe('A history in which every loop has work', () => {
  it('comes to the same ends when all processes are killed after each fourth append', () => {
    const undisturbed = tourKilled(1, () => false);
    expect(tourKilled(2, (append) => append % 4 === 0).states).toEqual(undisturbed.states);
  });
});
