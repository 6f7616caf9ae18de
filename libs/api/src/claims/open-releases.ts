/**
 * Releases that an append names and that have not reached their reservation streams yet. An object's append names its releases in the metadata of its
 * first event; its writer sends them right after it. A crash in between would leave what was released reserved for ever.
 *
 *   append with releases ──> each release appended to its reservation stream, under a request id that follows from the append's: settled
 *         └─ not after 1 s ──> a loop sends it under that request id
 *
 * A release may find nothing to release when another one, under another id, came first. The loop's command then writes `NothingReleased.v1`, which
 * settles it all the same.
 *
 * Appends of older versions name no releases, so nothing is owed for them.
 */
import { uuidv5 } from '../append/uuid.ts';
import type { Change, Claim, Context, ReservationModule } from '../kind/kind.ts';
import { defineLedger, type Ledger, ledgerRef } from '../kind/ledger.ts';
import { type Loop, loopOverRecords, NEVER } from '../kind/loop.ts';
import type { Append, Position } from '../log/envelope.ts';

/** The loop waits this long: the writer sends the release itself, right after the append. */
const GIVEN_BACK_AFTER_MS = 1_000;

export type Release = Claim & Readonly<{ requestId: string }>;
export type OpenRelease = Release &
  Readonly<{
    /** When the append was made: Unix time, ms. */
    sinceMs: number;
  }>;

/** The key of a record is the reservation stream and the request id. */
export const openReleases = ledgerRef<OpenRelease>('open-releases');

/** Request id of a release; `index` counts the releases of one append on one reservation stream. */
export function releaseRequestOf(requestId: string, index = 0): string {
  return uuidv5(requestId, index === 0 ? 'release' : `release ${index}`);
}

/**
 * The releases of an append as its writer and the loop send them: with `at`, since what is released was in use until then, and each under a request
 * id of its own, so that the log shows which of them were carried out.
 */
export function releasesOf(claims: readonly Claim[], requestId: string, at: Position): readonly Release[] {
  const counts = new Map<string, number>();
  return claims.map(({ stream, command }) => {
    const index = counts.get(stream) ?? 0;
    counts.set(stream, index + 1);
    return { stream, command: { ...command, at: at.toString() }, requestId: releaseRequestOf(requestId, index) };
  });
}

const keyOf = (stream: string, requestId: string) => `${stream} ${requestId}`;

export function openReleasesLedger(reservationOf: (stream: string) => ReservationModule | undefined): Ledger {
  return defineLedger(openReleases, ({ append, after }: Change, records) => {
    if (after === undefined) {
      if (records.isEmpty || reservationOf(append.stream) === undefined) return;
      for (const { metadata } of append.events) records.delete(keyOf(append.stream, metadata.requestId));
    } else if (append.events[0].metadata.releases !== undefined) {
      for (const release of releasesIn(append)) records.put(keyOf(release.stream, release.requestId), release);
    }
  });
}

function releasesIn({ events: [{ metadata }], position }: Append): readonly OpenRelease[] {
  const { releases = [], requestId, time } = metadata;
  return releasesOf(releases, requestId, position).map((release) => ({ ...release, sinceMs: Date.parse(time) }));
}

/** The loop of one context: it sends releases to that context's own reservation streams. */
export function giveBack(context: Context, reservationOf: (stream: string) => ReservationModule | undefined): Loop {
  return loopOverRecords(openReleases, {
    name: `give-back-${context}`,
    context,
    notBefore: ({ stream, sinceMs }) => (reservationOf(stream)?.context === context ? sinceMs + GIVEN_BACK_AFTER_MS : NEVER),
    owed: ({ stream, command, requestId }) => [{ target: 'reservation', stream, command: { ...command, settles: true }, requestId }],
  });
}
