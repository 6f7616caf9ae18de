/** Everything in one process: one store, one bus connection, one fold of the log for all services (DESIGN 6). */
import { type Bus, type NatsServer, startNatsServer } from '@weft/bus';
import { createAgent, type RunningAgent } from '@weft/dataplane-agent';
import { withoutPassword } from '@weft/event-store';
import { createGateway } from '@weft/gateway';
import { createIpamService } from '@weft/ipam-svc';
import { createLbService } from '@weft/lb-svc';
import { createNetworkService } from '@weft/network-svc';
import { createPolicyService } from '@weft/policy-svc';
import { type BusConfig, createPlatform, type Logger, openBus, openStore, replicaName, snapshotsIn, weftDomains } from '@weft/service';
import type { UpConfig } from './configuration.ts';
import { readableStartError } from './start-errors.ts';

export type Running = Readonly<{
  url: string;
  /** Empty when everything works. */
  problems: () => readonly string[];
  /** Ends everything that was started, in reverse order. A repeat waits for the first. */
  stop: () => Promise<void>;
}>;

/** Resolves when all of it was started (not yet when it is ready). Rejects with an error for people, having ended what had begun. */
export async function startAllInOne(config: UpConfig, log: Logger): Promise<Running> {
  const ends: (() => void | Promise<void>)[] = [];
  let nats: NatsServer | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    // First: a signal to the process group ends the server as well, and that is not to be logged as a fault.
    nats?.expectEnd();
    stopping ??= endAll(ends, log);
    return stopping;
  };
  try {
    const { bus: busConfig, store: storeConfig } = config.platform;
    const [store, server] = await both(
      openStore(storeConfig),
      busConfig.kind === 'child' ? startNatsServer({ directory: busConfig.directory, log }) : Promise.resolve(undefined),
    );
    nats = server;
    if (server !== undefined) ends.push(() => server.stop());
    ends.push(() => store.close());
    const bus = openBus(busConfig, 'weft', log);
    ends.push(() => bus.close());
    const { data, provider } = config.platform;
    // The lock of the data directory keeps others from its store, and the child server has a token of its own.
    const alone = storeConfig.kind === 'embedded' && busConfig.kind === 'child';
    const snapshots = snapshotsIn(data);
    const platform = createPlatform({ store, bus, log, domains: weftDomains, provider, replica: replicaName(), alone, snapshots });
    const { clock, ids, registry, figures } = platform;
    const services = await Promise.all(
      [createNetworkService, createIpamService, createLbService, createPolicyService].map((create) => create(platform)),
    );
    ends.push(() => platform.follower.stop());
    ends.push(() => Promise.all(services.map((service) => service.stop())).then(() => {}));
    let agent: RunningAgent | undefined;
    const agentProblems = () => (config.agent === undefined ? [] : (agent?.problems() ?? ['starting']));
    const beside = () => (config.agent === undefined ? [] : [{ name: 'dataplane-agent', problems: agentProblems() }]);
    const gateway = await createGateway(platform, config.gateway, { beside });
    ends.push(() => platform.eventLoop.stop());
    await platform.eventLoop.start();
    await platform.follower.start();
    // Before the services, which still carry out what it has accepted.
    ends.push(() => gateway.stop());
    const ofAgent = { bus, clock, ids, log, registry, figures, storeId: async () => store.storeId };
    if (config.agent) agent = await createAgent(ofAgent, config.agent);
    ends.push(() => agent?.stop());
    return {
      url: gateway.url,
      problems: () => [
        ...busProblems(bus, busConfig, server),
        ...platform.follower.problems(),
        ...platform.eventLoop.problems(),
        ...services.flatMap((service) => service.problems()),
        ...gateway.problems(),
        ...agentProblems(),
      ],
      stop,
    };
  } catch (error) {
    await stop();
    throw readableStartError(error, config);
  }
}

function busProblems(bus: Bus, config: BusConfig, server: NatsServer | undefined): readonly string[] {
  if (server?.problem !== undefined) return [`nats-server: ${server.problem}`];
  if (bus.connected) return [];
  return [
    config.kind === 'child'
      ? 'the bus is not connected'
      : `no bus answers at ${config.servers.map(withoutPassword).join(', ')} (WEFT_NATS)`,
  ];
}

/** Both results; when one fails, the other is ended before the promise rejects. */
async function both<A extends { close(): Promise<void> }, B extends { stop(): Promise<void> } | undefined>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  if (a.status === 'fulfilled') await a.value.close();
  if (b.status === 'fulfilled') await b.value?.stop();
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason;
}

async function endAll(ends: (() => void | Promise<void>)[], log: Logger): Promise<void> {
  for (const end of ends.splice(0).reverse()) {
    try {
      await end();
    } catch (error) {
      log.warn({ err: error }, 'a part did not end cleanly');
    }
  }
}
