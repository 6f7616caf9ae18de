/**
 * Claims whose object has not come yet (DESIGN 9.5). A command reserves first and appends its object's facts second; a crash in between leaves a
 * reservation that nobody will use.
 *
 *   claim granted ──> any append to the object's stream under the same request id: settled
 *         └─ none after 15 s ──> AbandonClaims on the object's stream ──> ClaimAbandoned.v1 ──> the claims are given back
 *
 * What the object's append says does not matter: whatever it is, the request came to its append, and the claim may be in use.
 */
import { commonEvents } from '../fold/common-events.ts';
import type { Change, Claim, Context, ReservationModule } from '../kind/kind.ts';
import { defineLedger, type Ledger, ledgerRef } from '../kind/ledger.ts';
import { type Loop, loopOverRecords } from '../kind/loop.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import type { RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { ABANDON_CLAIMS } from './abandoned-claims.ts';

/** Longer than any command runs (its caller waits 10 s at most), so a command under way is not disturbed. */
export const ABANDONED_AFTER_MS = 15_000;

export type OpenClaim = Readonly<{
  object: ObjectKey;
  requestId: string;
  /** When the first claim of the request was granted: Unix time, ms. */
  sinceMs: number;
  /** What gives back each claim of the request. */
  releases: readonly Claim[];
}>;

/** By the object's stream and the request. */
export const openClaims = ledgerRef<OpenClaim>('open-claims');

const keyOf = (stream: string, requestId: string) => `${stream} ${requestId}`;

export function openClaimsLedger(reservationOf: (stream: string) => ReservationModule | undefined): Ledger {
  return defineLedger(openClaims, ({ append }: Change, records) => {
    const reservation = reservationOf(append.stream);
    if (reservation === undefined && records.isEmpty) return;
    for (const event of append.events) {
      const granted = reservation?.granted?.(append.stream, event);
      if (granted !== undefined) {
        const key = keyOf(streamOf(granted.object), event.metadata.requestId);
        records.put(key, withRelease(records.get(key) ?? opened(granted.object, event), granted.release));
      } else {
        records.delete(keyOf(append.stream, event.metadata.requestId));
      }
    }
    for (const { type, data } of commonEvents.in(append)) {
      if (type === 'ClaimAbandoned.v1') records.delete(keyOf(append.stream, data.requestId));
    }
  });
}

function opened(object: ObjectKey, { metadata: { requestId, time } }: RecordedEvent): OpenClaim {
  return { object, requestId, sinceMs: Date.parse(time), releases: [] };
}

function withRelease(claim: OpenClaim, release: Claim): OpenClaim {
  return { ...claim, releases: [...claim.releases, release] };
}

/** Of one context, for the objects of its own kinds. */
export function abandonClaims(context: Context, contextOfKind: (kind: string) => Context | undefined): Loop {
  return loopOverRecords(openClaims, {
    name: `abandon-claims-${context}`,
    context,
    owed: ({ object, requestId, sinceMs, releases }, _key, facts) => {
      if (contextOfKind(object.kind) !== context || !facts.passed(sinceMs + ABANDONED_AFTER_MS)) return [];
      const payload: JsonObject = { requestId, releases: releases.map(({ stream, command }) => ({ stream, command })) };
      return [{ target: 'object', key: object, action: ABANDON_CLAIMS, payload }];
    },
  });
}
