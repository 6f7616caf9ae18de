/** Manifests of small worlds, with what a test cares for. */
import type { JsonObject, ObjectKey } from '@weft/api';
import type { World } from './world.ts';

export const NETWORKING = 'networking.ironcore.dev/v1alpha1';
export const COMPUTE = 'compute.ironcore.dev/v1alpha1';

export function object(apiVersion: string, kind: string, name: string, spec: JsonObject, namespace = 'ns'): JsonObject {
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}
export const network = (name: string, spec: JsonObject = {}, namespace = 'ns') => object(NETWORKING, 'Network', name, spec, namespace);
export const nic = (name: string, net: string, ip: string, namespace = 'ns') =>
  object(NETWORKING, 'NetworkInterface', name, { networkRef: { name: net }, ipFamilies: ['IPv4'], ips: [{ value: ip }] }, namespace);
export const machine = (name: string, host: string, ...nics: readonly string[]) =>
  object(COMPUTE, 'Machine', name, {
    machinePoolRef: { name: host },
    networkInterfaces: nics.map((each) => ({ name: each, networkInterfaceRef: { name: each } })),
  });
export const natGateway = (name: string, net: string, ports: number, namespace = 'ns') => {
  const spec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: net }, portsPerNetworkInterface: ports };
  return object(NETWORKING, 'NATGateway', name, spec, namespace);
};

export const addressPool = (name: string, ...prefixes: readonly string[]) => ({
  apiVersion: 'fabric.weft.dev/v1alpha1',
  kind: 'AddressPool',
  metadata: { name },
  spec: { prefixes: [...prefixes] },
});
export const virtualIp = (name: string, namespace = 'ns') =>
  object(NETWORKING, 'VirtualIP', name, { type: 'Public', ipFamily: 'IPv4' }, namespace);

export const prefix = (name: string, spec: JsonObject, namespace = 'ns') =>
  object('ipam.ironcore.dev/v1alpha1', 'Prefix', name, spec, namespace);
export const loadBalancer = (name: string, net: string, namespace = 'ns') => {
  const networkInterfaceSelector = { matchLabels: { app: 'web' } };
  return object(
    NETWORKING,
    'LoadBalancer',
    name,
    { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: net }, networkInterfaceSelector },
    namespace,
  );
};
export const networkPolicy = (name: string, net: string, namespace = 'ns') => {
  const from = ['NetworkInterface', 'LoadBalancer', 'VirtualIP'].map((kind) => ({ objectSelector: { kind, matchLabels: { app: 'web' } } }));
  return object(NETWORKING, 'NetworkPolicy', name, { networkRef: { name: net }, ingress: [{ from }] }, namespace);
};

export type Owner = Readonly<{ apiVersion: string; kind: string; name: string; uid: string }>;

/** Gives it this owner, and no other. */
export function give(world: World, key: ObjectKey, owner: Owner): void {
  world.patch(key, { metadata: { ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }] } });
}
