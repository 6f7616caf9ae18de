/** A gateway with a real writer, fold, store and bus, all in memory and in this process, over real HTTP on loopback. */
import { randomUUID } from 'node:crypto';
import type { Context, DomainModule, Provider } from '@weft/api';
import { type Bus, createMemoryBus, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { createCommandClient, createContextRuntime, createPlatform, type LogFollower, type Logger, type Platform } from '@weft/service';
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
  provider?: Provider;
  config?: Partial<GatewayConfig>;
  store?: EventStore;
  bus?: Bus;
  options?: GatewayOptions;
  /** Wraps what the gateway sees of the store. */
  gatewayStore?: (store: EventStore) => EventStore;
}>;

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
  const parts = { store, bus, log, domains, ...(given.provider && { provider: given.provider }) };
  const owner = createPlatform(parts);
  const { follower, clock, registry } = owner;
  const contexts: Context[] = [...new Set(domains.map(({ context }) => context))];
  const runtimes = contexts.map((context) => createContextRuntime(owner, { context }));
  for (const { parts: own } of runtimes) for (const part of own) await part.start();
  const health = bus.serve(subjects.health('network-svc'), () => Buffer.from(JSON.stringify({ problems: [] })));
  const platform: Platform = { ...owner, store: given.gatewayStore?.(owner.store) ?? owner.store };
  const config = { port: 0, services: ['network-svc'], ...given.config };
  const gateway = await createGateway(platform, config, given.options);
  await follower.start();
  await follower.whenCaughtUp();
  const client = createCommandClient({ bus, registry, clock });
  const reply = await client.send(
    { verb: 'create', kind: 'Namespace', object: { metadata: { name: 'default' } } },
    { requestId: randomUUID(), actor: { user: 'system:test', verified: true } },
  );
  if (!reply.ok && reply.status.reason !== 'AlreadyExists') throw new Error(`no default namespace: ${reply.status.message}`);
  if (reply.ok) await follower.waitFor(BigInt(reply.position), 20_000);

  let writing = true;
  const stopWriters = async () => {
    if (!writing) return;
    writing = false;
    for (const { parts: own } of runtimes) for (const part of [...own].reverse()) await part.stop();
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
      const own = createPlatform(parts);
      const other = await createGateway(own, { ...config, ...more });
      await own.follower.start();
      await own.follower.whenCaughtUp();
      const stop = async () => {
        await other.stop();
        await own.follower.stop();
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

/** A store of which some methods are replaced. */
export function withMethods(store: EventStore, methods: Partial<EventStore>): EventStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
