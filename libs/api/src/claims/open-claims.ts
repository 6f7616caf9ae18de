/**
 * Claims whose object has not been appended yet (DESIGN 9.5). A command reserves first and appends its object's facts second; a crash in between
 * leaves a reservation that nobody will use.
 *
 *   claim granted ──> any append to the object's stream under the same request id: settled
 *         └─ none after 15 s ──> AbandonClaims on the object's stream ──> ClaimAbandoned.v1 ──> the claims are given back
 *
 * Any append of the request to its object settles the claim, whatever its events are: from then on the claim may be in use. Only when the request made
 * several claims on one reservation stream, say one for a decision that was overtaken and one for the next, some of them may be unused: those stay open,
 * and AbandonClaims gives back what the object does not use. A claim that comes after that append stays open likewise: a process that did not know the
 * object yet has carried out a repeat of the request.
 */
import { commonEvents } from '../fold/common-events.ts';
import type { Change, Claim, Context, Granted, ReservationModule } from '../kind/kind.ts';
import { defineLedger, type Ledger, type LedgerWriter, ledgerRef } from '../kind/ledger.ts';
import { type Loop, loopOverRecords, NEVER } from '../kind/loop.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import type { Append, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { sameJson } from '../values/equal.ts';
import { msOfTime } from '../values/times.ts';
import { ABANDON_CLAIMS, doubtfulOf } from './abandoned-claims.ts';

/** Longer than any command runs (its caller waits 10 s at most), so the claims of a command under way are left alone. */
const ABANDONED_AFTER_MS = 15_000;

export type OpenClaim = Readonly<{
  object: ObjectKey;
  requestId: string;
  /** When the first claim of the request was granted: Unix time, ms. */
  sinceMs: number;
  /** The commands that give back the claims of the request. */
  releases: readonly Claim[];
}>;

/** The key of a record is the object's stream and the request id. */
export const openClaims = ledgerRef<OpenClaim>('open-claims');

const keyOf = (stream: string, requestId: string) => `${stream} ${requestId}`;

export function openClaimsLedger(reservationOf: (stream: string) => ReservationModule | undefined): Ledger {
  return defineLedger(openClaims, ({ append, after }: Change, records) => {
    if (after !== undefined) {
      if (!records.isEmpty) settleAll(append, records);
      return;
    }
    const reservation = reservationOf(append.stream);
    if (reservation !== undefined) open(reservation, append, records);
  });
}

/** Of a reservation stream: what it granted. */
function open(reservation: ReservationModule, { stream, events }: Append, records: LedgerWriter<OpenClaim>): void {
  for (const event of events) {
    const granted = reservation.granted?.(stream, event);
    if (granted === undefined) continue;
    const key = keyOf(streamOf(granted.object), event.metadata.requestId);
    const known = records.get(key);
    records.put(key, known === undefined ? opened(granted, event) : withRelease(known, granted.release));
  }
}

/** Of an object's stream: the claims whose append this is, and those that it gives up. */
function settleAll(append: Append, records: LedgerWriter<OpenClaim>): void {
  let requestId: string | undefined;
  for (const { metadata } of append.events) {
    // The events of an append have one request, as a rule.
    if (metadata.requestId !== requestId) settle(keyOf(append.stream, metadata.requestId), records);
    ({ requestId } = metadata);
  }
  for (const { type, data } of commonEvents.in(append)) {
    if (type === 'ClaimAbandoned.v1') records.delete(keyOf(append.stream, data.requestId));
  }
}

const NONE: readonly Claim[] = [];

/** The request came to its append. */
function settle(key: string, records: LedgerWriter<OpenClaim>): void {
  const claim = records.get(key);
  if (claim === undefined) return;
  const doubtful = claim.releases.length === 1 ? NONE : doubtfulOf(claim.releases);
  if (doubtful.length === 0) records.delete(key);
  else if (doubtful.length < claim.releases.length) records.put(key, { ...claim, releases: doubtful });
}

function opened({ object, release }: Granted, { metadata: { requestId, time } }: RecordedEvent): OpenClaim {
  return { object, requestId, sinceMs: msOfTime(time), releases: [release] };
}

function withRelease(claim: OpenClaim, release: Claim): OpenClaim {
  if (claim.releases.some((other) => sameJson(other, release))) return claim;
  return { ...claim, releases: [...claim.releases, release] };
}

/** The loop of one context: it gives up claims for objects of that context's kinds. */
export function abandonClaims(context: Context, contextOfKind: (kind: string) => Context | undefined): Loop {
  return loopOverRecords(openClaims, {
    name: `abandon-claims-${context}`,
    context,
    notBefore: ({ object, sinceMs }) => (contextOfKind(object.kind) === context ? sinceMs + ABANDONED_AFTER_MS : NEVER),
    owed: ({ object, requestId, releases }) => {
      const payload: JsonObject = { requestId, releases: releases.map(({ stream, command }) => ({ stream, command })) };
      return [{ target: 'object', key: object, action: ABANDON_CLAIMS, payload }];
    },
  });
}
