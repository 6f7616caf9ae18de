/**
 * What happened to one object: each append of its stream with who, when, why, and what differed. Its own stream tells all of that but what stands around: the
 * event that made a loop act, what was claimed for the same request, and what followed. These are looked for in the log near the change, since what
 * follows from an event follows soon.
 *
 *   … claims (same request) … [ the change ] … what followed (caused by its events) …
 *        └ cause (an event of before) ┘
 */
import {
  type Actor,
  type Append,
  absent,
  type Difference,
  differences,
  type Folded,
  followAppend,
  isOurs,
  type JsonObject,
  type JsonValue,
  type KindModule,
  type ObjectKey,
  type Position,
  type RecordedEvent,
  type Registry,
  type Slices,
  streamOf,
} from '@weft/api';
import { type EventStore, streamAppends } from '@weft/event-store';
import { shownOf } from './past-differences.ts';

/** Another event that has to do with a change. */
export type Related = Readonly<{ position: string; stream: string; type: string; time: string }>;

export type HistoryChange = Readonly<{
  position: string;
  resourceVersion: string;
  time: string;
  actor: Actor;
  onBehalfOf?: Actor;
  /** `create`, `patch Status`, `act Place`: what was asked for, where the log has kept it. */
  command?: string;
  /** The object began or ended with it. */
  lifetime?: 'began' | 'ended';
  events: readonly Readonly<{ type: string; data: JsonObject }>[];
  changed: readonly Difference[];
  requestId: string;
  correlationId: string;
  /** The event that made a loop act; a change that a client asked for has none. Only its id when it stands too far away. */
  cause?: Related | Readonly<{ eventId: string }>;
  /** What else the same request wrote: claims and releases. */
  sameRequest: readonly Related[];
  /** What loops did since. */
  followed: readonly Related[];
}>;

export type History = Readonly<{
  /** Oldest first. */
  changes: readonly HistoryChange[];
  /** There are older ones. */
  more: boolean;
}>;

export type HistoryOptions = Readonly<{
  /** Not after this position. */
  upTo: Position;
  /** The newest so many. */
  limit: number;
}>;

/** Events that are read around all changes of an answer together, and the most and the least of them around one. */
const AROUND_ALL = 2_000;
const AROUND_MAX = 400;
const AROUND_MIN = 20;
const RELATED_MAX = 20;
/** Lists of objects that are assembled are compared as long as they are not large; their events say who joined and who left. */
const PIECES_MAX = 200;

type Step = Readonly<{ append: Append; before: Folded; after: Folded }>;

export async function historyOf(
  { store, registry, slices }: Readonly<{ store: EventStore; registry: Registry; slices: Slices }>,
  kind: KindModule,
  key: ObjectKey,
  { upTo, limit }: HistoryOptions,
): Promise<History> {
  const steps: Step[] = [];
  let before = absent(registry, key);
  let more = false;
  for await (const append of streamAppends(store, streamOf(key), { upTo })) {
    const after = followAppend(registry, before, append, { requests: false });
    steps.push({ append, before, after });
    if (steps.length > 2 * limit) steps.splice(0, limit);
    more ||= steps.length > limit;
    before = after;
    await slices.turn();
  }
  const shown = steps.slice(-limit);
  const each = Math.floor(AROUND_ALL / (2 * Math.max(1, shown.length)));
  const around = new Around(shown, Math.max(AROUND_MIN, Math.min(AROUND_MAX, each)));
  await around.read(store, slices);
  const changes: HistoryChange[] = [];
  for (const step of shown) {
    changes.push(changeOf(kind, step, around));
    await slices.turn();
  }
  return { changes, more };
}

function changeOf(kind: KindModule, { append, before, after }: Step, around: Around): HistoryChange {
  const { events, position } = append;
  const [{ metadata }] = events;
  const began = before.status !== 'live' && after.status === 'live';
  const ended = before.status === 'live' && after.status !== 'live';
  const cause = around.causeOf(append);
  return {
    position: position.toString(),
    resourceVersion: after.object.metadata.resourceVersion,
    time: metadata?.time ?? '',
    actor: metadata?.actor ?? { user: '', verified: false },
    ...(metadata?.onBehalfOf !== undefined && { onBehalfOf: metadata.onBehalfOf }),
    ...commandIn(events[0]),
    ...(began && { lifetime: 'began' as const }),
    ...(ended && { lifetime: 'ended' as const }),
    events: events.map(({ type, data }) => ({ type, data })),
    changed: differences(comparedOf(kind, before), comparedOf(kind, after)),
    requestId: metadata?.requestId ?? '',
    correlationId: metadata?.$correlationId ?? '',
    ...(cause !== undefined && { cause }),
    sameRequest: around.ofSameRequest(append),
    followed: around.followedBy(append),
  };
}

