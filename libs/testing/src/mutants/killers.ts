/**
 * What should notice a mutant: histories at which a standby looks, as they were and in other orders. `standby.unit.spec.ts` looks at some of them in each run
 * of the tests.
 */
import type { Append, Loop, Registry } from '@weft/api';
import { tour } from '../graph/tour.ts';
import { AllKinds } from '../world/all-kinds.ts';
import { readShuffled, watch } from '../world/standby.ts';
import { World } from '../world/world.ts';
import { mutantOf } from './mutant.ts';
import { stories, told } from './stories.ts';

/** `run` throws when a loop of this name was not asked when it should have been, or one of all. `prepare` makes what happens, as it is without mutants. */
export type Killer = Readonly<{ name: string; prepare: () => void; run: (loop?: string) => void }>;

type Log = Readonly<{ registry: Registry; appends: readonly Append[] }>;

/** Each story is short, so many orders of it cost little. */
const ORDERS_OF_STORIES = 40;
const ORDERS_OF_TOUR = 3;
const HISTORIES = 12;
const STEPS = 120;

export const theTour: Killer = {
  name: 'the tour',
  prepare: () => {},
  run: (loop) => tour((options = {}) => watch(new World(options), isLoop(loop))),
};

/** In so many orders, beginning with the first one. */
export function toursInOtherOrders(count: number): readonly Killer[] {
  const logs = once(() => {
    const worlds: World[] = [];
    tour((options = {}) => {
      const world = new World(options);
      worlds.push(world);
      return world;
    });
    return worlds;
  });
  return Array.from({ length: count }, (_, i) => inOrder(`the tour in order ${i + 1}`, logs, i + 1));
}

export function historyInOtherOrder(seed: number): Killer {
  return inOrder(
    `history ${seed} of all kinds in another order`,
    once(() => {
      const history = new AllKinds(seed);
      history.live(STEPS);
      history.rest();
      history.deleteAll();
      history.rest();
      return [history.world];
    }),
    seed,
  );
}

export function storiesInOrders(count: number): readonly Killer[] {
  return stories.map((story) => {
    const log = once(() => told(story));
    return {
      name: `"${story.title}" in ${count} orders`,
      prepare: log,
      run: (loop) => {
        const { registry, appends } = log();
        for (let order = 1; order <= count; order++) readShuffled(registry, appends, order, isLoop(loop));
      },
    };
  });
}

/** The cheapest first. */
export const killers: readonly Killer[] = [
  ...storiesInOrders(ORDERS_OF_STORIES),
  ...Array.from({ length: HISTORIES }, (_, i) => historyInOtherOrder(i + 1)),
  theTour,
  ...toursInOtherOrders(ORDERS_OF_TOUR),
];

function inOrder(name: string, logs: () => readonly Log[], order: number): Killer {
  return {
    name,
    prepare: logs,
    run: (loop) => {
      for (const { registry, appends } of logs()) readShuffled(registry, appends, order, isLoop(loop));
    },
  };
}

function isLoop(wanted: string | undefined): (loop: Loop) => boolean {
  return ({ name }) => wanted === undefined || mutantOf(name, '').loop === wanted;
}

/** Makes it when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
