/** What is left of the log without some commands (ADR 60) is held to what the others make when they are sent again to a new world: deciders and loops know nothing of the rule. */
import { createFold, factsOf } from '@weft/api';
import { RowsOnDemand } from '@weft/fabric';
import { below, randomOf, type World } from '@weft/testing';
import { isAmbiguous, QUESTIONS_OF_STORIES, storyOf, worldOf } from '../testing/stories.ts';
import { answerOf } from '../trace/answer.ts';
import { withoutCommands } from './without-commands.ts';

/** `HISTORIES=1000` for more, from `SEED` on. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 1);
const FIRST = Number(process.env['SEED'] ?? 3);
const STEPS = 20;
/** Sets of two, beside each command alone. */
const PAIRS = 4;

/** Which packets arrive. */
function arrivals({ registry, fold }: Pick<World, 'registry' | 'fold'>): readonly string[] {
  const rows = new RowsOnDemand(registry, fold);
  rows.settle();
  return QUESTIONS_OF_STORIES.filter((question) => answerOf(question, rows, factsOf(fold)).verdict === 'delivered').map(
    ({ from, to }) => `${from} > ${to}`,
  );
}

describe('What is left of the log without some commands', () => {
  it.each(Array.from({ length: HISTORIES }, (_, i) => i + FIRST))('is what the other commands bring about (story %i)', (seed) => {
    const story = storyOf(seed, STEPS);
    const world = worldOf(story);
    const random = randomOf(seed);
    const any = () => below(random, story.length);
    const sets = [...story.keys()].map((i) => [i]);
    for (let i = 0; i < PAIRS; i++) sets.push([any(), any()]);
    for (const set of sets) {
      const without = set.map((i) => story[i] as (typeof story)[number]);
      if (isAmbiguous(story, without)) continue;
      const fold = createFold(world.registry);
      const gone = new Set(without.map(({ requestId }) => requestId));
      for (const append of withoutCommands(world.registry, world.appends, gone)) fold.apply(append);
      const left = arrivals({ registry: world.registry, fold });
      const told = arrivals(worldOf(story.filter(({ requestId }) => !gone.has(requestId))));
      expect([set, without, left]).toEqual([set, without, told]);
    }
  });
});
