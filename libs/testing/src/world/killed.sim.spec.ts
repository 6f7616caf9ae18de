/** Every process is killed between any two steps of any loop. */
import { lifeOfApplication, tourKilled } from './killed-lives.ts';

it('The two-tier application comes to the same ends when all processes are killed once, after any of its appends', () => {
  const undisturbed = lifeOfApplication({ seed: 1 });
  // A run that is killed may take some appends more.
  for (let at = 1; at <= undisturbed.appends + 10; at++) {
    const { applied, gone, refusals } = lifeOfApplication({ seed: at, killedAfter: (appends) => appends === at });
    expect([at, applied, gone, refusals]).toEqual([at, undisturbed.applied, undisturbed.gone, []]);
  }
});

describe('A history in which every loop has work', () => {
  const undisturbed = tourKilled(1, () => false);

  it.each([1, 2, 3, 5])('comes to the same ends when all processes are killed after each append whose number is divided by %i', (by) => {
    expect(tourKilled(by, (append) => append % by === 0).states).toEqual(undisturbed.states);
  });
});
