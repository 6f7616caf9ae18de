import { type Append, createFold, type Folded, presentationOf, type RecordedEvent, registry, Slices, systemClock } from '@weft/api';
import { AllKinds, below, randomOf, World } from '@weft/testing';
import { weftDomains } from '../runtime/domains.ts';
import { PastStates } from './past-states.ts';

/** `HISTORIES=1000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 2);
const MOMENTS = 12;
const STEPS = 80;
const kinds = registry(weftDomains);

/** Of a log as it is; counts the events of streams that are given, and passes over the log. */
function storeOf(log: readonly Append[]) {
  const read = { events: 0, passes: 0 };
  const streams = new Map<string, RecordedEvent[]>();
  for (const { stream, events } of log) streams.set(stream, [...(streams.get(stream) ?? []), ...events]);
  return {
    read,
    async *readStream(stream: string) {
      for (const event of streams.get(stream) ?? []) {
        read.events++;
        yield event;
      }
    },
    async *readAppendPages() {
      read.passes++;
      yield* [log.slice(0, 7), log.slice(7)];
    },
  };
}

/** By default lists are read from streams, whatever that costs. */
function pastOf({ appends, fold }: Pick<World, 'appends' | 'fold'>, { streamInEvents = 0 } = {}) {
  const store = storeOf(appends);
  return { store, past: new PastStates({ store, registry: kinds, follower: fold, slices: new Slices(systemClock), streamInEvents }) };
}

const shown = (state: Folded) => {
  const kind = kinds.kind(state.key.kind);
  if (kind === undefined) throw new Error(state.key.kind);
  return { parts: presentationOf(kind, state).parts, state };
};

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('The past of random history %i', (seed) => {
  it('is at each position what the log up to there folds to', async () => {
    const random = randomOf(seed);
    const history = new AllKinds(seed);
    history.populate();
    for (let step = 0; step < STEPS; step++) history.step();
    if (seed % 2 === 0) history.deleteAll();
    const { appends } = history.world;
    const [{ past, store }, passing] = [pastOf(history.world), pastOf(history.world, { streamInEvents: 10_000 })];
    const moments = new Set(Array.from({ length: MOMENTS }, () => below(random, appends.length)));
    const namespaces = [undefined, ...[...history.world.fold.all()].slice(0, 5).map(({ key }) => key.namespace)];
    const fold = createFold(kinds);
    for (const [at, append] of appends.entries()) {
      fold.apply(append);
      if (!moments.has(at)) continue;
      const { position } = append;
      for (const { kind, servedFrom } of kinds.kinds) {
        if (servedFrom !== undefined) continue;
        const namespace = namespaces[below(random, namespaces.length)];
        const expected = Array.from(fold.listOrdered(kind, namespace), shown);
        const either = below(random, 2) === 0 ? past : passing.past;
        expect((await either.list(kind, namespace, position)).map(shown)).toEqual(expected);
      }
      for (const { key } of history.world.fold.all()) {
        if (below(random, 4) > 0) continue;
        const then = fold.get(key);
        const expected = then?.status === 'live' ? shown(then) : undefined;
        const found = await past.object(key, position);
        expect(found && shown(found)).toEqual(expected);
      }
    }
    expect([store.read.passes, passing.store.read.passes > 0]).toEqual([0, true]);
  });
});

describe('The past', () => {
  const key = { kind: 'Namespace', name: 'a' };
  function world(): World {
    const made = new World();
    for (const name of ['a', 'b']) made.create({ kind: 'Namespace', metadata: { name } });
    return made;
  }

  it('costs a read of what has changed since, and of nothing else', async () => {
    const lived = world();
    const { position } = lived;
    const { store, past } = pastOf(lived);
    expect(await past.list('Namespace', undefined, position)).toHaveLength(2);
    expect(store.read.events).toBe(0);
    lived.create({ kind: 'Namespace', metadata: { name: 'c' } });
    lived.send({ verb: 'patch', key, patchType: 'merge', patch: { metadata: { labels: { x: 'y' } } } });
    const later = pastOf(lived);
    expect((await later.past.list('Namespace', undefined, position)).map((state) => state.key.name)).toEqual(['a', 'b']);
    // The namespace that was labelled, up to the label; of the one that came later, its state says so.
    expect(later.store.read.events).toBe(2);
  });

  it('is read in one pass over the log where that costs less', async () => {
    const lived = world();
    const { position } = lived;
    for (const name of ['a', 'b'])
      lived.send({ verb: 'patch', key: { kind: 'Namespace', name }, patchType: 'merge', patch: { metadata: { labels: { x: 'y' } } } });
    const { store, past } = pastOf(lived, { streamInEvents: 20 });
    const labels = (await past.list('Namespace', undefined, position)).map(({ object }) => object.metadata.labels?.['x']);
    expect(labels).toEqual([undefined, undefined]);
    expect(store.read).toEqual({ events: 0, passes: 1 });
  });

  it('has what has ended since, and knows nothing of what never was', async () => {
    const lived = world();
    const { position } = lived;
    lived.send({ verb: 'delete', key });
    lived.settle();
    expect(lived.object(key)).toBeUndefined();
    const { past } = pastOf(lived);
    expect((await past.object(key, position))?.object.metadata.name).toBe('a');
    expect(await past.object(key, lived.position)).toBeUndefined();
    lived.create({ kind: 'Namespace', metadata: { name: 'a' } });
    const names = (await pastOf(lived).past.list('Namespace', undefined, position)).map((state) => state.key.name);
    expect(names).toEqual(['a', 'b']); // The one of before, though another one has its name now.
    expect(await past.object({ kind: 'Namespace', name: 'never' }, position)).toBeUndefined();
  });
});
