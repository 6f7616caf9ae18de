/** One replica of the test domain's service on a given store and bus. */
import { randomUUID } from 'node:crypto';
import type { Actor, NewEvent, Reaction, Reply } from '@weft/api';
import type { Bus } from '@weft/bus';
import type { EventStore } from '@weft/event-store';
import { type CommandClient, createCommandClient, type SendOptions } from '../client/command-client.ts';
import { LogFollower } from '../follower/follower.ts';
import type { LeaseTiming } from '../lease/lease-table.ts';
import { Leases } from '../lease/leases.ts';
import type { Clock, Logger } from '../platform.ts';
import { createRouting, type Routing } from '../runtime/routing.ts';
import type { ObjectCommand } from '../writer/machinery.ts';
import { PartitionWriter } from '../writer/partition-writer.ts';
import { ThingFold, thingDomain, things } from './things.ts';

export const systemClock: Clock = { now: () => new Date(), monotonicMs: () => performance.now() };
export const tester: Actor = { user: 'tester', verified: false };

export function quietLog(): Logger & { lines: string[] } {
  const lines: string[] = [];
  const line = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { err?: Error };
    lines.push(`${level} ${message}${err === undefined ? '' : `: ${err.message}`}`);
  };
  return { lines, debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') };
}

export type Replica = Readonly<{
  name: string;
  follower: LogFollower;
  leases: Leases;
  writer: PartitionWriter;
  client: CommandClient;
  routing: Routing;
  log: ReturnType<typeof quietLog>;
  send: (command: ObjectCommand, options?: Partial<SendOptions>) => Promise<Reply>;
  stop: () => Promise<void>;
}>;

export type ReplicaOptions = Readonly<{
  store: EventStore;
  bus: Bus;
  clock?: Clock;
  name?: string;
  timing?: LeaseTiming;
  inFlightMax?: number;
  reactions?: readonly Reaction[];
}>;

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { store, bus, clock = systemClock, name = randomUUID(), timing, inFlightMax } = options;
  const log = quietLog();
  const routing = createRouting([thingDomain(options.reactions)]);
  const follower = new LogFollower({ store, fold: new ThingFold(), clock, log });
  await follower.start();
  await follower.whenCaughtUp();
  const leases = new Leases({ context: 'network', replica: name, bus, clock, log, ...(timing && { timing }) });
  const writer = new PartitionWriter({
    context: 'network',
    store,
    bus,
    clock,
    log,
    follower,
    routing,
    machinery: things,
    leases,
    ...(inFlightMax !== undefined && { inFlightMax }),
  });
  leases.add(writer);
  await writer.start();
  await leases.start();
  const client = createCommandClient({ bus, routing, clock });
  return {
    name,
    follower,
    leases,
    writer,
    client,
    routing,
    log,
    send: (command, send) => client.send(command, { requestId: randomUUID(), actor: tester, ...send }),
    stop: async () => {
      await leases.stop();
      await writer.stop();
      await follower.stop();
    },
  };
}

export function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const look = async () => {
      if (await condition()) return resolve();
      if (performance.now() > deadline) return reject(new Error(`not within ${timeoutMs} ms: ${what}`));
      setTimeout(() => void look().catch(reject), 5);
      return undefined;
    };
    look().catch(reject);
  });
}

export async function makeNamespace(store: EventStore, name: string): Promise<void> {
  const id = randomUUID();
  const event: NewEvent = {
    id: randomUUID(),
    type: 'NamespaceCreated.v1',
    data: {},
    metadata: {
      uid: id,
      actor: tester,
      requestId: id,
      $correlationId: id,
      $causationId: id,
      time: new Date().toISOString(),
      append: { index: 0, count: 1 },
    },
  };
  await store.append(`Namespace-.${name}`, 'none', [event]);
}
