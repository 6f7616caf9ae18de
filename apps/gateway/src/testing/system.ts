/** A gateway with a real writer, fold, store and bus, all in memory and in this process, over real HTTP on loopback. */
import { randomUUID } from 'node:crypto';
import { type Context, type DomainModule, registry as registryOf } from '@weft/api';
import { type Bus, createMemoryBus, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { type Clock, createCommandClient, Leases, LogFollower, type Logger, PartitionWriter, type Platform } from '@weft/service';
import type { GatewayConfig } from '../config.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../gateway.ts';
import { testDomain } from './test-domain.ts';

export type System = Readonly<{
  url: string;
  gateway: Gateway;
  platform: Platform;
  follower: LogFollower;
  log: readonly string[];
  /** Starts another gateway on the same store and bus, with a fold of its own. */
  another: (config?: Partial<GatewayConfig>) => Promise<{ gateway: Gateway; stop: () => Promise<void> }>;
  stopWriters: () => Promise<void>;
  stop: () => Promise<void>;
}>;

export type SystemOptions = Readonly<{
  domains?: readonly DomainModule[];
  config?: Partial<GatewayConfig>;
  store?: EventStore;
  bus?: Bus;
  options?: GatewayOptions;
  /** Wraps what the gateway sees of the store. */
  gatewayStore?: (store: EventStore) => EventStore;
}>;

const clock: Clock = { now: () => new Date(), monotonicMs: () => performance.now() };

export async function startSystem(given: SystemOptions = {}): Promise<System> {
  const { domains = [testDomain] } = given;
  const lines: string[] = [];
  const line = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { err?: Error };
    lines.push(`${level} ${message}${err === undefined ? '' : `: ${err.stack}`}`);
  };
  const log: Logger = { debug: () => {}, info: line('info'), warn: line('warn'), error: line('error') };
  const store = given.store ?? (await createMemoryStore({ positionStep: 3 }));
  const bus = given.bus ?? createMemoryBus();
  const registry = registryOf(domains);
  const follower = new LogFollower({ store, registry, log });
  await follower.start();
  await follower.whenCaughtUp();

  const contexts: Context[] = [...new Set(domains.map(({ context }) => context))];
  const writers = contexts.map((context) => {
    const leases = new Leases({ context, replica: randomUUID(), bus, clock, log });
    const writer = new PartitionWriter({ context, store, bus, clock, ids: { uuid: randomUUID }, log, follower, registry, leases });
    leases.add(writer);
    return { leases, writer };
  });
  for (const { leases, writer } of writers) {
    await writer.start();
    await leases.start();
  }
  const health = bus.serve(subjects.health('network-svc'), () => Buffer.from(JSON.stringify({ problems: [] })));

  const platform: Platform = {
    store: given.gatewayStore?.(store) ?? store,
    bus,
    clock,
    ids: { uuid: randomUUID },
    log,
    follower,
    domains,
    registry,
    stateDirectory: '',
  };
  const config = { port: 0, services: ['network-svc'], ...given.config };
  const gateway = await createGateway(platform, config, given.options);
  const client = createCommandClient({ bus, registry, clock });
  const reply = await client.send(
    { verb: 'create', kind: 'Namespace', object: { metadata: { name: 'default' } } },
    { requestId: randomUUID(), actor: { user: 'system:test', verified: true } },
  );
  if (!reply.ok && reply.status.reason !== 'AlreadyExists') throw new Error(`no default namespace: ${reply.status.message}`);
  if (reply.ok) await follower.waitFor(BigInt(reply.position), 5_000);

  let writing = true;
  const stopWriters = async () => {
    if (!writing) return;
    writing = false;
    for (const { leases, writer } of writers) {
      await leases.stop();
      await writer.stop();
    }
  };
  const others: (() => Promise<void>)[] = [];
  return {
    url: gateway.url,
    gateway,
    platform,
    follower,
    log: lines,
    stopWriters,
    another: async (more) => {
      const ownFollower = new LogFollower({ store, registry, log });
      await ownFollower.start();
      await ownFollower.whenCaughtUp();
      const other = await createGateway({ ...platform, follower: ownFollower }, { ...config, ...more });
      const stop = async () => {
        await other.stop();
        await ownFollower.stop();
      };
      others.push(stop);
      return { gateway: other, stop };
    },
    stop: async () => {
      for (const stop of others) await stop();
      await gateway.stop();
      await stopWriters();
      await health.stop();
      await follower.stop();
      await bus.close();
      await store.close();
    },
  };
}
