/**
 * Claims whose object never came (DESIGN 9.5). A command reserves first and appends its object's facts second; a crash in between leaves a
 * reservation that nobody will use.
 *
 *   claim granted ──> object's append under the same request id: settled
 *         └─ none after 15 s ──> AbandonClaims on the object's stream ──> ClaimAbandoned.v1 ──> the claims are given back
 *
 * ClaimAbandoned comes first and on the object's own stream, so a late append of the first writer fails by its expected revision.
 */
import { claimAbandoned } from '../fold/common-events.ts';
import type { Claim, Context, Decision, DueDraft, EventChange, Folded, Reaction, ReservationModule, Watch } from '../kind/kind.ts';
import { keyOfStream, type ObjectKey, streamOf } from '../kind/object.ts';
import type { JsonObject } from '../log/json.ts';
import { categoryOf } from '../registry/registry.ts';

/** Longer than any command runs (its caller waits 10 s at most), so a command under way is not disturbed. */
const ABANDONED_AFTER_MS = 15_000;

/** The action of every kind that the sweep sends; `decideObject` carries it out. */
export const ABANDON_CLAIMS = 'AbandonClaims';

type Open = {
  readonly object: ObjectKey;
  readonly requestId: string;
  readonly cause: string;
  readonly sinceMs: number;
  readonly releases: Claim[];
};

/** Grants of the given reservation streams that wait for their object's append. `objectEvents`: the types by which such appends show. */
export function abandonedClaims(context: Context, reservations: readonly ReservationModule[], objectEvents: readonly string[]): Watch {
  const modules = new Map(reservations.map((module) => [module.category, module]));
  return {
    name: 'abandoned-claims',
    context,
    on: [...new Set([...reservations.flatMap(({ grantTypes = [] }) => grantTypes), ...objectEvents, 'ClaimAbandoned.v1'])],
    start: () => {
      /** By object stream and request; in the order of their grants. */
      const open = new Map<string, Open>();
      return {
        apply({ event }: EventChange): void {
          const { requestId, time } = event.metadata;
          const granted = modules.get(categoryOf(event.stream))?.granted?.(event.stream, event);
          if (granted === undefined) {
            open.delete(`${event.stream} ${requestId}`);
            if (event.type === 'ClaimAbandoned.v1') open.delete(`${event.stream} ${event.data['requestId']}`);
            return;
          }
          const stream = streamOf(granted.object);
          const waiting = open.get(`${stream} ${requestId}`);
          if (waiting !== undefined) waiting.releases.push(granted.release);
          else {
            const { object, release } = granted;
            open.set(`${stream} ${requestId}`, { object, requestId, cause: event.id, sinceMs: Date.parse(time), releases: [release] });
          }
        },
        due(nowMs: number, limit: number): readonly DueDraft[] {
          const due: DueDraft[] = [];
          for (const { object, requestId, cause, sinceMs, releases } of open.values()) {
            if (due.length >= limit || sinceMs > nowMs - ABANDONED_AFTER_MS) break;
            const payload = { requestId, releases } as unknown as JsonObject;
            due.push({ cause, draft: { target: 'object', key: object, action: ABANDON_CLAIMS, payload } });
          }
          return due;
        },
      };
    },
  };
}

/** The built-in action. Nothing when the request did come to its append, or was given up before. */
export function decideAbandonClaims(before: Folded, payload: JsonObject): Decision {
  const requestId = payload['requestId'] as string;
  if (before.requests.some((request) => request.requestId === requestId)) return { outcome: 'accepted', facts: [] };
  const releases = payload['releases'] as unknown as readonly Claim[];
  return { outcome: 'accepted', facts: [claimAbandoned({ requestId, releases: releases as unknown as JsonObject[] })], releases };
}

/** Gives abandoned claims back, also when the writer of ClaimAbandoned died before it did. */
export function releaseAbandonedClaims(context: Context, kinds: readonly string[]): Reaction {
  return {
    name: 'release-abandoned-claims',
    context,
    on: ['ClaimAbandoned.v1'],
    react: ({ event }) => {
      if (!kinds.includes(keyOfStream(event.stream)?.kind ?? '')) return [];
      const releases = event.data['releases'] as unknown as readonly Claim[];
      return releases.map(({ stream, command }) => ({ target: 'reservation', stream, command }));
    },
  };
}
