import { contextOf, recorded } from '@weft/testing';
import fc from 'fast-check';
import { decideObject } from '../decide/decide-object.ts';
import type { Fact, Folded, ReservationModule } from '../kind/kind.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import { appendOf, type RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { resourceVersionOf } from '../log/resource-version.ts';
import { registry } from '../registry/registry.ts';
import { recordedFacts } from '../testing/recorded-facts.ts';
import { testDomain } from '../testing/test-kind.ts';
import { absent, advance, foldStream, UnknownEventError } from './evolve.ts';
import { createFold } from './fold.ts';

const kinds = registry([testDomain]);
const key = (name: string, namespace = 'ns'): ObjectKey => ({ kind: 'Thing', namespace, name });
const created = ({ namespace = '', name }: ObjectKey, spec: JsonObject = { colour: 'red' }, uid = 'u1'): Fact => ({
  type: 'ThingCreated.v1',
  data: { metadata: { name, namespace, uid, creationTimestamp: '2026-01-01T00:00:00Z' }, spec },
});
const painted = (value: string): Fact => ({ type: 'ThingFieldChanged.v1', data: { field: 'colour', value } });
const ended: Fact = { type: 'ThingEnded.v1', data: {} };

describe('A kind of another context', () => {
  it('has no objects where no domain defines it', () => {
    const fold = createFold(registry([{ ...testDomain, reads: [{ kind: 'Elsewhere' }] }]));
    expect([...fold.by('Elsewhere', 'any', 'x'), ...fold.list('Elsewhere'), ...fold.listOrdered('Elsewhere')]).toEqual([]);
    expect([fold.count('Elsewhere'), fold.count('Elsewhere', 'ns')]).toEqual([0, 0]);
    expect(fold.get({ kind: 'Elsewhere', namespace: 'ns', name: 'a' })).toBeUndefined();
  });

  it('that nobody is known to read is a mistake', () => {
    expect(() => [...createFold(kinds).by('Elsewhere', 'any', 'x')]).toThrow('no domain has a kind "Elsewhere"');
  });
});

describe('The fold of a stream', () => {
  it('has the position of the last event as resourceVersion and keeps the last event of each facet', () => {
    const events = recordedFacts(streamOf(key('a')), 0, 100, created(key('a')), painted('blue'));
    const state = foldStream(kinds, key('a'), events);
    expect(state.object).toMatchObject({
      apiVersion: 'test.weft.dev/v1',
      kind: 'Thing',
      metadata: { name: 'a', resourceVersion: resourceVersionOf(events[1]!) },
      spec: { colour: 'blue' },
    });
    expect(state).toMatchObject({ status: 'live', revision: 1n, position: 101n });
    expect(Object.keys(state.facets)).toEqual(['created', 'spec.colour']);
    expect(state.facets['spec.colour']).toEqual({ position: 101n, stream: 'Thing-ns.a', revision: 1n, eventId: events[1]?.id });
    expect(state.requests).toEqual([
      { requestId: 'aaaaaaaa-0000-4000-8000-00000000000f', revision: 1n, position: 101n, time: '2026-01-01T00:00:00.000Z' },
    ]);
  });

  it('shares unchanged parts with the state before, which it leaves as it was', () => {
    const [first, second] = recordedFacts(
      streamOf(key('a')),
      0,
      1,
      created(key('a'), { colour: 'red', parts: [{ name: 'p' }] }),
      painted('blue'),
    );
    const before = advance(kinds, absent(kinds, key('a')), first as RecordedEvent, { requests: false });
    const text = JSON.stringify(before.object);
    const after = advance(kinds, before, second as RecordedEvent, { requests: false });
    expect(after.object.spec?.['parts']).toBe(before.object.spec?.['parts']);
    expect(JSON.stringify(before.object)).toBe(text);
  });

  it('forgets an incarnation at its end and begins a new one with a new uid', () => {
    const state = foldStream(
      kinds,
      key('a'),
      recordedFacts(streamOf(key('a')), 0, 1, created(key('a')), painted('blue'), ended, created(key('a'), { colour: 'x' }, 'u2')),
    );
    expect(state).toMatchObject({ status: 'live', facts: {}, object: { metadata: { uid: 'u2' }, spec: { colour: 'x' } } });
    expect(Object.keys(state.facets)).toEqual(['created']);
  });

  it('remembers all requests of three minutes and not many older ones', () => {
    let state: Folded = foldStream(kinds, key('a'), recordedFacts(streamOf(key('a')), 0, 1, created(key('a'))));
    for (let i = 1; i <= 400; i++) {
      const [event] = recordedFacts(streamOf(key('a')), i, i + 1, painted('x'));
      const time = new Date(Date.parse('2026-01-01T00:00:00Z') + i * 1_000).toISOString();
      const request = { ...(event as RecordedEvent).metadata, requestId: `r${i}`, time };
      state = advance(kinds, state, { ...(event as RecordedEvent), metadata: request }, { requests: true });
    }
    expect(state.requests).toHaveLength(181);
    expect(state.requests[0]?.requestId).toBe('r220');
  });

  it('names stream and type of an event that it does not know', () => {
    const events = recordedFacts(streamOf(key('a')), 0, 1, created(key('a')), { type: 'ThingExploded.v9', data: {} });
    expect(() => foldStream(kinds, key('a'), events)).toThrow(UnknownEventError);
    expect(() => foldStream(kinds, key('a'), events)).toThrow(/"Thing-ns.a" revision 1: event type "ThingExploded.v9"/);
  });

  it('takes each event in its newest version, lifted over several steps, at its own place', () => {
    const lifting = registry([
      {
        ...testDomain,
        lifts: {
          'ThingPainted.v1': ({ color }) => ({ type: 'ThingPainted.v2', data: { colour: color as string } }),
          'ThingPainted.v2': ({ colour }) => painted(colour as string),
        },
      },
    ]);
    const old = recordedFacts(streamOf(key('a')), 0, 1, created(key('a')), { type: 'ThingPainted.v1', data: { color: 'green' } });
    const lifted = old.map(lifting.lift);
    expect(lifted).toEqual([old[0], { ...old[1], ...painted('green') }]);
    expect(foldStream(lifting, key('a'), lifted).object.spec?.['colour']).toBe('green');
    expect(() => foldStream(lifting, key('a'), old)).toThrow(UnknownEventError);
    expect([kinds.lifts, lifting.lifts]).toEqual([false, true]);
  });

  it('says when events are lifted in a circle', () => {
    const circle = registry([
      { ...testDomain, lifts: { 'A.v1': () => ({ type: 'B.v1', data: {} }), 'B.v1': () => ({ type: 'A.v1', data: {} }) } },
    ]);
    const [event] = recordedFacts('Thing-ns.a', 0, 1, { type: 'A.v1', data: {} });
    expect(() => circle.lift(event as RecordedEvent)).toThrow(/circle/);
  });
});

