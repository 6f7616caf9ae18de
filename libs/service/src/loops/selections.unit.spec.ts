/** Selections of a kind (`FoldCollections.some`), on a fold: what is derived of them is asked about their members alone. */
import { appendOf, createFold, type Folded, registry, streamOf, uuidv5 } from '@weft/api';
import { Engine, FoldSources, type Selection } from '@weft/derive';
import { Thing, thingDomain, thingKey } from '../testing/things.ts';

const ROOT = '6f1d3c5e-0000-5000-8000-000000000003';
const red = { kind: Thing, name: 'red', has: ({ facts }: Folded) => facts['colour'] === 'red' } as unknown as Selection<never>;

describe('A selection of the objects of a kind', () => {
  const domains = registry([thingDomain()]);
  const fold = createFold(domains);
  const engine = new Engine({ now: () => 0 });
  let told = 0n;
  // A follower tells its position after it has told the change.
  const world = new Proxy(fold, {
    get(of, name) {
      const value: unknown = name === 'position' ? told : Reflect.get(of, name);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  const sources = new FoldSources(domains, world);
  const from = sources.within(engine);
  const members = engine.map('members', from.some(red), (key) => key);
  const revisions = engine.map('revisions', from.some(red), (key, read) => read.get(from.some(red), key)?.revision);
  let revision = -1n;
  const happens = (...types: readonly (readonly [type: string, data: object])[]) => {
    const events = types.map(([type, data], index) => {
      revision += 1n;
      const id = uuidv5(ROOT, `${revision}`);
      const append = { index, count: types.length };
      const actor = { user: 'test', verified: false };
      const metadata = { actor, requestId: id, $correlationId: id, $causationId: id, time: '2026-01-01T00:00:00.000Z', append };
      return { id, type, data: data as never, stream: streamOf(thingKey('a', 'one')), revision, position: revision + 1n, metadata };
    });
    sources.apply(fold.apply(appendOf(events)));
    engine.settle();
    for (const key of members.keys()) expect(revisions.get(key)).toBe(revision);
    told = fold.position;
    for (const key of members.keys()) expect(from.some(red).get(key)?.revision).toBe(revision);
    return [[...members.keys()], members.evaluations, members.nodes];
  };
  const metadata = { namespace: 'a', name: 'one', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
  const created = ['ThingCreated.v1', { metadata, spec: {} }] as const;
  const ended = ['ThingEnded.v1', {}] as const;
  const painted = (colour: string) => ['ThingPainted.v1', { colour }] as const;

  it.each([
    ['it is none of them', [created], [[], 0, 0]],
    ['it becomes one', [painted('red')], [['a/one'], 1, 1]],
    ['it is none any more', [painted('blue')], [[], 2, 0]],
    ['it is one again', [painted('red')], [['a/one'], 3, 1]],
    ['it stays one', [painted('red')], [['a/one'], 3, 1]],
    ['it ends, and another one comes at once under its name that is none of them', [ended, created], [[], 4, 0]],
    ['that becomes one', [painted('red')], [['a/one'], 5, 1]],
    ['it ends', [ended], [[], 6, 0]],
  ] as const)('given an object, when %s', (_, types, expected) => {
    expect(happens(...types)).toEqual(expected);
  });
});
