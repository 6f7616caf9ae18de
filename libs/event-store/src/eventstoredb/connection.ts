/**
 * One client for each URL of a process, however many stores are opened (eventstoredb E-33): a broken connection of one client
 * disturbs the others.
 */
import { EventStoreDBClient } from '@eventstore/db-client';
import { InvalidArgumentError } from '../errors.ts';

/** The client's own default is twice 10 s, during which a frozen server is waited for (E-31, E-35). */
const KEEP_ALIVE_MS = 5_000;

type Shared = { readonly client: EventStoreDBClient; users: number };
const connections = new Map<string, Shared>();

/** Dials nothing: the first call does (E-1). Throws InvalidArgumentError for a URL that cannot be read. */
export function acquireClient(url: string): { client: EventStoreDBClient; release: () => Promise<void> } {
  const text = toConnectionString(url);
  const shared = connections.get(text) ?? { client: newClient(text), users: 0 };
  connections.set(text, shared);
  shared.users++;
  return {
    client: shared.client,
    release: async () => {
      if (--shared.users > 0) return;
      connections.delete(text);
      await hangUp(shared.client);
    },
  };
}

/**
 * Cancels what is under way and closes the channel, which `dispose` leaves open. What `dispose` waits for is not awaited: a cancelled read
 * that somebody left with data on its way never tells that it ended.
 */
async function hangUp(client: EventStoreDBClient): Promise<void> {
  client.dispose().catch(() => {});
  const { getChannel } = client as unknown as { getChannel(): Promise<{ close(): void }> };
  await getChannel().then(
    (channel) => channel.close(),
    () => {}, // It never found a server.
  );
}

/** The client knows `esdb` only; KurrentDB is the same server under a newer name. Reads go where writes go unless the URL says otherwise (E-37). */
export function toConnectionString(url: string): string {
  const match = /^(esdb|kurrentdb|kdb)(\+discover)?:\/\/([^?]*)\??(.*)$/.exec(url);
  if (match === null) throw new InvalidArgumentError(`event store URL "${withoutPassword(url)}" is not esdb://… or kurrentdb://…`);
  const [, , discover = '', hosts = '', query = ''] = match;
  const options = new Map(
    query
      .split('&')
      .filter((part) => part !== '')
      .map((part) => {
        const [key = '', value = ''] = part.split('=');
        return [key.toLowerCase().replace(/[_-]/g, ''), [key, value] as const];
      }),
  );
  const preset = (key: string, value: string) => {
    if (!options.has(key.toLowerCase())) options.set(key.toLowerCase(), [key, value]);
  };
  preset('keepAliveInterval', String(KEEP_ALIVE_MS));
  preset('keepAliveTimeout', String(KEEP_ALIVE_MS));
  if (discover !== '' || hosts.includes(',')) preset('nodePreference', 'leader');
  return `esdb${discover}://${hosts}?${[...options.values()].map(([key, value]) => `${key}=${value}`).join('&')}`;
}

function newClient(text: string): EventStoreDBClient {
  const { warn } = console;
  try {
    console.warn = () => {}; // It warns of any keep-alive below 10 s, each time.
    return EventStoreDBClient.connectionString(text);
  } catch (cause) {
    throw new InvalidArgumentError(
      `event store URL "${withoutPassword(text)}": ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  } finally {
    console.warn = warn;
  }
}

export function withoutPassword(url: string): string {
  return url.replace(/(:\/\/[^:@/]+):[^@/]*@/, '$1:***@');
}
