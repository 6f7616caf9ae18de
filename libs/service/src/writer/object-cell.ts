/**
 * One object's stream in memory. Commands on it take turns: each decides on a durable state, so its reply depends on nothing that may still fail, and
 * the resourceVersion in it is known. (Reservation streams, which many commands share, are batched instead.)
 */
import {
  absent,
  type FactsView,
  type Folded,
  follow,
  isOurs,
  NotDoneError,
  type ObjectKey,
  type ObjectMemory,
  type RecentRequest,
  type RecordedEvent,
  type Registry,
  streamOf,
} from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Sender } from './senders.ts';
import { type Turn, Turns } from './turns.ts';

/** Older requests are not repeated any more. The fold remembers requests for the same time. */
const REQUESTS_MS = 180_000;
const REQUESTS_MIN = 16;
const REQUESTS_EVENTS_MAX = 1_024;

type Ports = Readonly<{ store: EventStore; registry: Registry; follower: FactsView }>;

export class ObjectCell implements ObjectMemory {
  readonly owner: object;
  readonly stream: string;
  state: Folded;
  certain = false;
  readonly #ports: Ports;
  #entered = false;
  /** Made when somebody has to wait: most cells never need it. */
  #turns: Turns | undefined;

  constructor(owner: object, key: ObjectKey, ports: Ports) {
    this.owner = owner;
    this.stream = streamOf(key);
    this.#ports = ports;
    this.state = absent(ports.registry, key);
  }

  get busy(): boolean {
    return this.#entered;
  }

  /** Undefined when the caller's turn is now. The caller must leave afterwards. */
  enter(sender: Sender): Turn | undefined {
    if (this.#entered) return (this.#turns ??= new Turns()).wait(sender);
    this.#entered = true;
    return undefined;
  }

  leave(): void {
    if (this.#turns?.next() === true) return;
    this.#turns = undefined;
    this.#entered = false;
  }

  /** Reads new events when the follower knows of some. Undefined when there is nothing to read. */
  refresh(): Promise<void> | undefined {
    const followed = this.#ports.follower.get(this.state.key);
    if (followed === undefined || followed.revision === 'none') return undefined;
    if (this.state.revision === 'none') return this.#adopt(followed);
    return followed.revision > this.state.revision ? this.readTail() : undefined; // Another replica has written.
  }

  /** Reads the events after the state. */
  async readTail(): Promise<void> {
    const from = this.state.revision === 'none' ? 0n : this.state.revision + 1n;
    await this.#reading(async () => {
      let { state } = this;
      for await (const event of this.#ports.store.readStream(this.stream, { from })) state = this.#advance(state, event);
      this.state = state;
    });
  }

  /**
   * Takes over the follower's state, then reads the requests that may still be repeated and the events after that state. A stream may be long, so only
   * its end is read.
   */
  async #adopt(followed: Folded): Promise<void> {
    await this.#reading(async () => {
      const events: RecordedEvent[] = [];
      let oldestMs = Number.POSITIVE_INFINITY;
      for await (const event of this.#ports.store.readStream(this.stream, { direction: 'backwards', limit: REQUESTS_EVENTS_MAX })) {
        if (Number.isFinite(timeOf(event)) && oldestMs === Number.POSITIVE_INFINITY) oldestMs = timeOf(event) - REQUESTS_MS;
        const beyond = event.revision > (followed.revision as bigint);
        if (!beyond && events.length >= REQUESTS_MIN && timeOf(event) < oldestMs) break;
        events.push(event);
      }
      events.reverse();
      let state: Folded = { ...followed, requests: requestsOf(events.filter(({ revision }) => revision <= (followed.revision as bigint))) };
      const first = events[0];
      if (first !== undefined && first.revision > (followed.revision as bigint) + 1n) {
        // The follower is behind all events that were read.
        for await (const event of this.#ports.store.readStream(this.stream, { from: (followed.revision as bigint) + 1n })) {
          state = this.#advance(state, event);
        }
      } else for (const event of events) if (event.revision > (followed.revision as bigint)) state = this.#advance(state, event);
      this.state = state;
    });
  }

  async #reading(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      this.certain = true;
    } catch (cause) {
      throw new NotDoneError(`stream "${this.stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  #advance(state: Folded, event: RecordedEvent): Folded {
    return follow(this.#ports.registry, state, event, { requests: true });
  }
}

/** NaN for an event that Weft did not write. */
function timeOf({ metadata }: RecordedEvent): number {
  return Date.parse(metadata?.time);
}

/** The requests of these events, as the fold remembers them. */
function requestsOf(events: readonly RecordedEvent[]): readonly RecentRequest[] {
  const requests: RecentRequest[] = [];
  for (const { type, data, metadata, revision, position } of events.filter(isOurs)) {
    const { requestId, time } = metadata;
    const last = requests.at(-1);
    if (last?.requestId === requestId && last.abandoned === undefined) requests.pop();
    requests.push({ requestId, revision, position, time });
    if (type === 'ClaimAbandoned.v1') requests.push({ requestId: String(data['requestId']), revision, position, time, abandoned: true });
  }
  return requests;
}