describe('The fold of the log', () => {
  it('gives the states around a whole append', () => {
    const fold = createFold(kinds);
    const [first, second] = [
      appendOf(recordedFacts(streamOf(key('a')), 0, 1, created(key('a')), painted('blue'))),
      appendOf(recordedFacts(streamOf(key('a')), 2, 3, painted('red'), ended)),
    ];
    const change = fold.apply(first);
    expect(change.append).toBe(first);
    expect(change.before?.status).toBe('absent');
    expect(change.after).toBe(fold.get(key('a')));
    expect(change.after?.object).toMatchObject({
      metadata: { resourceVersion: resourceVersionOf(first.events[1]!) },
      spec: { colour: 'blue' },
    });
    expect([...fold.by('Thing', 'colour', 'red')]).toEqual([]);
    expect([...fold.by('Thing', 'colour', 'blue')]).toHaveLength(1);
    expect(fold.position).toBe(2n);
    const last = fold.apply(second);
    expect(last.before).toBe(change.after);
    expect(last.after?.status).toBe('absent');
    expect(fold.count('Thing')).toBe(0);
  });

  describe('of an object whose stream holds what this version does not know', () => {
    const exploded = { type: 'ThingExploded.v9', data: {} };
    const opened = () => {
      const fold = createFold(kinds);
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 0, 1, created(key('a')))));
      return fold;
    };

    it('shows nothing of that append, says so, and goes on with all others', () => {
      const fold = opened();
      const change = fold.apply(appendOf(recordedFacts(streamOf(key('a')), 1, 2, painted('blue'), exploded)));
      expect(change.after).toMatchObject({ revision: 2n, unreadable: expect.stringContaining('"ThingExploded.v9"') });
      expect(change.after?.object.spec).toEqual(change.before?.object.spec);
      expect(change.after?.object.metadata).toMatchObject({
        resourceVersion: resourceVersionOf(change.append.events.at(-1)!),
        annotations: { 'fabric.weft.dev/unreadable': expect.stringContaining('revision 2') },
      });
      fold.apply(appendOf(recordedFacts(streamOf(key('b')), 0, 4, created(key('b')))));
      expect([fold.count('Thing'), fold.passedOver.unreadable]).toEqual([2, 1]);
    });

    it('stays so whatever follows, until another incarnation begins', () => {
      const fold = opened();
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 1, 2, exploded)));
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 2, 3, painted('blue'))));
      expect(fold.get(key('a'))).toMatchObject({ revision: 2n, object: { spec: { colour: 'red' } }, unreadable: expect.anything() });
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 3, 4, ended)));
      expect(fold.count('Thing')).toBe(0);
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 4, 5, created(key('a'), {}, 'u2'))));
      expect(fold.get(key('a'))).toMatchObject({ object: { metadata: { uid: 'u2' } } });
      expect([fold.get(key('a'))?.unreadable, fold.get(key('a'))?.object.metadata.annotations]).toEqual([undefined, undefined]);
      expect(fold.passedOver.unreadable).toBe(0);
    });

    it('stays so when what would begin another incarnation is damaged itself', () => {
      const fold = opened();
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 1, 2, exploded)));
      const change = fold.apply(appendOf(recordedFacts(streamOf(key('a')), 2, 3, { type: 'ThingCreated.v1', data: null as never })));
      expect(change.after).toMatchObject({ revision: 2n, unreadable: expect.stringMatching(/revision 2 .* damaged/) });
      expect([fold.count('Thing'), fold.passedOver.unreadable]).toEqual([1, 1]);
    });

    it('is told apart from one that an event of somebody else was written to, or a damaged one', () => {
      const [foreign] = recordedFacts(streamOf(key('a')), 1, 2, painted('blue'));
      const { metadata: _, ...bare } = foreign as RecordedEvent;
      const fold = opened();
      fold.apply(appendOf([bare as RecordedEvent]));
      expect(fold.get(key('a'))?.unreadable).toMatch(/was not written by Weft/);
      const other = opened();
      other.apply(appendOf(recordedFacts(streamOf(key('a')), 1, 2, { type: 'LabelsChanged.v1', data: null as never })));
      expect(other.get(key('a'))?.unreadable).toMatch(/revision 1 .* damaged/);
    });

    it('refuses every command on it, clearly, and once', () => {
      const fold = opened();
      fold.apply(appendOf(recordedFacts(streamOf(key('a')), 1, 2, exploded)));
      const decision = decideObject(kinds, { verb: 'delete', key: key('a') }, fold.get(key('a')) as Folded, contextOf());
      expect(decision).toMatchObject({ outcome: 'rejected', status: { code: 403, message: expect.stringContaining('ThingExploded.v9') } });
    });
  });

  it('passes over streams of others, and of kinds that it does not know, and counts them', () => {
    const fold = createFold(kinds);
    const [event] = recordedFacts('order-17', 0, 1, { type: 'OrderPlaced', data: { total: 3 } });
    const { metadata: _, ...foreign } = event as RecordedEvent;
    expect(Object.keys(fold.apply(appendOf([foreign as RecordedEvent])))).toEqual(['append']);
    fold.apply(appendOf(recordedFacts('no dash', 0, 2, { type: 'X', data: {} }).map(({ metadata: _, ...each }) => each as RecordedEvent)));
    fold.apply(appendOf(recordedFacts('Gadget-ns.a', 0, 3, { type: 'GadgetCreated.v1', data: {} })));
    expect(fold.passedOver).toEqual({ foreign: 2, unknownKind: 1, unreadable: 0 });
    expect(fold.position).toBe(3n);
  });

  it('gives changes of reservation streams and of the store without states', () => {
    const pool: ReservationModule = {
      category: 'Pool',
      context: 'network',
      partitionKey: (s) => s,
      initial: () => 0,
      decide: () => ({ outcome: 'accepted', facts: [] }),
      evolve: (s) => s,
    };
    const fold = createFold(registry([{ ...testDomain, reservations: [pool] }]));
    const appends = [
      recordedFacts('Store-.id', 0, 1, { type: 'StoreCreated.v1', data: {} }),
      recordedFacts('Pool-.x', 0, 2, { type: 'Anything.v1', data: {} }),
    ];
    expect(appends.map((events) => Object.keys(fold.apply(appendOf(events))))).toEqual([['append'], ['append']]);
    expect(fold.position).toBe(2n);
  });

  it('ignores retired reservation streams of old logs', () => {
    const retiring = registry([{ ...testDomain, retired: ['Stock'] }]);
    const fold = createFold(retiring);
    const drawn = recordedFacts('Stock-.7', 0, 1, { type: 'Drawn.v1', data: {} });
    expect(Object.keys(fold.apply(appendOf(drawn)))).toEqual(['append']);
    expect([fold.position, [...fold.all()]]).toEqual([1n, []]);
    expect([retiring.ownerOfStream('Stock-.7'), retiring.reservationOf('Stock-.7')]).toEqual([undefined, undefined]);
    expect(retiring.problemOf('Stock-.7', { type: 'Drawn.v1', data: {} })).toMatch(/has no event/);
    for (const retired of [['Thing'], ['Pool']]) {
      const pool = { category: 'Pool' } as ReservationModule;
      expect(() => registry([{ ...testDomain, reservations: [pool], retired }])).toThrow(/category/);
    }
  });

  const names = fc.constantFrom('a', 'b', 'c', 'a-1', 'ab', 'z.y');
  const steps = fc.array(
    fc.record({
      name: names,
      namespace: fc.constantFrom('n1', 'n2', 'a'),
      colour: fc.constantFrom('red', 'blue'),
      words: fc.subarray(['x', 'y', 'z']),
      what: fc.constantFrom('create', 'paint', 'end', 'list'),
    }),
    { maxLength: 60 },
  );

  it('lists, counts and finds by index as a search through all states would, on random histories, however late indexes are made', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (history, lateIndexes) => {
        const fold = createFold(kinds, { lateIndexes });
        let asksIndexes = !lateIndexes;
        const revisions = new Map<string, number>();
        let position = 0;
        for (const { name, namespace, colour, words, what } of history) {
          const thing = key(name, namespace);
          const live = fold.get(thing)?.status === 'live';
          const stream = streamOf(thing);
          const facts =
            what === 'create' && !live
              ? [created(thing, { colour, words }, `u${position}`)]
              : what === 'paint' && live
                ? [painted(colour), painted(colour)]
                : what === 'end' && live
                  ? [ended]
                  : [];
          const from = revisions.get(stream) ?? 0;
          if (facts.length > 0) fold.apply(appendOf(recordedFacts(stream, from, position + 1, ...facts)));
          revisions.set(stream, from + facts.length);
          position += facts.length;
          const all = [...fold.all()].filter(({ status }) => status === 'live');
          const sorted = [...all].sort((a, b) => compare(a.key, b.key));
          if (what === 'list') {
            asksIndexes = true;
            expect([...fold.listOrdered('Thing')].map(({ key: each }) => each)).toEqual(sorted.map(({ key: each }) => each));
            const after = sorted[1]?.key;
            if (after !== undefined)
              expect([...fold.listOrdered('Thing', undefined, after)].map(({ key: each }) => each)).toEqual(
                sorted.slice(2).map(({ key: each }) => each),
              );
          }
          expect(new Set(fold.list('Thing'))).toEqual(new Set(all));
          expect(fold.count('Thing')).toBe(all.length);
          for (const value of asksIndexes ? ['red', 'blue'] : []) {
            expect(new Set(fold.by('Thing', 'colour', value))).toEqual(
              new Set(all.filter(({ object }) => object.spec?.['colour'] === value)),
            );
          }
          for (const value of asksIndexes ? ['x', 'y'] : []) {
            expect(new Set(fold.by('Thing', 'word', value))).toEqual(
              new Set(all.filter(({ object }) => ((object.spec?.['words'] ?? []) as string[]).includes(value))),
            );
          }
          expect([...fold.listOrdered('Thing', 'n1')].map(({ key: each }) => each.name)).toEqual(
            sorted.filter((each) => each.key.namespace === 'n1').map((each) => each.key.name),
          );
        }
      }),
    );
  });
});

function compare(a: ObjectKey, b: ObjectKey): number {
  const [x, y] = [`${a.namespace}\0${a.name}`, `${b.namespace}\0${b.name}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

describe('A request that comes again', () => {
  it('is recognised', () => {
    const events = recorded(streamOf(key('a')), [created(key('a'))]);
    const state = foldStream(kinds, key('a'), events);
    const command = { verb: 'act', key: key('a'), action: 'Paint', payload: { colour: 'blue' } } as const;
    const requestId = (events[0] as RecordedEvent).metadata.requestId;
    expect(decideObject(kinds, command, state, contextOf({ requestId }))).toMatchObject({ outcome: 'repeated', request: { revision: 0n } });
    expect(decideObject(kinds, command, state, contextOf())).toMatchObject({ outcome: 'accepted' });
  });
});
