/**
 * What would become of a packet now, told for people and programs: the evaluator's verdict on the rows of the present position, with the resource, the event,
 * its author and time behind each row. Nothing is computed here that the evaluator, the projections and the log do not say.
 */
import { type Facts, factsOf, keyOfStream, type Position, type RecordedEvent, type Registry } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import {
  type DecidingRow,
  type Ending,
  evaluate,
  type Header,
  type Path,
  type RowIndex,
  type RowResource,
  resourceOfRow,
  type Step,
} from '@weft/fabric';
import { NetworkInterface } from '@weft/network';
import type { Platform } from '@weft/service';
import { eventAt } from '../past/event-at.ts';
import { type Delivery, deliveryOf } from './answer.ts';
import type { Applied } from './applied.ts';
import type { FabricModel } from './fabric-model.ts';
import { type Lag, lagsOf } from './lag.ts';
import { packetOf, receiverNamed, type TraceRequest } from './trace-request.ts';
import { refOf, toldUnexplained, type Unexplained, unreadable, withoutCommand, withoutEvent } from './unexplained.ts';
import { unplacedIn } from './unplaced.ts';

export type ToldEvent = Readonly<{
  id: string;
  type: string;
  position: string;
  /** Of whose stream it is. */
  resource: RowResource;
  time: string;
  actor: string;
  /** Whose append made a control loop write it. */
  onBehalfOf?: string;
  requestId: string;
  /** Verb, or action, of the command, where the event is the first of its append. */
  command?: string;
}>;
/** `event`: the newest one behind the row, since which it is as it is; absent when the log does not give it. */
export type ToldRow = Readonly<{ table: string; key: string; position: string; resource: RowResource; event?: ToldEvent }>;
export type ToldStep = Omit<Step, 'rows'> & Readonly<{ rows: readonly ToldRow[] }>;
type ToldEnding = Readonly<{
  verdict: Delivery;
  /** `delivered` to an interface, out to the `internet`, `answered` by a router or an edge, or `dropped`. */
  outcome: Ending['outcome'];
  reason?: string;
  to?: RowResource;
  packet: Header;
  steps: readonly ToldStep[];
}>;
/** `share`: of all source ports, 0 to 1. `answer`: `delivered` when it reaches who sent the packet. */
export type ToldPath = ToldEnding & Readonly<{ share: number; answer?: ToldEnding }>;

export type Trace = Readonly<{
  /** `delivered` when all paths deliver; `elsewhere` when none drops it, and one brings it to another one than the interface that the request names. */
  verdict: Delivery;
  /** Why the first of the paths that drop it does. */
  reason?: string;
  /** Of the log: what it said then is what this is about. Hosts may not have applied all of it yet. */
  position: string;
  /** Of a position of the past: when it was written. */
  time?: string;
  request: TraceRequest;
  /** Hosts on the way that may not do all of it yet. */
  lags: readonly Lag[];
  /** What of this the log does not explain. */
  unexplained?: readonly Unexplained[];
  /** What hosts had acknowledged by then, where that was asked for. */
  applied?: Applied;
  /** Of how much of all source ports the ways are told, 0 to 1, and how much of them is delivered. */
  toldShare: number;
  deliveredShare: number;
  /** What all paths begin with; everything, when there is one. */
  steps: readonly ToldStep[];
  paths: readonly ToldPath[];
}>;

/** So many events are read for one trace. */
const EVENTS_MAX = 256;

type TraceLog = Readonly<{ registry: Pick<Registry, 'kind'>; store: Pick<EventStore, 'readAll'> }>;
export type TraceSources = Readonly<{ model: FabricModel; platform: Pick<Platform, 'follower' | 'store' | 'registry'> }>;

export async function trace({ model, platform }: TraceSources, request: TraceRequest): Promise<Trace> {
  const { follower } = platform;
  const facts = factsOf(follower);
  const found = await model.with((rows) => ({ ...traced(rows, facts, request), position: follower.position }));
  return toldTrace(platform, request, found);
}

/** What the evaluator finds in the rows of a position, and what these rows are about. */
export type Traced = Readonly<{
  paths: readonly Path[];
  /** uid of the interface that the request names. */
  receiver: string | undefined;
  resources: Resources;
  lags: readonly Lag[];
  unreadable: readonly Unexplained[];
}>;

export function traced(rows: RowIndex, facts: Facts, request: TraceRequest): Traced {
  const { paths } = evaluate({ rows, unplaced: unplacedIn(facts) }, packetOf(request, facts));
  const resources = resourcesOf(paths, facts);
  const receiver = receiverNamed(request, facts);
  return { paths, receiver, resources, lags: lagsOf(paths, facts), unreadable: [...unreadableIn(resources, facts)] };
}

export async function toldTrace(
  { registry, store }: TraceLog,
  request: TraceRequest,
  { paths, receiver, resources, position, lags, unreadable: damaged }: Traced & Readonly<{ position: Position }>,
): Promise<Trace> {
  const events = await eventsAt(store, [...resources.rows.keys()]);
  const teller = new Teller(resources, events, receiver);
  const told = paths.map((path) => teller.path(path));
  const dropped = told.find(({ verdict }) => verdict === 'dropped');
  return {
    verdict: (dropped ?? told.find(({ verdict }) => verdict === 'elsewhere'))?.verdict ?? 'delivered',
    ...(dropped?.reason !== undefined && { reason: dropped.reason }),
    position: position.toString(),
    request,
    lags,
    ...toldUnexplained([...damaged, ...unexplainedIn(registry, resources, events)]),
    toldShare: told.reduce((sum, { share }) => sum + share, 0),
    deliveredShare: told.reduce((sum, { verdict, share }) => (verdict === 'delivered' ? sum + share : sum), 0),
    steps: commonOf(told),
    paths: told,
  };
}

