/** One replica of the test domain's service on a given store and bus. */
import { randomUUID } from 'node:crypto';
import {
  type Actor,
  type DomainModule,
  KnownStates,
  type Loop,
  type ObjectCommand,
  type Registry,
  type Reply,
  registry as registryOf,
  systemClock,
} from '@weft/api';
import type { Bus } from '@weft/bus';
import { type EventStore, liftingStore } from '@weft/event-store';
import { type CommandClient, createCommandClient, type SendOptions } from '../client/command-client.ts';
import { LogFollower } from '../follower/follower.ts';
import type { LeaseTiming } from '../lease/lease-table.ts';
import { Leases } from '../lease/leases.ts';
import type { Clock, Logger } from '../platform.ts';
import { PartitionWriter } from '../writer/partition-writer.ts';
import { namespaceCreated, thingDomain } from './things.ts';

export { systemClock };
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
  bus: Bus;
  follower: LogFollower;
  leases: Leases;
  writer: PartitionWriter;
  client: CommandClient;
  registry: Registry;
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
  loops?: readonly Loop[];
  known?: KnownStates;
  /** Default: the domain of Things. */
  domain?: DomainModule;
}>;

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { bus, clock = systemClock, name = randomUUID(), timing, inFlightMax, known = new KnownStates() } = options;
  const log = quietLog();
  const registry = registryOf([options.domain ?? thingDomain(options.loops)]);
  const store = liftingStore(options.store, registry);
  const follower = new LogFollower({ store, registry, clock, log, known });
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
    registry,
    known,
    ...(inFlightMax !== undefined && { inFlightMax }),
  });
  leases.add(writer);
  await writer.start();
  await leases.start();
  const client = createCommandClient({ bus, registry, clock });
  return {
    name,
    bus,
    follower,
    leases,
    writer,
    client,
    registry,
    log,
    send: (command, send) => client.send(command, { requestId: randomUUID(), actor: tester, ...send }),
    stop: async () => {
      await leases.stop();
      await writer.stop();
      await follower.stop();
    },
  };
}

export async function makeNamespace(store: EventStore, name: string): Promise<void> {
  await store.append(`Namespace-.${name}`, 'none', [namespaceCreated(name, randomUUID())]);
}
