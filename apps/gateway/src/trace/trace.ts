/**
 * What would become of a packet now, told for people and programs: the evaluator's verdict on the rows of the present position, with the resource, the event,
 * its author and time behind each row. Nothing is computed here that the evaluator, the projections and the log do not say.
 */
import { factsOf, keyOfStream, type Position, type RecordedEvent } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { type DecidingRow, evaluate, type Path, resourceOfRow, type RowResource, type Step, type Verdict } from '@weft/fabric';
import type { Platform } from '@weft/service';
import { unavailable } from '../http/failures.ts';
import type { FabricModel } from './fabric-model.ts';
import { packetOf, type TraceRequest } from './trace-request.ts';

export type ToldEvent = Readonly<{
  id: string;
  type: string;
  position: string;
  /** Of whose stream it is. */
  resource: RowResource;
  time: string;
  actor: string;
  /** On whose behalf, when a control loop wrote it. */
  onBehalfOf?: string;
  requestId: string;
  command?: string;
}>;
export type ToldRow = Readonly<{
  table: string;
  key: string;
  position: string;
  resource: RowResource;
  /** The newest event behind the row: since then it is as it is. Absent when the log does not give it. */
  event?: ToldEvent;
}>;
export type ToldStep = Omit<Step, 'rows'> & Readonly<{ rows: readonly ToldRow[] }>;
export type ToldPath = Readonly<{
  verdict: 'delivered' | 'dropped';
  /** `delivered` to an interface, out to the `internet`, `answered` by a router or an edge, or `dropped`. */
  outcome: Path['outcome'];
  reason?: string;
  to?: RowResource;
  share: number;
  packet: Path['packet'];
  steps: readonly ToldStep[];
  answer?: Readonly<{ verdict: 'delivered' | 'dropped'; reason?: string; packet: Path['packet']; steps: readonly ToldStep[] }>;
}>;
export type Trace = Readonly<{
  /** `delivered` when every path delivers. */
  verdict: 'delivered' | 'dropped';
  /** Why, when the only path or all of them drop for one reason. */
  reason?: string;
  /** Of the log. */
  position: string;
  request: TraceRequest;
  packet: Path['packet'];
  /** How much of all source ports is delivered, 0 to 1. */
  deliveredShare: number;
  /** What all paths have in common: all of it when there is one. */
  steps: readonly ToldStep[];
  paths: readonly ToldPath[];
}>;

/** Of so many events at most a trace reads what they say. */
const EVENTS_MAX = 256;

type Sources = Readonly<{ model: FabricModel; platform: Pick<Platform, 'follower' | 'store'> }>;

export async function trace({ model, platform: { follower, store } }: Sources, request: TraceRequest): Promise<Trace> {
  const facts = factsOf(follower);
  const found = await model.with((rows) => {
    const verdict = evaluate({ rows }, packetOf(request, facts));
    return { verdict, position: follower.position, resources: resourcesOf(verdict, (row) => resourceOfRow(facts, row)), names: namesOf(verdict, facts) };
  });
  return undefined as never;
}
