/** All services and a gateway in this process, with store and bus in memory: what a verb may ask over HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Append, positionOfVersion } from '@weft/api';
import { type Bus, createMemoryBus } from '@weft/bus';
import { createAgent } from '@weft/dataplane-agent';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { createGateway } from '@weft/gateway';
import { createIpamService } from '@weft/ipam-svc';
import { createLbService } from '@weft/lb-svc';
import { SimulatedKernel } from '@weft/linux';
import { createNetworkService } from '@weft/network-svc';
import { createPolicyService } from '@weft/policy-svc';
import { createPlatform, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { run } from '../cli/program.ts';
import { textTerminal } from './text-terminal.ts';

export type Outcome = Readonly<{ code: number; said: string; complained: string }>;
export type Fabric = Readonly<{
  url: string;
  store: EventStore;
  bus: Bus;
  /** Creates an object; resolves with the position of its answer. Its namespace is in the path. */
  create: (path: string, object: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Creates an interface of a network, labelled `app: <its name>`, and a Machine of its name that attaches it to a host. */
  attach: (network: string, name: string, host: string, ip: string) => Promise<void>;
  /** Asks until the answer is as wanted. */
  once: (path: string, isWanted: (object: Record<string, never>) => boolean) => Promise<void>;
  /** Starts an agent with a simulated kernel, which it gives with how to stop the agent. */
  startAgent: (host: string, underlay: string) => Promise<Readonly<{ kernel: SimulatedKernel; stop: () => Promise<void> }>>;
  /** Runs `weft` with these words against it. */
  weft: (...words: string[]) => Promise<Outcome>;
  stop: () => Promise<void>;
}>;

export const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default';
const COMPUTE = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default';

/** `log`: what has happened before. */
export async function startFabric(log: readonly Append[] = [], config: Parameters<typeof createGateway>[1] = {}): Promise<Fabric> {
  const store = await createMemoryStore({ positionStep: 3 });
  await writeLog(store, log);
  const bus = createMemoryBus();
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const platform = createPlatform({ store, bus, log: quiet, domains: weftDomains, alone: true });
  const creators = [createNetworkService, createIpamService, createLbService, createPolicyService];
  const services = await Promise.all(creators.map((create) => create(platform)));
  const gateway = await createGateway(platform, { port: 0, ...config });
  await platform.follower.start();
  const { url } = gateway;
  const agents: (() => Promise<void>)[] = [];
  /** Of what agents remember: one that starts again is the same one. */
  let directory: string | undefined;
  const request = async (method: string, path: string, body?: unknown) => {
    const headers = { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) };
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return { code: response.status, json: (await response.json()) as Record<string, never> };
  };
  await until('readiness', async () => (await request('GET', '/readyz')).code === 200);
  const create: Fabric['create'] = async (path, object) => {
    const { code, json } = await request('POST', path, object);
    if (code !== 201) throw new Error(`POST ${path}: ${code} ${JSON.stringify(json)}`);
    return `${positionOfVersion((json as unknown as { metadata: { resourceVersion: string } }).metadata.resourceVersion)}`;
  };
  return {
    url,
    store,
    bus,
    create,
    attach: async (network, name, host, ip) => {
      const spec = { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
      await create(`${NETWORKING}/networkinterfaces`, { metadata: { name, labels: { app: name } }, spec });
      const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
      await create(`${COMPUTE}/machines`, { metadata: { name }, spec: { machinePoolRef: { name: host }, networkInterfaces } });
    },
    once: async (path, isWanted) => {
      await until(path, async () => isWanted((await request('GET', path)).json));
    },
    startAgent: async (host, underlay) => {
      directory ??= await mkdtemp(join(tmpdir(), 'weft-agent-'));
      const kernel = new SimulatedKernel();
      const agent = await createAgent(
        { ...platform, storeId: async () => store.storeId },
        { host, driver: 'simulated', underlay, kernel, directory },
      );
      let stopped: Promise<void> | undefined;
      const stop = () => (stopped ??= agent.stop());
      agents.push(stop);
      return { kernel, stop };
    },
    weft: async (...words) => {
      const terminal = textTerminal({ WEFT_SERVER: url });
      const code = await run(words, terminal);
      return { code, said: terminal.said(), complained: terminal.complained() };
    },
    stop: async () => {
      for (const stop of agents) await stop();
      if (directory !== undefined) await rm(directory, { recursive: true });
      await gateway.stop();
      for (const service of services) await service.stop();
      await platform.follower.stop();
      await platform.eventLoop.stop();
      await bus.close();
      await store.close();
    },
  };
}

/** As it was written somewhere else. */
export async function writeLog(store: EventStore, log: readonly Append[]): Promise<void> {
  for (const { stream, events } of log) {
    const before = (events[0]?.revision ?? 0n) - 1n;
    await store.append(stream, before < 0n ? 'none' : before, events);
  }
}
