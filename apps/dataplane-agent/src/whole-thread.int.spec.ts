/** The whole thread in memory: commands, log, control loops, projection, rows, agents, simulated kernels; only the doors are missing. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTEXTS, type Context, type Folded, type JsonObject, type Reply } from '@weft/api';
import { createMemoryHub } from '@weft/bus';
import { createMemoryStore } from '@weft/event-store';
import {
  compile,
  type EndpointRow,
  evaluateIn,
  type HostRow,
  type PlacementRow,
  policyTables,
  projectionsOf,
  routingTables,
  type Tables,
} from '@weft/fabric';
import { SimulatedKernel } from '@weft/linux';
import { type ContextRuntime, createContextRuntime, createPlatform, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { createAgent, type RunningAgent } from './dataplane-agent.ts';
import { quietLog } from './testing/fabric-bench.ts';
import { text } from './testing/test-kernel.ts';

type Kernel = Readonly<{ host: string; kernel: SimulatedKernel; agent: RunningAgent }>;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function given() {
  const directory = await mkdtemp(join(tmpdir(), 'weft-agent-'));
  ends.push(() => rm(directory, { recursive: true }));
  const hub = createMemoryHub();
  const store = await createMemoryStore();
  const bus = hub.connect('services');
  const platform = createPlatform({ store, bus, log: quietLog, domains: weftDomains });
  const runtimes = new Map<Context, ContextRuntime>();
  for (const context of CONTEXTS) {
    const runtime = createContextRuntime(platform, { context, projections: projectionsOf(context) });
    runtimes.set(context, runtime);
    for (const part of runtime.parts) await part.start();
    ends.push(async () => {
      for (const part of [...runtime.parts].reverse()) await part.stop();
    });
  }
  await platform.follower.start();
  ends.push(() => platform.follower.stop());
  const { client, projector } = runtimes.get('network')!;
  const actor = { user: 'test', verified: false };

  const send = async (command: Parameters<typeof client.send>[0]): Promise<Reply & { ok: true }> => {
    const reply = await client.send(command, { requestId: randomUUID(), actor });
    if (!reply.ok) throw new Error(`${JSON.stringify(command)}: ${reply.status.message}`);
    return reply;
  };
  const create = (kind: string, apiVersion: string, name: string, spec: JsonObject, namespace?: string) => {
    const metadata = namespace === undefined ? { name } : { name, namespace };
    const object = { apiVersion, kind, metadata, spec };
    return send({ verb: 'create', kind, ...(namespace === undefined ? {} : { namespace }), object });
  };
  const startAgent = async (host: string, kernel = new SimulatedKernel(), n = 1): Promise<Kernel> => {
    const agent = await createAgent(
      { ...platform, bus: hub.connect(host), storeId: async () => store.storeId },
      { host, driver: 'simulated', underlay: `fd00::${n}`, kernel, directory },
    );
    ends.push(() => agent.stop());
    return { host, kernel, agent };
  };
  const states = () => ['Network', 'NetworkInterface', 'Host'].flatMap((kind) => [...platform.follower.list(kind)]);
  const nic = (name: string) => platform.follower.get({ kind: 'NetworkInterface', namespace: 'default', name });
  return { platform, projector, send, create, startAgent, states, nic, store, hub };
}

function tablesOf(states: readonly Folded[]): Tables {
  return new Map([...routingTables(states), ...policyTables(states)]);
}

/** What each kernel should hold, from the states of the log alone. */
function expected(tables: Tables, name: string): string {
  const rows = <R>(table: string) => (tables.get(table as 'hosts') ?? new Map()) as ReadonlyMap<string, R>;
  const { host, index, underlay } = rows<HostRow>('hosts').get(name)!;
  const endpoints = new Map<number, ReadonlyMap<string, EndpointRow>>();
  for (const table of tables.keys()) if (table.startsWith('endpoints.')) endpoints.set(Number(table.slice(10)), rows(table));
  const placements = rows<PlacementRow>(`placements.${name}`);
  return text(compile({ host, index, underlay }, { hosts: rows('hosts'), placements, endpoints, others: tables }, () => true));
}