/** What rows and receivers are about, found while the rows of one position are at hand. */
type Resources = Readonly<{ rows: ReadonlyMap<DecidingRow['row'], RowResource>; receivers: ReadonlyMap<string, RowResource> }>;

function resourcesOf(paths: readonly Path[], facts: Facts): Resources {
  const rows = new Map<DecidingRow['row'], RowResource>();
  const receivers = new Map<string, RowResource>();
  for (const { answer, ...path } of paths) {
    for (const ending of answer === undefined ? [path] : [path, answer.ending]) {
      if (ending.outcome !== 'delivered' || receivers.has(ending.to)) continue;
      const [name] = facts.keys(NetworkInterface, 'uid', ending.to);
      receivers.set(ending.to, { kind: 'NetworkInterface', ...name, uid: ending.to });
    }
    for (const { rows: deciding } of [...path.steps, ...(answer?.steps ?? [])]) {
      for (const each of deciding) if (!rows.has(each.row)) rows.set(each.row, resourceOfRow(facts, each));
    }
  }
  return { rows, receivers };
}

function* unreadableIn({ rows, receivers }: Resources, facts: Facts): Iterable<Unexplained> {
  for (const resource of [...rows.values(), ...receivers.values()]) {
    const { name, namespace } = resource;
    const state = name === undefined ? undefined : facts.get(refOf(resource), namespace === undefined ? { name } : { namespace, name });
    const found = state && unreadable(state);
    if (found !== undefined) yield found;
  }
}

function* unexplainedIn(
  registry: TraceLog['registry'],
  { rows }: Resources,
  events: ReadonlyMap<string, RecordedEvent>,
): Iterable<Unexplained | undefined> {
  for (const [{ position }, resource] of [...rows].slice(0, EVENTS_MAX)) {
    const event = events.get(position);
    yield event === undefined ? withoutEvent(resource, position) : withoutCommand(registry, event);
  }
}

/** The newest events behind rows, by position. */
async function eventsAt(
  store: Pick<EventStore, 'readAll'>,
  rows: readonly DecidingRow['row'][],
): Promise<ReadonlyMap<string, RecordedEvent>> {
  const wanted = [...new Set(rows.map(({ position }) => position))].slice(0, EVENTS_MAX);
  const because = new Set(rows.flatMap((row) => row.because));
  const found = await Promise.all(wanted.map((position) => eventAt(store, BigInt(position))));
  // The event of a row is one of those that it names; a store that was restored may hold another one there.
  return new Map(
    found.flatMap((event) => (event !== undefined && because.has(event.id) ? [[event.position.toString(), event] as const] : [])),
  );
}

class Teller {
  readonly #resources: Resources;
  readonly #events: ReadonlyMap<string, RecordedEvent>;
  readonly #receiver: string | undefined;

  constructor(resources: Resources, events: ReadonlyMap<string, RecordedEvent>, receiver: string | undefined) {
    this.#resources = resources;
    this.#events = events;
    this.#receiver = receiver;
  }

  path({ share, answer, ...path }: Path): ToldPath {
    const told = answer && { ...this.#ending(answer.ending, answer), ...(!answer.isBack && { verdict: 'dropped' as const }) };
    return { ...this.#ending(path, path), verdict: deliveryOf(path, this.#receiver), share, ...(told && { answer: told }) };
  }

  #ending(ending: Ending, { packet, steps }: Pick<Path, 'packet' | 'steps'>): ToldEnding {
    const to = ending.outcome === 'delivered' ? this.#resources.receivers.get(ending.to) : undefined;
    return {
      verdict: deliveryOf(ending, undefined),
      outcome: ending.outcome,
      ...(ending.outcome === 'dropped' && { reason: ending.reason }),
      ...(to && { to }),
      packet,
      steps: steps.map(({ rows, ...step }) => ({ ...step, rows: rows.map((row) => this.#row(row)) })),
    };
  }

  #row({ table, key, row }: DecidingRow): ToldRow {
    const { position } = row;
    const event = this.#events.get(position);
    const resource = this.#resources.rows.get(row) ?? { kind: 'unknown' };
    return { table, key, position, resource, ...(event !== undefined && { event: toldEvent(event) }) };
  }
}

export function toldEvent({ id, type, position, stream, metadata }: RecordedEvent): ToldEvent {
  const { time, actor, onBehalfOf, requestId, command } = metadata;
  const key = keyOfStream(stream);
  return {
    id,
    type,
    position: position.toString(),
    resource: key ?? { kind: stream },
    time,
    actor: actor.user,
    ...(onBehalfOf !== undefined && { onBehalfOf: onBehalfOf.user }),
    requestId,
    ...(command !== undefined && { command: 'action' in command ? command.action : command.verb }),
  };
}

function commonOf(paths: readonly ToldPath[]): readonly ToldStep[] {
  const [first, ...others] = paths;
  if (first === undefined) return [];
  const texts = others.map(({ steps }) => steps.map((step) => JSON.stringify(step)));
  const end = first.steps.findIndex((step, i) => texts.some((steps) => steps[i] !== JSON.stringify(step)));
  return end < 0 ? first.steps : first.steps.slice(0, end);
}
