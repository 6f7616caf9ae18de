/**
 * A store that gives out events of today's types only: what was written as `X.v1` reads as its `X.v2`. Positions, revisions and ids stay those of
 * the event that was written; appends pass as they are.
 */
import { type Append, appendOf, type NewEvent, type Position, type RecordedEvent } from '@weft/api';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  ReadAllOptions,
  ReadOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
} from './port.ts';

/** A Registry of the API machinery fits. */
export type Lifting = Readonly<{
  /** Whether there is anything to lift. */
  lifts: boolean;
  lift: (event: RecordedEvent) => RecordedEvent;
}>;

export function liftingStore(store: EventStore, lifting: Lifting): EventStore {
  return lifting.lifts ? new LiftingStore(store, lifting) : store;
}

class LiftingStore implements EventStore {
  readonly #store: EventStore;
  readonly #lift: Lifting['lift'];

  constructor(store: EventStore, { lift }: Lifting) {
    this.#store = store;
    this.#lift = lift;
  }

  get storeId(): string {
    return this.#store.storeId;
  }

  append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult> {
    return this.#store.append(stream, expected, events);
  }

  async *readStream(stream: string, options?: ReadOptions): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const event of this.#store.readStream(stream, options)) yield this.#lift(event);
  }

  async *readAll(options?: ReadAllOptions): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const event of this.#store.readAll(options)) yield this.#lift(event);
  }

  async *readAllPages(options?: ReadAllOptions): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    for await (const page of this.#store.readAllPages(options)) yield page.map((event) => this.#lift(event));
  }

  async *readAppendPages(options?: Readonly<{ from?: Position }>): AsyncGenerator<readonly Append[], void, undefined> {
    for await (const page of this.#store.readAppendPages(options)) yield page.map((append) => this.#liftAll(append));
  }

  subscribe(options: SubscribeOptions, handlers: SubscriptionHandlers): Subscription {
    return this.#store.subscribe(options, { ...handlers, onAppend: (append) => handlers.onAppend(this.#liftAll(append)) });
  }

  head(): Promise<Position> {
    return this.#store.head();
  }

  floor(position: Position): Promise<Position> {
    return this.#store.floor(position);
  }

  positionAt(time: Date): Promise<Position> {
    return this.#store.positionAt(time);
  }

  ping(): Promise<void> {
    return this.#store.ping();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #liftAll(append: Append): Append {
    return appendOf(append.events.map((event) => this.#lift(event)));
  }
}
