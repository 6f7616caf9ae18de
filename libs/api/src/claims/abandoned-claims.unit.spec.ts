import { contextOf, recorded } from '@weft/testing';
import { decideObject } from '../decide/decide-object.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { foldStream } from '../fold/evolve.ts';
import type { KindModule } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import type { RecordedEvent } from '../log/envelope.ts';
import type { JsonValue } from '../log/json.ts';
import { registry } from '../registry/registry.ts';
import { testDomain, testKind } from '../testing/test-kind.ts';
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

  it('gives back nothing that is in use when the object was appended after all, and settles the claim', () => {
    const settled = { facts: [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r1', releases: [] } }], releases: [] };
    expect(decideObject(kinds, command, foldStream(kinds, OBJECT, past('r1')), contextOf())).toMatchObject(settled);
    expect(decideObject(kinds, command, foldStream(kinds, OBJECT, past('r2')), contextOf())).toMatchObject({ releases: [release] });
  });

  it('gives back what a repeat of the request has claimed after its append', () => {
    const knowing = registry([{ ...testDomain, kinds: [{ ...testKind, unusedOf: (_, claim) => claim }] }]);
    expect(decideObject(knowing, command, foldStream(knowing, OBJECT, past('r1')), contextOf())).toMatchObject({ releases: [release] });
  });

  it('gives back what the object does not use when the request made several claims on one stream and came to its append', () => {
    const other = { stream: 'Pool-.p', command: { type: 'Release', uid: 'u', what: 'x' } };
    const elsewhere = { ...release, stream: 'Pool-.q' };
    const state = foldStream(kinds, OBJECT, past('r1'));
    const given = abandon({ requestId: 'r1', releases: [release, other, elsewhere] });
    expect(decideObject(kinds, given, state, contextOf())).toMatchObject({ facts: [{ data: { releases: [] } }], releases: [] });
    const seen: unknown[] = [];
    const unusedOf: KindModule['unusedOf'] = (thing, claim) => {
      seen.push(thing.key.name);
      return claim.command['what'] === 'x' ? claim : undefined;
    };
    const knowing = registry([{ ...testDomain, kinds: [{ ...testKind, unusedOf }] }]);
    expect(decideObject(knowing, given, state, contextOf())).toMatchObject({
      facts: [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r1', releases: [other] } }],
      releases: [other],
    });
    expect(seen).toEqual(['a', 'a', 'a']);
    const after = foldStream(kinds, OBJECT, [...past('r1'), event('ClaimAbandoned.v1', 'sweep', { requestId: 'r1', releases: [] })]);
    expect(decideObject(knowing, given, after, contextOf())).toEqual({ outcome: 'accepted', facts: [] });
    // And that request is still known as one that was carried out.
    const again = { verb: 'create', kind: 'Thing', namespace: 'ns', object: {} } as const;
    expect(decideObject(kinds, again, after, contextOf({ requestId: 'r1' }))).toMatchObject({ outcome: 'repeated' });
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
    expect(again).toMatchObject({ outcome: 'rejected', status: { reason: 'Conflict' } });
  });

  it('refuses a payload of another shape', () => {
    const decided = decideObject(kinds, abandon({ requestId: 'r1', releases: ['Pool-.p'] }), foldStream(kinds, OBJECT, []), contextOf());
    expect(decided).toMatchObject({ outcome: 'rejected', status: { code: 400 } });
  });
});
