import type { Fact } from '../kind/kind.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import { type Append, appendOf } from '../log/envelope.ts';
import { registry } from '../registry/registry.ts';
import { recordedFacts } from '../testing/recorded-facts.ts';
import { testDomain } from '../testing/test-kind.ts';
import { foldStream } from './evolve.ts';
import { createFold } from './fold.ts';
import { KnownStates } from './known-states.ts';

const kinds = registry([testDomain]);
const key = (name: string): ObjectKey => ({ kind: 'Thing', namespace: 'ns', name });
const created: Fact = {
  type: 'ThingCreated.v1',
  data: { metadata: { name: 'a', namespace: 'ns', uid: 'u1', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { colour: 'red' } },
};
const painted: Fact = { type: 'ThingFieldChanged.v1', data: { field: 'colour', value: 'blue' } };

const append = (name: string, from: number, position: number, ...facts: Fact[]): Append =>
  appendOf(recordedFacts(streamOf(key(name)), from, position, ...facts));

describe('States that a writer has computed', () => {
  const first = append('a', 0, 1, created);
  const second = append('a', 1, 2, painted, painted);
  /** As a writer has it, which remembers requests. */
  const written = (...appends: Append[]) =>
    foldStream(
      kinds,
      key('a'),
      appends.flatMap(({ events }) => events),
    );

  it('are those that the fold takes, without the requests', () => {
    const known = new KnownStates();
    const fold = createFold(kinds, { known });
    const after = [written(first), written(first, second)];
    for (const state of after) known.put(state);
    for (const each of [first, second]) fold.apply(each);
    const state = fold.get(key('a'));
    expect(state?.object).toBe(after[1]?.object);
    expect([after[1]?.requests.length, state?.requests]).toEqual([1, []]);

    const alone = createFold(kinds);
    for (const each of [first, second]) alone.apply(each);
    expect(state).toEqual(alone.get(key('a')));
  });

  it('are taken once', () => {
    const known = new KnownStates();
    known.put(written(first));
    expect(known.take(first, createFold(kinds).apply(first).before!)).toBeDefined();
    expect(known.take(first, createFold(kinds).apply(first).before!)).toBeUndefined();
  });

  it('are not taken for another stream, from another state, or by one that cannot be read', () => {
    const known = new KnownStates();
    const state = written(first, second);
    const before = written(first);
    const refused = [
      { ...before, key: key('b') },
      { ...before, revision: 1n },
      { ...before, unreadable: 'damaged' },
    ];
    for (const each of refused) {
      known.put(state);
      expect(known.take(second, each)).toBeUndefined();
    }
    known.put(state);
    expect(known.take(second, before)).toMatchObject({ revision: 2n, requests: before.requests });
  });

  it('are forgotten when nobody takes them', () => {
    const known = new KnownStates();
    const before = createFold(kinds).apply(first).before!;
    known.put(written(first));
    for (let at = 2n; at < 5_000n; at++) known.put({ ...written(first), position: at });
    expect(known.take(first, before)).toBeUndefined();
  });
});
