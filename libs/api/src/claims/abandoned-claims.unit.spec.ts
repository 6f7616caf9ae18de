import { contextOf, recorded } from '@weft/testing';
import { decideObject } from '../decide/decide-object.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { foldStream } from '../fold/evolve.ts';
import type { ObjectKey } from '../kind/object.ts';
import type { RecordedEvent } from '../log/envelope.ts';
import type { JsonValue } from '../log/json.ts';
import { registry } from '../registry/registry.ts';
import { testDomain } from '../testing/test-kind.ts';
import { ABANDON_CLAIMS } from './abandoned-claims.ts';

const OBJECT: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const release = { stream: 'Pool-.p', command: { type: 'Release', uid: 'u' } };
const event = (type: string, requestId: string, data = {}): RecordedEvent => {
  const [one] = recorded('Thing-ns.a', [{ type, data }]) as [RecordedEvent];
  return { ...one, id: `${requestId}-${type}`, metadata: { ...one.metadata, requestId } };
};

describe('Abandoning claims', () => {
  const kinds = registry([testDomain]);
  const abandon = (payload: { [name: string]: JsonValue }): ObjectCommand => ({
    verb: 'act',
    key: OBJECT,
    action: ABANDON_CLAIMS,
    payload,
  });
  const command = abandon({ requestId: 'r1', releases: [release] });
  const past = (requestId: string) => [event('ThingCreated.v1', requestId, { metadata: { name: 'a', uid: 'u' }, spec: {} })];

  it('is written to the object’s own stream first, so that a late append fails, and then gives back', () => {
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
    const state = foldStream(kinds, OBJECT, [event('ClaimAbandoned.v1', 'sweep', { requestId: 'r1', releases: [] })]);
    expect(state.status).toBe('absent');
    const again = decideObject(
      kinds,
      { verb: 'create', kind: 'Thing', namespace: 'ns', object: {} },
      state,
      contextOf({ requestId: 'r1' }),
    );
    expect(again).toMatchObject({ outcome: 'rejected', status: { reason: 'ServerTimeout' } });
  });

  it('refuses what is no such command', () => {
    const decided = decideObject(kinds, abandon({ requestId: 'r1', releases: ['Pool-.p'] }), foldStream(kinds, OBJECT, []), contextOf());
    expect(decided).toMatchObject({ outcome: 'rejected', status: { code: 400 } });
  });
});
