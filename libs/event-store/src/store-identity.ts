/** The store's own id: data of the first event of stream `Store-.id`. Whoever opens an empty store first writes it; the others read it. */
import { randomUUID } from 'node:crypto';
import { type Clock, type NewEvent, systemClock } from '@weft/api';
import { DamagedError, InvalidArgumentError, WrongRevisionError } from './errors.ts';
import type { EventStore } from './port.ts';

export const STORE_STREAM = 'Store-.id';
export const STORE_CREATED = 'StoreCreated.v1';

/** What a store needs from its surroundings; default: the machine's. */
export type Surroundings = Readonly<{
  clock?: Clock;
  /** Makes random UUIDs. */
  ids?: () => string;
  /** With which an empty store begins; default: an identity of its own. */
  first?: NewEvent;
  /** Nothing is written: a store without a log is refused, and so are appends to an embedded one. */
  readOnly?: boolean;
}>;

/** Reads the id, or writes one. Safe for several processes that open an empty store at once. `where` the store is, for refusals. */
export async function storeIdentity(
  store: Pick<EventStore, 'append' | 'readStream'>,
  where: string,
  surroundings: Surroundings = {},
): Promise<string> {
  const known = await readIdentity(store);
  if (known !== undefined) return known;
  if (surroundings.readOnly) throw new InvalidArgumentError(`there is no event log in ${where}: name the store that holds one`);
  const { clock = systemClock, ids = randomUUID } = surroundings;
  const created = surroundings.first ?? storeCreated(ids(), ids(), ids(), clock.now());
  try {
    const { id, type, data, metadata } = created;
    await store.append(STORE_STREAM, 'none', [{ id, type, data, metadata }]);
    return idOf(created);
  } catch (error) {
    if (!(error instanceof WrongRevisionError)) throw error;
    const others = await readIdentity(store);
    if (others === undefined) throw error;
    return others;
  }
}

async function readIdentity(store: Pick<EventStore, 'readStream'>): Promise<string | undefined> {
  for await (const event of store.readStream(STORE_STREAM, { limit: 1 })) return idOf(event);
  return undefined;
}

function idOf(event: NewEvent): string {
  const { id } = event.data;
  if (event.type !== STORE_CREATED || typeof id !== 'string' || id === '') {
    throw new DamagedError(
      `stream "${STORE_STREAM}" does not begin with ${STORE_CREATED}: this log was not written by Weft; choose another store`,
    );
  }
  return id;
}

function storeCreated(id: string, eventId: string, requestId: string, now: Date): NewEvent {
  return {
    id: eventId,
    type: STORE_CREATED,
    data: { id },
    metadata: {
      actor: { user: 'system:store', verified: true },
      requestId,
      $correlationId: requestId,
      $causationId: requestId,
      time: now.toISOString(),
      append: { index: 0, count: 1 },
    },
  };
}
