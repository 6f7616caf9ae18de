/**
 * The action by which a claim whose object never came is given up (DESIGN 9.5). It is written to the object's own stream first, so that a late append
 * of the first writer fails by its expected revision; the append says what it gives back (see `open-releases.ts`).
 */
import { Type } from '@sinclair/typebox';
import { type CommonFact, claimAbandoned } from '../fold/common-events.ts';
import type { Claim, Decision, Folded } from '../kind/kind.ts';
import type { JsonObject } from '../log/json.ts';
import { badRequest } from '../status/statuses.ts';
import { matches, mismatches } from '../values/checked.ts';

/** An action of every kind; `decideObject` carries it out. */
export const ABANDON_CLAIMS = 'AbandonClaims';

const Payload = Type.Object({
  requestId: Type.String(),
  releases: Type.Array(
    Type.Object({ stream: Type.String(), command: Type.Unsafe<Claim['command']>({ type: 'object', required: ['type'] }) }),
  ),
});

/** Nothing when the request did come to its append, or was given up before. */
export function decideAbandonClaims(before: Folded, payload: JsonObject): Decision<CommonFact> {
  if (!matches(Payload, payload)) {
    return {
      outcome: 'rejected',
      status: badRequest(`${ABANDON_CLAIMS} is not as it should be: ${mismatches(Payload, payload).join('; ')}`),
    };
  }
  const { requestId, releases } = payload;
  if (before.requests.some((request) => request.requestId === requestId)) return { outcome: 'accepted', facts: [] };
  return { outcome: 'accepted', facts: [claimAbandoned(requestId, releases)], releases };
}
