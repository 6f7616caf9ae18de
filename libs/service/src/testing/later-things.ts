import type { DomainModule, KindModule, ReservationModule } from '@weft/api';
import { book, thingDomain } from './things.ts';

/** The domain of Things in a later version: it has `Claimed.v2` and `ThingPainted.v2`, and lifts the events of the former version. */
export function laterDomain(): DomainModule {
  const now = thingDomain();
  const laterBook: ReservationModule = {
    ...(book as ReservationModule),
    decide: (command, state, context) => {
      const decision = (book as ReservationModule).decide(command, state, context);
      if (decision.outcome === 'rejected') return decision;
      const facts = decision.facts.map(({ type, data }) =>
        type === 'Claimed.v1' ? { type: 'Claimed.v2', data: { claim: data } } : { type, data },
      );
      return { ...decision, facts };
    },
    evolve: (state, event) => {
      if (event.type === 'Claimed.v2')
        return book.evolve(state as never, { ...event, type: 'Claimed.v1', data: event.data['claim'] as never });
      if (event.type !== 'Released.v1') throw new Error(`the book does not know ${event.type}`);
      return book.evolve(state as never, event);
    },
  };
  const [things, ...others] = now.kinds as readonly [KindModule, ...KindModule[]];
  const laterThings: KindModule = {
    ...things,
    actions: {
      Paint: (_before, { colour }) => ({
        outcome: 'accepted',
        facts: [{ type: 'ThingPainted.v2', data: { paint: { colour: colour as string, coats: 2 } } }],
      }),
    },
    evolve: {
      'ThingPainted.v2': ({ object }, { paint }) => ({
        object: { ...object, status: { paint: paint as never } },
        facts: { paint: paint as never },
      }),
    },
  };
  return {
    ...now,
    kinds: [laterThings, ...others],
    reservations: [laterBook],
    lifts: {
      'Claimed.v1': (claim) => ({ type: 'Claimed.v2', data: { claim } }),
      // Lifted in two steps, over a version in between.
      'ThingPainted.v1': ({ colour }) => ({ type: 'ThingPainted.v1b', data: { paint: colour as string } }),
      'ThingPainted.v1b': (data) => ({ type: 'ThingPainted.v2', data: { paint: { colour: data['paint'] as string, coats: 1 } } }),
    },
  };
}
