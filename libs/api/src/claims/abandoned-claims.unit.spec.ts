import { contextOf, recorded } from '@weft/testing';
import { decideObject } from '../decide/decide-object.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { foldStream } from '../fold/evolve.ts';
import type { ReservationModule } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import { appendOf, type RecordedEvent } from '../log/envelope.ts';
import { registry } from '../registry/registry.ts';
import { testDomain } from '../testing/test-kind.ts';
import { ABANDON_CLAIMS, abandonedClaims, releaseAbandonedClaims } from './abandoned-claims.ts';

const OBJECT: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const release = { stream: 'Pool-.p', command: { type: 'Release', uid: 'u' } };
const pool: ReservationModule = {
  category: 'Pool',
  context: 'network',
  partitionKey: (stream) => stream,
  initial: () => undefined,
  decide: () => ({ outcome: 'accepted', facts: [] }),
  evolve: (state) => state,
  grantTypes: ['Granted.v1'],
  granted: (_stream, { type }) => (type === 'Granted.v1' ? { object: OBJECT, release } : undefined),
};
const event = (stream: string, type: string, requestId: string, at: string, data = {}): RecordedEvent => {
  const [one] = recorded(stream, [{ type, data }]) as [RecordedEvent];
  return { ...one, id: `${requestId}-${type}`, metadata: { ...one.metadata, requestId, time: `2026-01-01T00:00:${at}.000Z` } };
};
const atMs = (seconds: number) => Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000;
const alone = (one: RecordedEvent) => ({ event: one, append: appendOf([one]) });
const granted = (requestId: string, at = '00') => alone(event('Pool-.p', 'Granted.v1', requestId, at));
const appended = (requestId: string) => alone(event('Thing-ns.a', 'ThingCreated.v1', requestId, '01'));

describe('Claims whose object', () => {
  const started = () => abandonedClaims('network', [pool], ['ThingCreated.v1']).start();

  it('came are not touched', () => {
    const watch = started();
    watch.apply(granted('r1'));
    watch.apply(appended('r1'));
    expect(watch.due(atMs(60), 10)).toEqual([]);
  });

  it('never came are abandoned after fifteen seconds, as often as it takes', () => {
    const watch = started();
    watch.apply(granted('r1'));
    watch.apply(granted('r1'));
    watch.apply(appended('r2'));
    expect(watch.due(atMs(14), 10)).toEqual([]);
    const due = [
      {
        cause: 'r1-Granted.v1',
        draft: { target: 'object', key: OBJECT, action: ABANDON_CLAIMS, payload: { requestId: 'r1', releases: [release, release] } },
      },
    ];
    expect(watch.due(atMs(15), 10)).toEqual(due);
    expect(watch.due(atMs(60), 10)).toEqual(due);
    watch.apply(alone(event('Thing-ns.a', 'ClaimAbandoned.v1', 'other', '20', { requestId: 'r1' })));
    expect(watch.due(atMs(60), 10)).toEqual([]);
  });

  it('are told in portions, oldest first', () => {
    const watch = started();
    for (const [i, request] of ['a', 'b', 'c'].entries()) watch.apply(granted(request, `0${i}`));
    expect(watch.due(atMs(16), 10).map(({ cause }) => cause)).toEqual(['a-Granted.v1', 'b-Granted.v1']);
    expect(watch.due(atMs(60), 1)).toHaveLength(1);
  });
});

describe('Abandoning', () => {
  const kinds = registry([testDomain]);
  const command: ObjectCommand = { verb: 'act', key: OBJECT, action: ABANDON_CLAIMS, payload: { requestId: 'r1', releases: [release] } };
  const past = (requestId: string) => [
    event('Thing-ns.a', 'ThingCreated.v1', requestId, '00', { metadata: { name: 'a', uid: 'u' }, spec: {} }),
  ];

  it('goes to the object’s own stream first, so that a late append fails, and then gives back', () => {
    const decision = decideObject(kinds, command, foldStream(kinds, OBJECT, []), contextOf());
    expect(decision).toMatchObject({
      outcome: 'accepted',
      facts: [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r1', releases: [release] } }],
      releases: [release],
    });
  });

  it('does nothing when the object came after all', () => {
    expect(decideObject(kinds, command, foldStream(kinds, OBJECT, past('r1')), contextOf())).toEqual({ outcome: 'accepted', facts: [] });
    expect(decideObject(kinds, command, foldStream(kinds, OBJECT, past('r2')), contextOf())).toMatchObject({ facts: [{}] });
  });

  it('makes the request itself fail from then on, without touching the object', () => {
    const state = foldStream(kinds, OBJECT, [event('Thing-ns.a', 'ClaimAbandoned.v1', 'sweep', '00', { requestId: 'r1', releases: [] })]);
    expect(state.status).toBe('absent');
    const again = decideObject(
      kinds,
      { verb: 'create', kind: 'Thing', namespace: 'ns', object: {} },
      state,
      contextOf({ requestId: 'r1' }),
    );
    expect(again).toMatchObject({ outcome: 'rejected', status: { reason: 'ServerTimeout' } });
  });

  it('is given back by a reaction too', () => {
    const { react } = releaseAbandonedClaims('network', ['Thing']);
    const change = alone(event('Thing-ns.a', 'ClaimAbandoned.v1', 'sweep', '00', { requestId: 'r1', releases: [release] }));
    const facts = contextOf().facts;
    expect(react(change, facts)).toEqual([{ target: 'reservation', ...release }]);
    expect(releaseAbandonedClaims('network', ['Other']).react(change, facts)).toEqual([]);
  });
});
