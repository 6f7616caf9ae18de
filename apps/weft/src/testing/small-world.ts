import { World, WorldAgent } from '@weft/testing';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';

/** A Network with one interface (10.0.0.1) that a machine has placed on host-a, at rest. */
export function smallWorld(): World {
  const world = new World();
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  const agent = new WorldAgent(world, 'host-a', '192.0.2.1');
  agent.register();
  world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { name: 'net', namespace: 'ns' }, spec: {} });
  const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] };
  world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { name: 'nic', namespace: 'ns' }, spec });
  const machine = { machinePoolRef: { name: 'host-a' }, networkInterfaces: [{ name: 's', networkInterfaceRef: { name: 'nic' } }] };
  world.create({ apiVersion: 'compute.ironcore.dev/v1alpha1', kind: 'Machine', metadata: { name: 'm', namespace: 'ns' }, spec: machine });
  world.settle();
  return world;
}
