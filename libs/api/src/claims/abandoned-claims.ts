/**
 * The action that gives up a claim whose object was never appended (DESIGN 9.5). Its event goes to the object's own stream first, so that a late
 * append of the first writer fails by its expected revision. That append names what it gives back (see `open-releases.ts`).
 */
import { Type } from '@sinclair/typebox';
import { type CommonFact, claimAbandoned } from '../fold/common-events.ts';
import type { Claim, Decision, Folded, KindModule } from '../kind/kind.ts';
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

/** Of a request that came to its append: claims of one reservation stream, not all of which the object may use. */
export function doubtfulOf(releases: readonly Claim[]): readonly Claim[] {
  return releases.filter(({ stream }) => releases.filter((other) => other.stream === stream).length > 1);
}

/**
 * Gives all back; when the request did append to its object, only what the object does not use: its claims are several of one stream, or were made after that
 * append, by a repeat of the request that knew nothing of it. Gives no facts when the request was given up before.
 */
export function decideAbandonClaims({ unusedOf }: Pick<KindModule, 'unusedOf'>, before: Folded, payload: JsonObject): Decision<CommonFact> {
  if (!matches(Payload, payload)) {
    return {
      outcome: 'rejected',
      status: badRequest(`${ABANDON_CLAIMS} is not as it should be: ${mismatches(Payload, payload).join('; ')}`),
    };
  }
  const { requestId } = payload;
  const known = before.requests.filter((request) => request.requestId === requestId);
  if (known.some((request) => request.abandoned === true)) return { outcome: 'accepted', facts: [] };
  const cameAbout = known.length > 0;
  const unused = (release: Claim) => (unusedOf === undefined ? !cameAbout && release : unusedOf(before, release, { cameAbout })) || [];
  return abandoned(requestId, payload.releases.flatMap(unused));
}

function abandoned(requestId: string, releases: readonly Claim[]): Decision<CommonFact> {
  return { outcome: 'accepted', facts: [claimAbandoned(requestId, releases)], releases };
}
