import { type Clock, type Folded, type ObjectKey, type Position, type Registry, type Slices, sourceOf } from '@weft/api';
import type { Bus } from '@weft/bus';
import { type EventStore, StoreError } from '@weft/event-store';
import type { Follower, Logger } from '@weft/service';
import type { GatewayConfig } from '../config.ts';
import { badRequest, expired, tooManyRequests, unavailable } from '../http/failures.ts';
import type { ReadPoint } from '../resources/read-point.ts';
import type { Sink } from '../watch/sink.ts';
import type { EventFilter } from './event-filter.ts';
import { EventPublisher } from './event-publisher.ts';
import { EventStream } from './event-stream.ts';
import { EventTail } from './event-tail.ts';
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
    this.#tail.start((position) => {
      // A store that does not answer now leaves the position as it is.
      this.#deps.store.floor(position).then(
        (floor) => this.#tail.settle(position, floor),
        () => {},
      );
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
   * Where a stream begins: behind this position. `from`: an id that a subscriber was given, which begins with a position; `0`, the start; a time (RFC 3339);
   * absent: now. Throws 400, 410 for a position that is none of this log, 429 when too many are open, 503.
   */
  async place(from: string | undefined): Promise<Position> {
    const { readPoint, config } = this.#deps;
    if (this.#open.size >= config.eventStreamsMax)
      throw tooManyRequests(`${this.#open.size} streams of events are open, which is the limit`);
    await readPoint.begun();
    if (from === undefined) return this.#tail.position;
    const time = /^\d{4}-\d\d-\d\dT/i.test(from) ? new Date(from) : undefined;
    if (time === undefined) return this.position(from);
    if (Number.isNaN(time.getTime()))
      throw badRequest(`invalid from "${from}": neither the id of an event nor a time such as 2026-11-22T14:03:00Z`);
    return this.asked(() => this.#deps.store.positionAt(time));
  }

  /** The position that an id begins with. Positions that are given out are those of events: one that is none's came from another log. Throws 400, 410, 503. */
  async position(id: string): Promise<Position> {
    const match = /^(\d{1,20})(?:\D.*)?$/.exec(id);
    if (match === null) throw badRequest(`invalid from "${id}": neither the id of an event nor a time such as 2026-11-22T14:03:00Z`);
    const position = BigInt(match[1] as string);
    if (position === 0n || position === this.#tail.position) return position;
    const floor = await this.asked(() => this.#deps.store.floor(position));
    if (floor !== position) throw expired(`the position ${position} is none of this log, which has ${floor} before it`);
    return position;
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
  async serve({ filter, after, follow }: Readonly<{ filter: EventFilter; after: Position; follow: boolean }>, sink: Sink): Promise<void> {
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
        after,
        follow,
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
