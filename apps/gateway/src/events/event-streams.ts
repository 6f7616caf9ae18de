import {
  type Clock,
  cursorOf,
  type Folded,
  type ObjectKey,
  type Position,
  positionOfVersion,
  type RecordedEvent,
  type Registry,
  resourceVersionOf,
  type Slices,
  sourceOf,
} from '@weft/api';
import type { Bus } from '@weft/bus';
import { type EventStore, StoreError } from '@weft/event-store';
import type { Follower, Logger } from '@weft/service';
import type { GatewayConfig } from '../config.ts';
import { badRequest, expired, tooManyRequests, unavailable } from '../http/failures.ts';
import { eventAt } from '../past/event-at.ts';
import type { ReadPoint } from '../resources/read-point.ts';
import type { Sink } from '../watch/sink.ts';
import type { EventFilter } from './event-filter.ts';
import { EventPublisher } from './event-publisher.ts';
import { EventStream } from './event-stream.ts';
import { EventTail, START } from './event-tail.ts';
import { PastLabels } from './past-labels.ts';

type Dependencies = Readonly<{
  store: EventStore;
  follower: Follower;
  registry: Registry;
  readPoint: ReadPoint;
  config: GatewayConfig;
  clock: Clock;
  slices: Slices;
  log: Logger;
  bus: Bus;
  replica: string;
  alone: boolean;
}>;

/** Behind an event, which `cursor` names. */
export type Place = Readonly<{ position: Position; cursor: string }>;

const BEGINNING: Place = { position: 0n, cursor: START };

/** All streams of events that are being served: started here, and ended cleanly at shutdown. */
export class EventStreams {
  readonly #deps: Dependencies;
  readonly #tail: EventTail;
  readonly #publisher: EventPublisher | undefined;
  readonly #open = new Set<{ stop: () => void; done: Promise<void> }>();
  #closing = false;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    const { follower, clock, config, store } = dependencies;
    this.#tail = new EventTail({ follower, clock, capacity: config.ringCapacity, storeId: store.storeId });
    const publishing = { ...dependencies, tail: this.#tail, storeId: store.storeId };
    this.#publisher = config.publishesEvents ? new EventPublisher(publishing) : undefined;
  }

  start(): void {
    this.#tail.start(() => {
      void this.#publisher?.start().catch((error: unknown) => this.#deps.log.error({ err: error }, 'leases cannot be sought'));
    });
  }

  problems(): readonly string[] {
    return this.#publisher?.problems() ?? [];
  }

  /** Whether this gateway puts events on the bus. */
  get isPublishing(): boolean {
    return this.#publisher?.isPublishing === true;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * Where a stream begins. `from`: what a subscriber was given (the id of an event, or a position), a resourceVersion, `0` for the start, a time (RFC 3339);
   * absent: now. `parameter`: how whoever asks calls it. Throws 400, 410 for what is none of this log, 429 when too many are open, 503.
   */
  async place(from: string | undefined, parameter = 'from'): Promise<Place> {
    const { readPoint, config, store } = this.#deps;
    if (this.#open.size >= config.eventStreamsMax)
      throw tooManyRequests(`${this.#open.size} streams of events are open, which is the limit`);
    await readPoint.begun();
    if (from === undefined) return this.#tail;
    if (!/^\d{4}-\d\d-\d\dT/i.test(from)) return this.placeOf(from, parameter);
    const time = new Date(from);
    if (Number.isNaN(time.getTime())) throw senseless(parameter, from);
    const event = await this.#eventAt(await this.asked(() => store.positionAt(time)));
    return event === undefined ? BEGINNING : { position: event.position, cursor: cursorOf(event) };
  }

  /** Behind an event of this log, which is named by its cursor, by its position, or by the resourceVersion that it made. Throws 400, 410, 503. */
  async placeOf(id: string, parameter: string): Promise<Place> {
    if (id === START) return BEGINNING;
    const isCursor = /^\d{1,20}-\d{8}$/.test(id);
    if (!isCursor && !/^\d{1,29}$/.test(id)) throw senseless(parameter, id);
    const named = [isCursor ? BigInt(id.split('-')[0] as string) : BigInt(id), ...(isCursor ? [] : [positionOfVersion(id)])];
    for (const position of named) {
      const event = position === undefined ? undefined : await this.#eventAt(position);
      if (event === undefined || event.position !== position) continue;
      const cursor = cursorOf(event);
      if ([cursor, `${position}`, resourceVersionOf(event)].includes(id)) return { position, cursor };
    }
    throw expired(
      `${parameter} ${id} is of no event of this log, which ends at ${this.#tail.position}: it comes from another one, or from before a backup was restored; "0" is the start`,
    );
  }

  /** The last event of the log: its position (decimal), cursor and time. Throws 503. */
  async end(): Promise<Readonly<{ position: string; cursor: string; time?: string }>> {
    await this.#deps.readPoint.begun();
    const last = await this.#eventAt(await this.asked(() => this.#deps.store.head()));
    return last === undefined
      ? { position: '0', cursor: START }
      : { position: last.position.toString(), cursor: cursorOf(last), time: last.metadata.time };
  }

  #eventAt(position: Position): Promise<RecordedEvent | undefined> {
    return this.asked(() => eventAt(this.#deps.store, position));
  }

  /** 503 when the store does not answer. */
  async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      throw unavailable(`the event store does not answer: ${(cause as Error).message}`);
    }
  }

  /** Serves one stream to its end. Never rejects. */
  async serve(
    { filter, place, until, follow }: Readonly<{ filter: EventFilter; place: Place; until?: Position; follow: boolean }>,
    sink: Sink,
  ): Promise<void> {
    const { store, follower, registry, clock, slices, config, log } = this.#deps;
    const labels = new PastLabels(store, (key: ObjectKey): Folded | undefined => follower.get(key));
    const stream = new EventStream(
      {
        source: sourceOf(store.storeId),
        store,
        tail: this.#tail,
        holdsObject: (name) => registry.holdsObject(name),
        clock,
        slices,
      },
      {
        filter,
        after: place.position,
        cursor: place.cursor,
        follow,
        ...(until !== undefined && { until }),
        progressEveryMs: config.eventProgressMs,
        stallMs: config.watchStallMs,
        labelsAround: (append) => labels.around(append),
      },
      sink,
    );
    if (this.#closing) stream.stop();
    const done = stream.run().catch((error: unknown) => {
      log.error({ err: error }, 'a stream of events failed');
      sink.destroy();
    });
    const entry = { stop: () => stream.stop(), done };
    this.#open.add(entry);
    await done;
    this.#open.delete(entry);
  }

  /** Ends every stream cleanly and those that come from now on at once. Resolves when all have ended. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { stop } of this.#open) stop();
    await Promise.all([...this.#open].map(({ done }) => done));
    await this.#publisher?.stop();
    this.#tail.stop();
  }
}

function senseless(parameter: string, value: string) {
  return badRequest(`invalid ${parameter} "${value}": neither the id of an event nor a time such as 2026-11-22T14:03:00Z`);
}