function commandIn({ metadata }: RecordedEvent): { command?: string } {
  const command = metadata?.command;
  if (command === undefined) return {};
  const more = 'action' in command ? ` ${command.action}` : 'subresource' in command ? ' status' : '';
  return { command: `${command.verb}${more}` };
}

/** Of an object that is assembled and large, what is kept of it. */
function comparedOf(kind: KindModule, state: Folded): JsonValue | undefined {
  if (state.status !== 'live') return undefined;
  const isLarge = kind.assembly !== undefined && kind.assembly.pieces(state).length > PIECES_MAX;
  return shownOf(isLarge ? {} : kind, state);
}

/** What stands in the log around some changes. */
class Around {
  readonly #steps: readonly Step[];
  readonly #events: number;
  /** By id: the events that caused the changes, once they are found. */
  readonly #causes = new Map<string, Related | undefined>();
  readonly #bySameRequest = new Map<string, Related[]>();
  /** By id of the event that caused them. */
  readonly #followed = new Map<string, Related[]>();

  /** `events`: how many are read before and after each change at most. */
  constructor(steps: readonly Step[], events: number) {
    this.#steps = steps;
    this.#events = events;
    for (const { append } of steps) {
      const { $causationId, requestId } = append.events[0].metadata ?? {};
      if ($causationId !== requestId && $causationId !== undefined) this.#causes.set($causationId, undefined);
      if (requestId !== undefined) this.#bySameRequest.set(requestId, []);
      for (const { id } of append.events) this.#followed.set(id, []);
    }
  }

  /** Changes that stand close together share what is read. */
  async read(store: EventStore, slices: Slices): Promise<void> {
    let read: Position = 0n;
    for (const { append } of this.#steps) {
      if (append.position <= read) continue;
      for await (const event of store.readAll({ direction: 'backwards', from: append.position, limit: this.#events })) {
        if (event.position <= read) break;
        this.#take(event);
      }
      read = await this.#readOn(store, append.position, slices);
    }
    for (const list of [...this.#bySameRequest.values(), ...this.#followed.values()]) list.sort(byPosition);
  }

  /** From a change on, until nothing of interest is near. Gives how far it came. */
  async #readOn(store: EventStore, from: Position, slices: Slices): Promise<Position> {
    let left = this.#events;
    let position = from;
    for await (const page of store.readAllPages({ from })) {
      for (const event of page) {
        ({ position } = event);
        if (this.#followed.has(event.id)) left = this.#events;
        else if (--left < 0) return position;
        this.#take(event);
      }
      await slices.turn();
    }
    return position;
  }

  #take(event: RecordedEvent): void {
    if (!isOurs(event)) return;
    const { $causationId, requestId } = event.metadata;
    if (this.#causes.has(event.id)) this.#causes.set(event.id, related(event));
    if (this.#followed.has(event.id)) return;
    this.#bySameRequest.get(requestId)?.push(related(event));
    this.#followed.get($causationId)?.push(related(event));
  }

  causeOf({ events: [{ metadata }] }: Append): HistoryChange['cause'] | undefined {
    const id = metadata?.$causationId;
    if (id === undefined || id === metadata?.requestId) return undefined;
    return this.#causes.get(id) ?? { eventId: id };
  }

  ofSameRequest({ events: [{ metadata }] }: Append): readonly Related[] {
    return (this.#bySameRequest.get(metadata?.requestId ?? '') ?? []).slice(0, RELATED_MAX);
  }

  followedBy({ events }: Append): readonly Related[] {
    return events.flatMap(({ id }) => this.#followed.get(id) ?? []).slice(0, RELATED_MAX);
  }
}

function related({ position, stream, type, metadata: { time } }: RecordedEvent): Related {
  return { position: position.toString(), stream, type, time };
}

function byPosition(a: Related, b: Related): number {
  return a.position.length - b.position.length || (a.position < b.position ? -1 : 1);
}
