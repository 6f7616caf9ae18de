/** Cases of a dataplane (provider 6.5), as far as rows and kernel objects show them: what a host gets for networks, peerings and interfaces. */
import type { JsonObject, ObjectKey } from '@weft/api';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });

class Plane {
  readonly world: World;
  readonly fabric: WorldFabric;
  readonly agent: WorldAgent;

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3 });
    this.fabric = new WorldFabric(this.world);
    this.world.watch(this.fabric.onChange);
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
    this.agent = new WorldAgent(this.world, 'host-a', '192.0.2.1');
    this.agent.register();
  }

  send(kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): void {
    this.world.create({ apiVersion, kind, metadata: { namespace: 'ns', name }, spec });
  }

  nic(name: string, ips: readonly string[]): this {
    this.send('NetworkInterface', name, { networkRef: { name: 'net' }, ips: ips.map((value) => ({ value })) });
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
    this.send('Machine', `m-${name}`, { machinePoolRef: { name: 'host-a' }, networkInterfaces }, 'compute.ironcore.dev/v1alpha1');
    this.agent.report();
    return this;
  }

  /** The addresses of each interface that the host forwards for, and those of the kernel's objects, as far as they are among these. */
  addresses(...among: readonly string[]): Readonly<{ rows: readonly unknown[]; kernel: readonly string[] }> {
    const rows = [...(this.fabric.tables.get('placements.host-a')?.values() ?? [])].map(({ ips }) => ips);
    const kernel = JSON.stringify([...(this.fabric.kernelOf('host-a') ?? [])]);
    return { rows, kernel: among.filter((ip) => new RegExp(`["/ ]${ip.replaceAll('.', '\\.')}["/ ]`).test(kernel)) };
  }

  state(nic: string): unknown {
    return this.world.object(key('NetworkInterface', nic))?.status?.['state'];
  }
}

describe.each([1, 2])('A dataplane, loops in the order of seed %i,', (seed) => {
  it('provider C-44: has a peer of a network as long as both agree, and status says so', () => {
    const plane = new Plane(seed);
    const peering = (to: string): JsonObject => ({ peerings: [{ name: `to-${to}`, networkRef: { name: to } }] });
    plane.send('Network', 'a', peering('b'));
    const vni = (name: string) => plane.world.get(key('Network', name))?.facts['vni'];
    const peers = () => [...(plane.fabric.tables.get(`peerings.${vni('a')}`)?.values() ?? [])].map(({ network }) => network);
    const said = () => plane.world.object(key('Network', 'a'))?.status?.['peerings'];
    expect([peers(), said()]).toEqual([[], [{ name: 'to-b', state: 'Pending', phase: 'Pending' }]]);
    plane.send('Network', 'b', peering('a'));
    expect([peers(), said()]).toEqual([['ns/b'], [{ name: 'to-b', state: 'Ready', phase: 'Bound' }]]);
    plane.world.patch(key('Network', 'b'), { spec: { peerings: null } });
    expect(peers()).toEqual([]);
    plane.world.patch(key('Network', 'a'), { spec: { peerings: null } });
    expect([peers(), said()]).toEqual([[], undefined]);
  });

  it.each([
    ['IPv4', ['10.0.0.1']],
    ['dual stack', ['10.0.0.1', 'fd00::1']],
    ['IPv6', ['fd00::1']],
  ])('provider C-45: has exactly the addresses of an interface of %s, which is Available then', (_what, ips) => {
    const plane = new Plane(seed);
    plane.send('Network', 'net', {});
    plane.nic('one', ips);
    expect(plane.addresses('10.0.0.1', 'fd00::1')).toEqual({ rows: [ips], kernel: ips });
    expect(plane.state('one')).toBe('Available');
  });

  it('provider C-47: when addresses are added and others taken away in one update, it has exactly those that are left', () => {
    const plane = new Plane(seed);
    plane.send('Network', 'net', {});
    plane.nic('one', ['10.0.0.1', 'fd00::1']);
    plane.world.patch(key('NetworkInterface', 'one'), { spec: { ips: [{ value: '10.0.0.2' }, { value: 'fd00::2' }] } });
    const all = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'];
    expect(plane.addresses(...all)).toEqual({ rows: [['10.0.0.2', 'fd00::2']], kernel: ['10.0.0.2', 'fd00::2'] });
    plane.agent.report();
    expect(plane.state('one')).toBe('Available');
  });

  it('provider C-48: has nothing left of an interface that is deleted, nor of its network when it was the last one', () => {
    const plane = new Plane(seed);
    const before = [...(plane.fabric.kernelOf('host-a') ?? [])];
    plane.send('Network', 'net', {});
    plane.nic('one', ['10.0.0.1']).nic('two', ['10.0.0.2']);
    plane.world.delete(key('NetworkInterface', 'one'));
    expect(plane.addresses('10.0.0.1', '10.0.0.2')).toEqual({ rows: [['10.0.0.2']], kernel: ['10.0.0.2'] });
    plane.world.delete(key('NetworkInterface', 'two'));
    plane.agent.report();
    expect([...(plane.fabric.kernelOf('host-a') ?? [])]).toEqual(before);
  });
});
