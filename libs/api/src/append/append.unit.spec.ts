import { toEvents } from './to-events.ts';
import { isUuid, uuidv5 } from './uuid.ts';

const cause = {
  requestId: 'aaaaaaaa-0000-4000-8000-000000000001',
  actor: { user: 'u', verified: false },
  correlationId: 'c1',
  causationId: 'c2',
};
const facts = [
  { type: 'A.v1', data: { a: 1 } },
  { type: 'B.v1', data: {} },
];

describe('Ids by name', () => {
  it('are those of RFC 9562, version 5', () => {
    // RFC 9562, A.4: www.example.com in the DNS namespace.
    expect(uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
    expect(uuidv5('6BA7B810-9DAD-11D1-80B4-00C04FD430C8', 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
    expect(isUuid('2ed6657d-e927-568b-95e1-2665a8aea6a2')).toBe(true);
    expect(isUuid('2ed6657d')).toBe(false);
  });
});

describe('The events of an append', () => {
  const target = { stream: 'Thing-ns.a', expected: 4n, now: '2026-01-02T03:04:05.678Z', uid: 'u-1' };

  it('carry the envelope and their place', () => {
    const [first, second] = toEvents(facts, cause, target);
    expect(first).toMatchObject({
      type: 'A.v1',
      data: { a: 1 },
      metadata: {
        uid: 'u-1',
        actor: cause.actor,
        requestId: cause.requestId,
        $correlationId: 'c1',
        $causationId: 'c2',
        time: target.now,
        append: { index: 0, count: 2 },
      },
    });
    expect(second?.metadata.append).toEqual({ index: 1, count: 2 });
    expect(first?.metadata).not.toHaveProperty('onBehalfOf');
  });

  it('have the same ids for the same request at the same revision, and other ids at any other revision', () => {
    const ids = (more: object) => toEvents(facts, cause, { ...target, ...more }).map(({ id }) => id);
    expect(ids({})).toEqual(ids({ now: 'later' }));
    const all = [...ids({}), ...ids({ expected: 5n }), ...ids({ expected: 'none' }), ...ids({ stream: 'Thing-ns.b' })];
    expect(new Set(all).size).toBe(8);
  });
});
