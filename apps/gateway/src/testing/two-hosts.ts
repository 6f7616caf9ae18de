/** A small fabric of a `World`. */
import type { JsonObject } from '@weft/api';
import { nicKey } from '@weft/network';
import { World, WorldAgent } from '@weft/testing';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';

/** Two interfaces of a network, each on a host of its own, which trust each other. */
export function twoHosts() {
  const world = new World();
  world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  const [a, b] = [new WorldAgent(world, 'a', '192.0.2.1'), new WorldAgent(world, 'b', '192.0.2.2')];
  a.register();
  b.register();
  const create = (kind: string, name: string, spec: JsonObject, labels: JsonObject = {}, apiVersion = NETWORKING) =>
    void world.create({ apiVersion, kind, metadata: { namespace: 'ns', name, labels }, spec });
  create('Network', 'net', {});
  for (const [name, host, ip] of [
    ['web', 'a', '10.0.0.1'],
    ['db', 'b', '10.0.0.9'],
  ] as const) {
    create('NetworkInterface', name, { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: ip }] }, { app: name });
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
    create('Machine', name, { machinePoolRef: { name: host }, networkInterfaces }, {}, 'compute.ironcore.dev/v1alpha1');
  }
  const policy = (name: string, selected: JsonObject, ports: number[]) =>
    create('NetworkPolicy', name, {
      networkRef: { name: 'net' },
      networkInterfaceSelector: { matchLabels: selected },
      policyTypes: ['Ingress'],
      ingress: ports.length === 0 ? [] : [{ ports: ports.map((port) => ({ port })) }],
    });
  return {
    world,
    a,
    b,
    create,
    policy,
    label: (name: string, labels: JsonObject) => world.patch(nicKey('ns', name), { metadata: { labels } }),
  };
}
