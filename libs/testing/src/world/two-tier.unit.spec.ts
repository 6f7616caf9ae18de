/** The application of the README's tour, `demo/two-tier.yaml`: each object comes to the status that the README shows. */
import { readFileSync } from 'node:fs';
import { conditionOf, type Folded, type JsonObject, type ObjectKey, presentationOf } from '@weft/api';
import { parseAllDocuments } from 'yaml';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const FILE = new URL('../../../../demo/two-tier.yaml', import.meta.url);
const manifests = parseAllDocuments(readFileSync(FILE, 'utf8').replaceAll('<host>', 'host-a')).map((each) => each.toJS() as JsonObject);
const POOL = { kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes: ['203.0.113.0/24'] } };

describe.each([1, 2, 3, 4])('The two-tier application, loops in the order of seed %i', (seed) => {
  let world: World;
  let agent: WorldAgent;
  const keyOf = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'default', name });
  const statusOf = (kind: string, name: string) => (world.object(keyOf(kind, name))?.status ?? {}) as Readonly<Record<string, unknown>>;
  const condition = (kind: string, name: string, type: string) => conditionOf(world.object(keyOf(kind, name))!, type);
  const served = (kind: string, name: string) => {
    const [state, module] = [world.get(keyOf(kind, name)), world.registry.kind(kind)];
    return state && module && presentationOf(module, state).whole;
  };

  const warnings = () => [...world.fold.records('event-warnings')].map(([, record]) => (record as Folded).object);

  beforeAll(() => {
    world = new World({ seed, duplicates: 0.3, lag: 0.2, conflicts: 0.1 });
    world.create({ kind: 'Namespace', metadata: { name: 'default' } });
    world.create(POOL);
    agent = new WorldAgent(world, 'host-a', '192.0.2.1');
    agent.register();
    // In another order for each seed: any order must do.
    for (let i = 0; i < manifests.length; i++) {
      const manifest = manifests[(i * 5 + seed) % manifests.length] as JsonObject;
      world.create({ ...manifest, metadata: { ...(manifest['metadata'] as JsonObject), namespace: 'default' } });
    }
    agent.report();
    world.settle();
  });

  it('has its interfaces up', () => {
    for (const name of ['web-1', 'web-2', 'db', 'admin']) expect(statusOf('NetworkInterface', name)['state']).toBe('Available');
  });

  it('has both peerings bound; the shop exposes its databases alone', () => {
    const databases = { name: 'databases', prefix: '10.0.2.0/24' };
    expect(statusOf('Network', 'shop')['peerings']).toEqual([{ name: 'to-backup', state: 'Ready', phase: 'Bound', prefixes: [databases] }]);
    expect(statusOf('Network', 'backup')['peerings']).toEqual([{ name: 'to-shop', state: 'Ready', phase: 'Bound' }]);
  });

  it('has both web servers behind the balancer, which has a public address', () => {
    expect(statusOf('LoadBalancer', 'web')['ips']).toEqual([expect.stringMatching(/^203\.0\.113\./)]);
    const { destinations = [] } = served('LoadBalancerRouting', 'web') as { destinations?: readonly { ip: string }[] };
    expect(destinations.map(({ ip }) => ip).sort()).toEqual(['10.0.1.1', '10.0.1.2']);
    expect(condition('LoadBalancer', 'web', 'TargetsSelected')?.status).toBe('True');
  });

  it('lets the web servers alone reach the database, at its port', () => {
    const rule = served('NetworkPolicyRule', 'db') as unknown as Readonly<Record<string, unknown>>;
    expect(rule['policyTypes']).toEqual(['Ingress']);
    expect(rule['targets']).toMatchObject([{ ip: '10.0.2.1' }]);
    const ips = ['10.0.1.1/32', '10.0.1.2/32'].map((prefix) => ({ ipFamily: 'IPv4', prefix }));
    expect(rule['ingressRule']).toEqual([{ ips: expect.arrayContaining(ips), networkPolicyPorts: [{ protocol: 'TCP', port: 5432 }] }]);
  });

  it('gives the interface that names it the VirtualIP, and all others ports of the gateway', () => {
    const ip = statusOf('VirtualIP', 'admin')['ip'];
    expect(statusOf('NetworkInterface', 'admin')['virtualIP']).toBe(ip);
    expect(statusOf('NATGateway', 'way-out')['ips']).toEqual([{ name: 'ip1', ip: expect.stringMatching(/^203\.0\.113\./) }]);
    const uid = (name: string) => world.object(keyOf('NetworkInterface', name))?.metadata.uid ?? '';
    const hasPorts = (name: string) => world.fold.record('nat-slots', uid(name)) !== undefined;
    expect(['web-1', 'web-2', 'db', 'admin'].map(hasPorts)).toEqual([true, true, true, false]);
  });

  it('warns of nothing while it comes up: what waits for what has yet to be applied says so in notices', () => {
    expect(warnings()).toEqual([]);
    expect(world.fold.records('event-notices').size).toBeGreaterThan(0);
  });

  it('goes as it came, in any order, without a warning', () => {
    for (const { kind, metadata } of manifests) {
      const key = keyOf(kind as string, (metadata as { name: string }).name);
      world.send({ verb: 'delete', key });
    }
    world.settle();
    // Ports and addresses rest until the host has applied that they are gone.
    agent.report();
    world.pass(600_000);
    const left = manifests.filter(
      ({ kind, metadata }) => world.get(keyOf(kind as string, (metadata as { name: string }).name))?.status === 'live',
    );
    expect(left.map(({ kind }) => kind)).toEqual([]);
    expect(warnings()).toEqual([]);
  });
});
