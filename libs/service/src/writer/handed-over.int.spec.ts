/** States that a writer hands over to the follower of its process (ADR 72). */
import { randomUUID } from 'node:crypto';
import { type Append, createFold, type Folded, KnownStates, type ObjectCommand, type Reply } from '@weft/api';
import { createMemoryHub } from '@weft/bus';
import { createMemoryStore, type EventStore, type SubscriptionHandlers, UnavailableError } from '@weft/event-store';
import { makeNamespace, type Replica, startReplica } from '../testing/runtime.ts';
import { paint, thing, thingKey } from '../testing/things.ts';

const key = thingKey('a', 'one');
/** Its events are of different facets, each of which keeps the position of its own. */
const dressed: ObjectCommand = { verb: 'act', key, action: 'Dress', payload: { colour: 'white', labels: { size: 'small' } } };

/** Resolves when the follower may go on. */
let answered: Promise<void> = Promise.resolve();

function late(handlers: SubscriptionHandlers): SubscriptionHandlers {
  return {
    ...handlers,
    onAppend: async (append) => {
      await answered;
      await handlers.onAppend(append);
    },
  };
}

class CountedStates extends KnownStates {
  taken: string[] = [];
  override take(append: Append, before: Folded): Folded | undefined {
    const state = super.take(append, before);
    if (state !== undefined) this.taken.push(append.events.map(({ type }) => type).join(' '));
    return state;
  }
}

describe('A follower of the process of a writer', () => {
  let store: EventStore;
  let replica: Replica;
  let known: CountedStates;
  /** `append`: in place of the store's own. The follower takes what a command appended once that is answered, as in a burst. */
  async function given(positionStep: number, append = (of: EventStore): EventStore['append'] => of.append.bind(of)): Promise<void> {
    store = await createMemoryStore({ positionStep });
    const wrapped = new Proxy(store, {
      get: (of, name: keyof EventStore) => {
        if (name === 'append') return append(of);
        if (name === 'subscribe') return (...[from, handlers]: Parameters<EventStore['subscribe']>) => of.subscribe(from, late(handlers));
        return typeof of[name] === 'function' ? (of[name] as () => unknown).bind(of) : of[name];
      },
    });
    known = new CountedStates();
    await makeNamespace(store, 'a');
    replica = await startReplica({ store: wrapped, bus: createMemoryHub().connect(), known });
  }
  afterEach(async () => {
    await replica.stop();
    await store.close();
  });

  async function done(command: ObjectCommand, requestId = randomUUID()): Promise<Reply & { ok: true }> {
    let goOn: () => void = () => {};
    answered = new Promise((resolve) => (goOn = resolve));
    const reply = await replica.send(command, { requestId });
    goOn();
    if (!reply.ok) throw new Error(reply.status.message);
    await replica.follower.waitFor(BigInt(reply.position), 5_000);
    return reply;
  }
  async function folded(): Promise<Folded | undefined> {
    const fold = createFold(replica.registry);
    for await (const page of store.readAppendPages()) for (const append of page) fold.apply(append);
    return fold.get(key);
  }

  it.each([
    ['follow one another', 1, ['ThingCreated.v1', 'ThingPainted.v1', 'LabelsChanged.v1 ThingPainted.v1']],
    ['leave gaps', 2, ['ThingCreated.v1']],
  ])('takes the state that was written, exactly as the log gives it, where positions %s', async (_, positionStep, taken) => {
    await given(positionStep);
    const requestId = randomUUID();
    for (const command of [thing('a', 'one'), dressed]) {
      await done(command);
      expect(replica.follower.get(key)).toStrictEqual(await folded());
    }
    for (const each of [requestId, requestId]) await done(paint('a', 'one', 'red'), each);
    expect(replica.follower.get(key)).toStrictEqual(await folded());
    expect([...known.taken].sort()).toEqual([...taken].sort());
  });

  it('folds what was written before by itself, since the log may hold something else', async () => {
    let lost = 0;
    await given(1, (of) => async (...append) => {
      const result = await of.append(...append);
      if (append[0].startsWith('Thing') && lost++ === 0) throw new UnavailableError('the answer was lost');
      return result;
    });
    await done(thing('a', 'one'));
    expect([lost, known.taken]).toEqual([2, []]);
    await done(paint('a', 'one', 'red'));
    expect(known.taken).toEqual(['ThingPainted.v1']);
    lost = 0;
    // The writer knows the position of the last one of its events only, also in later states.
    for (const command of [dressed, paint('a', 'one', 'blue')]) {
      await done(command);
      expect(replica.follower.get(key)).toStrictEqual(await folded());
    }
    expect(known.taken).toEqual(['ThingPainted.v1']);
  });
});
