/**
 * One client for each URL of a process, however many stores are opened (eventstoredb E-33): a broken connection of one client
 * disturbs the others.
 */
import { EventStoreDBClient } from '@eventstore/db-client';
import { parseConnectionString } from '@eventstore/db-client/dist/Client/parseConnectionString.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { Timers } from '@weft/api';
import { InvalidArgumentError } from '../errors.ts';
import { withoutPassword } from '../without-password.ts';
import { Discovery } from './discovery.ts';

/** The client's own default is twice 10 s, during which a frozen server is waited for (E-31, E-35). */
const KEEP_ALIVE_INTERVAL_MS = 2_000;
const KEEP_ALIVE_TIMEOUT_MS = 3_000;
/** A node of a cluster that does not tell its members within this time is left out. */
const GOSSIP_TIMEOUT_S = 1;

type StreamsClient = streamsGrpc.StreamsClient;

/** What the client keeps for its own calls and their reconnects; version 6.2.1 is pinned for it. */
type Internals = {
  getGRPCClient(client: typeof streamsGrpc.StreamsClient, name: string): Promise<StreamsClient>;
  getChannel(): Promise<{ close(): void }>;
  handleError(client: StreamsClient, error: Error): Promise<void>;
  resolveUri: () => Promise<string>;
};

/** The way to the server that calls take which begin now. */
export type Line = Readonly<{
  /** False while no server has been found: nothing was sent. */
  isOpen: () => boolean;
  /** The next call looks for a server again, unless this was done since the line was taken. */
  giveUp: () => void;
}>;

export class Connection {
  readonly client: EventStoreDBClient;
  readonly #internals: Internals;
  readonly #discovery: Discovery | undefined;
  readonly #lost: () => void;
  users = 0;
  /** When the server last sent something, by the clock of whoever notes it. */
  heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(text: string, timers: Timers, lost: () => void) {
    const { client, options } = newClient(text);
    this.client = client;
    this.#lost = lost;
    this.#internals = client as unknown as Internals;
    if (!options.dnsDiscover && options.hosts.length < 2) return;
    const discovery = new Discovery(options, timers);
    this.#discovery = discovery;
    this.#internals.resolveUri = async () => {
      const { address, port } = await discovery.find();
      return `${address}:${port}`;
    };
  }

  line(): Line {
    let client: StreamsClient | undefined;
    this.#internals.getGRPCClient(streamsGrpc.StreamsClient, 'line').then(
      (found) => {
        client = found;
      },
      () => {}, // It was closed before a server was found.
    );
    return {
      isOpen: () => client !== undefined,
      giveUp: () => {
        const lost = Object.assign(new Error('No answer'), { code: 14, details: 'No answer' });
        if (client !== undefined) void this.#internals.handleError(client, lost).catch(() => {});
      },
    };
  }

  async release(): Promise<void> {
    if (--this.users > 0) return;
    this.#lost();
    this.#discovery?.stop();
    await this.#hangUp();
  }

  /**
   * Cancels what is under way and closes the channel, which `dispose` leaves open. What `dispose` waits for is not awaited: a cancelled read
   * that somebody left with data on its way never tells that it ended.
   */
  async #hangUp(): Promise<void> {
    this.client.dispose().catch(() => {});
    await this.#internals.getChannel().then(
      (channel) => channel.close(),
      () => {}, // It never found a server.
    );
  }
}

const connections = new Map<string, Connection>();

/** Dials nothing: the first call does (E-1). Throws InvalidArgumentError for a URL that cannot be read. */
export function acquireConnection(url: string, timers: Timers): Connection {
  const text = toConnectionString(url);
  const connection = connections.get(text) ?? new Connection(text, timers, () => connections.delete(text));
  connections.set(text, connection);
  connection.users++;
  return connection;
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
  const preset = (key: string, value: string | number) => {
    if (!options.has(key.toLowerCase())) options.set(key.toLowerCase(), [key, `${value}`]);
  };
  preset('keepAliveInterval', KEEP_ALIVE_INTERVAL_MS);
  preset('keepAliveTimeout', KEEP_ALIVE_TIMEOUT_MS);
  if (discover !== '' || hosts.includes(',')) {
    preset('nodePreference', 'leader');
    preset('gossipTimeout', GOSSIP_TIMEOUT_S);
  }
  return `esdb${discover}://${hosts}?${[...options.values()].map(([key, value]) => `${key}=${value}`).join('&')}`;
}

function newClient(text: string): Readonly<{ client: EventStoreDBClient; options: ReturnType<typeof parseConnectionString> }> {
  const { warn } = console;
  try {
    console.warn = () => {}; // It warns of any keep-alive below 10 s, each time.
    return { client: EventStoreDBClient.connectionString(text), options: parseConnectionString(text) };
  } catch (cause) {
    throw new InvalidArgumentError(
      `event store URL "${withoutPassword(text)}": ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  } finally {
    console.warn = warn;
  }
}
