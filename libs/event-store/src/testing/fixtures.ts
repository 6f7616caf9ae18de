/** What the contract suite and the stores' own tests append, and how they wait. */
import { randomUUID } from 'node:crypto';
import type { Append, JsonObject, NewEvent, Position, RecordedEvent } from '@weft/api';
import { appendBytes } from '../append.rules.ts';
import type { StoreError } from '../errors.ts';
import type { EventStore, ExpectedRevision, SubscribeOptions, Subscription } from '../port.ts';

export type EventParts = {
  id?: string;
  type?: string;
  data?: JsonObject;
  time?: string;
  index?: number;
  count?: number;
  requestId?: string;
};

export function anEvent({
  id = randomUUID(),
  type = 'ThingHappened.v1',
  data = {},
  time = new Date().toISOString(),
  index = 0,
  count = 1,
  requestId = randomUUID(),
}: EventParts = {}): NewEvent {
  return {
    id,
    type,
    data,
    metadata: {
      actor: { user: 'jane', verified: true },
      requestId,
      $correlationId: requestId,
      $causationId: requestId,
      time,
      append: { index, count },
    },
  };
}

/** One append. */
export function someEvents(count: number, data: (index: number) => JsonObject = (n) => ({ n })): NewEvent[] {
  const requestId = randomUUID();
  return Array.from({ length: count }, (_, index) => anEvent({ index, count, requestId, data: data(index) }));
}

/** What one call of `append` writes for several commands: an append of each size. */
export function severalAppends(...sizes: readonly number[]): NewEvent[] {
  return sizes.flatMap((size) => someEvents(size));
}

/** One event whose append has exactly this size. */
export function sized(bytes: number): NewEvent[] {
  const event = anEvent({ data: { fill: '' } });
  return [{ ...event, data: { fill: 'x'.repeat(bytes - appendBytes([event])) } }];
}

/** The events that it appended. */
export async function appended(store: EventStore, stream: string, expected: ExpectedRevision, count: number): Promise<NewEvent[]> {
  const events = someEvents(count);
  await store.append(stream, expected, events);
  return events;
}

export function faultOf(work: Promise<unknown>): Promise<StoreError> {
  return work.then(
    () => {
      throw new Error('it was accepted');
    },
    (error) => error as StoreError,
  );
}

/** A stream of its own for each test. */
export function aStream(): string {
  return `Thing-contract.${randomUUID()}`;
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const idsOf = (events: readonly NewEvent[]): string[] => events.map(({ id }) => id);

/** The number of events of each append. */
export const sizesOf = (appends: readonly Append[]): number[] => appends.map(({ events }) => events.length);

/** A subscription that writes down what it was told. */
export type Recording = {
  readonly appends: Append[];
  /** Of all appends. */
  readonly events: RecordedEvent[];
  readonly caughtUp: Position[];
  readonly resumed: Error[];
  readonly ended: Error[];
  readonly subscription: Subscription;
};

export function record(store: EventStore, options: SubscribeOptions, onAppend?: (append: Append) => void | Promise<void>): Recording {
  const appends: Append[] = [];
  const events: RecordedEvent[] = [];
  const caughtUp: Position[] = [];
  const resumed: Error[] = [];
  const ended: Error[] = [];
  const subscription = store.subscribe(options, {
    onAppend: (append) => {
      appends.push(append);
      events.push(...append.events);
      return onAppend?.(append);
    },
    onCaughtUp: (position) => void caughtUp.push(position),
    onResumed: (cause) => void resumed.push(cause),
    onEnded: (cause) => void ended.push(cause),
  });
  return { appends, events, caughtUp, resumed, ended, subscription };
}