describe('the whole thread', () => {
  it('goes from manifests to kernels, and back to Available', async () => {
    const { platform, projector, create, send, startAgent, states, nic } = await given();
    await until('the owners hold their partitions', () => platform.follower.caughtUp);
    await create('Namespace', 'v1', 'default', {});
    const kernels = [await startAgent('a', undefined, 1), await startAgent('b', undefined, 2)];
    await until('two hosts', () => [...platform.follower.list('Host')].length === 2);
    await create('Network', 'networking.ironcore.dev/v1alpha1', 'red', {}, 'default');
    await create('Network', 'networking.ironcore.dev/v1alpha1', 'blue', {}, 'default');
    for (const [name, network, host, ip] of [
      ['red-1', 'red', 'a', '10.0.0.1'],
      ['red-2', 'red', 'b', '10.0.0.2'],
      ['blue-1', 'blue', 'a', '10.0.0.1'],
      ['blue-2', 'blue', 'b', '10.0.0.2'],
    ] as const) {
      const spec = { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
      await create('NetworkInterface', 'networking.ironcore.dev/v1alpha1', name, spec, 'default');
      const slots = [{ name: 'primary', networkInterfaceRef: { name } }];
      const machine = { machineClassRef: { name: 'small' }, machinePoolRef: { name: host }, networkInterfaces: slots };
      await create('Machine', 'compute.ironcore.dev/v1alpha1', `m-${name}`, machine, 'default');
    }
    const names = ['red-1', 'red-2', 'blue-1', 'blue-2'];
    await until('all available', () => names.every((name) => nic(name)?.object.status?.['state'] === 'Available'));

    const settled = () => {
      const tables = tablesOf(states());
      return kernels.every(({ host, kernel }) => text(kernel.objects) === expected(tables, host));
    };
    await until('kernels as the log says', settled);
    const published = [...projector.tables].filter(([, { rows }]) => rows.size > 0).map(([table, { rows }]) => [table, rowsText(rows)]);
    const recomputed = [...routingTables(states())].map(([table, rows]) => [table, rowsText(rows)]);
    expect(published.sort()).toEqual(recomputed.sort());

    const uid = (name: string) => nic(name)!.object.metadata.uid;
    const tables = tablesOf(states());
    const sent = (from: string) => evaluateIn(tables, { from: uid(from), protocol: 'UDP', dst: '10.0.0.2' }).paths[0];
    expect(sent('red-1')).toMatchObject({ outcome: 'delivered', to: uid('red-2') });
    expect(sent('blue-1')).toMatchObject({ outcome: 'delivered', to: uid('blue-2') });

    await send({ verb: 'delete', key: { kind: 'NetworkInterface', namespace: 'default', name: 'red-2' } });
    await until(
      'its route is gone',
      () => ![...kernels[0]!.kernel.objects.values()].some((object) => object.kind === 'route' && object.vni === vniOf('red')),
    );
    function vniOf(network: string): unknown {
      return platform.follower.get({ kind: 'Network', namespace: 'default', name: network })?.facts['vni'];
    }
    await until('kernels as the log says', settled);
    await until('host b holds one network', () => Object.keys(heldBy('b')).length === 1);
    function heldBy(host: string): object {
      return (platform.follower.get({ kind: 'Host', name: host })?.facts['held'] ?? {}) as object;
    }
    for (const { agent } of kernels) await until(`${agent.name} has no problems`, () => agent.problems().length === 0);
  });

  it('programs what was created while its agent was down, and writes nothing else', async () => {
    const { platform, create, startAgent, states, nic } = await given();
    await until('the log is read', () => platform.follower.caughtUp);
    await create('Namespace', 'v1', 'default', {});
    const first = await startAgent('a');
    await until('a host', () => [...platform.follower.list('Host')].length === 1);
    await create('Network', 'networking.ironcore.dev/v1alpha1', 'red', {}, 'default');
    const add = async (name: string, ip: string) => {
      const spec = { networkRef: { name: 'red' }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
      await create('NetworkInterface', 'networking.ironcore.dev/v1alpha1', name, spec, 'default');
      const slots = [{ name: 'primary', networkInterfaceRef: { name } }];
      await create(
        'Machine',
        'compute.ironcore.dev/v1alpha1',
        `m-${name}`,
        { machinePoolRef: { name: 'a' }, networkInterfaces: slots },
        'default',
      );
    };
    await add('one', '10.0.0.1');
    await until('one is available', () => nic('one')?.object.status?.['state'] === 'Available');
    await first.agent.stop();
    await add('two', '10.0.0.2');
    const { writes } = first.kernel;
    await until('two is placed', () => nic('two')?.facts['placement'] !== undefined);
    expect(first.kernel.writes).toBe(writes);
    await startAgent('a', first.kernel);
    await until('two is available', () => nic('two')?.object.status?.['state'] === 'Available');
    expect(text(first.kernel.objects)).toBe(expected(tablesOf(states()), 'a'));
    expect(first.kernel.writes).toBeLessThanOrEqual(writes + 4); // The port, its link, and its class for each direction.
  });
});

describe('What rests until hosts have applied that it is gone', () => {
  it('goes without anything else happening: the slots of a NAT gateway, and an import of a peer', async () => {
    const { platform, create, send, startAgent, nic } = await given();
    await until('the log is read', () => platform.follower.caughtUp);
    await create('Namespace', 'v1', 'default', {});
    await startAgent('a');
    await until('a host', () => [...platform.follower.list('Host')].length === 1);
    const peerings = (name: string) => ({ peerings: [{ name, networkRef: { name } }] });
    await create('Network', 'networking.ironcore.dev/v1alpha1', 'red', peerings('blue'), 'default');
    await create('Network', 'networking.ironcore.dev/v1alpha1', 'blue', peerings('red'), 'default');
    await create('AddressPool', 'fabric.weft.dev/v1alpha1', 'default', { prefixes: ['203.0.113.0/30'] });
    const gateway = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'red' }, portsPerNetworkInterface: 1_024 };
    await create('NATGateway', 'networking.ironcore.dev/v1alpha1', 'out', gateway, 'default');
    const spec = { networkRef: { name: 'red' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] };
    await create('NetworkInterface', 'networking.ironcore.dev/v1alpha1', 'one', spec, 'default');
    const machine = { machinePoolRef: { name: 'a' }, networkInterfaces: [{ name: 'one', networkInterfaceRef: { name: 'one' } }] };
    await create('Machine', 'compute.ironcore.dev/v1alpha1', 'one', machine, 'default');
    const host = () => (platform.follower.get({ kind: 'Host', name: 'a' })?.facts ?? {}) as Readonly<Record<string, object>>;
    const slots = () => platform.follower.records('nat-slots').size;
    await until('all is there', () => nic('one')?.object.status?.['state'] === 'Available' && slots() === 1);
    await until('the peer is imported', () => Object.values(host()['imported'] ?? {}).includes('used'));
    await until('the host has applied it', () => ['nat', 'imports.a'].every((table) => table in (host()['applied'] ?? {})));
    const key = { kind: 'NATGateway', namespace: 'default', name: 'out' };
    await send({ verb: 'delete', key });
    await until('the gateway is gone', () => platform.follower.get(key)?.status !== 'live');
    await send({ verb: 'patch', key: { ...key, kind: 'Network', name: 'blue' }, patchType: 'merge', patch: { spec: { peerings: null } } });
    await until('the import is gone', () => host()['imported'] === undefined);
  });
});

function rowsText(rows: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
}
