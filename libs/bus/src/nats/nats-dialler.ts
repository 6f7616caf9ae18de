/** Connects to one of the target's NATS servers. */
import { connect } from '@nats-io/transport-node';
import type { Clock, Random } from '@weft/api';
import type { BusLog } from '../log.ts';
import { readGreeting } from './greeting.ts';
import { NatsLink, type NatsLinkOptions } from './nats-link.ts';
import { addressText, type NatsServerAddress, type NatsTarget, parseServer } from './target.ts';

export type DiallerOptions = Readonly<{
  /** Asked at each dial: the child server's port and token are in a file and may have changed. May throw; that counts as a failed dial. */
  target: () => NatsTarget | Promise<NatsTarget>;
  /** Shown by the server's monitoring. */
  name: string;
  clock: Clock;
  random: Random;
  log: BusLog;
  /** For one server's greeting, and again for the handshake. */
  dialMs: number;
  link: NatsLinkOptions;
}>;

/** A link, or why there is none, for people. */
export type Dialled = Readonly<{ link: NatsLink }> | Readonly<{ problem: string }>;

/** Tries each server once, in random order, unless `isGivenUp` meanwhile. Never rejects. */
export async function dial(options: DiallerOptions, isGivenUp: () => boolean): Promise<Dialled> {
  let problem = 'no server is configured';
  try {
    const { servers, token } = await options.target();
    for (const server of shuffled(servers, options.random)) {
      if (isGivenUp()) break;
      try {
        return { link: await dialOne(parseServer(server), token, options) };
      } catch (error) {
        problem = textOf(error);
        options.log.debug({ err: error }, 'could not connect to a bus server');
      }
    }
  } catch (error) {
    problem = textOf(error);
  }
  return { problem };
}

async function dialOne(address: NatsServerAddress, token: string | undefined, options: DiallerOptions): Promise<NatsLink> {
  const server = addressText(address);
  // First a connection that we can cut: the library leaves its socket open when a frozen server never greets. TLS servers may wait for the client to speak first.
  if (!address.tls) await readGreeting(address.host, address.port, options.dialMs, options.clock);
  const { user, pass } = address;
  const tokenOrNone = address.token ?? (user === undefined ? token : undefined);
  const nc = await connect({
    servers: [server],
    name: options.name,
    reconnect: false,
    timeout: options.dialMs,
    ignoreClusterUpdates: true,
    pingInterval: 2 ** 30, // NatsLink pings.
    ...(tokenOrNone === undefined ? {} : { token: tokenOrNone }),
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(address.tls ? { tls: {} } : {}),
  });
  return new NatsLink(nc, server, options.link);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
