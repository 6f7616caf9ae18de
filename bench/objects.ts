/** Objects that the benchmarks create. */

/** Kinds of which some load makes objects. A kind that comes later is named by each run until a load makes it, too. */
export const KINDS_MADE: readonly string[] = [
  'Network',
  'NetworkInterface',
  'Machine',
  'Host',
  'Namespace',
  'NetworkPolicy',
  'NetworkPolicyRule',
];

export const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default';
export const COMPUTE = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default';

export function interfacesOf(namespace: string): string {
  return `/apis/networking.ironcore.dev/v1alpha1/namespaces/${namespace}/networkinterfaces`;
}

export function namespaceNamed(name: string) {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function network(name: string) {
  return { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'Network', metadata: { namespace: 'default', name } };
}

/** The same in another namespace. */
export function within<O extends { metadata: { namespace: string } }>(namespace: string, object: O): O {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/** `index` up to 2^24 - 2: one address of 10.0.0.0/8 each. */
export function address(index: number): string {
  const value = index + 1;
  return `10.${(value >> 16) & 255}.${(value >> 8) & 255}.${value & 255}`;
}

export function nic(name: string, networkName: string, ip: string, labels?: Record<string, string>) {
  return {
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NetworkInterface',
    metadata: { namespace: 'default', name, ...(labels === undefined ? {} : { labels }) },
    spec: { networkRef: { name: networkName }, ipFamilies: ['IPv4'], ips: [{ value: ip }] },
  };
}

export function machine(name: string, host: string, nics: readonly string[]) {
  return {
    apiVersion: 'compute.ironcore.dev/v1alpha1',
    kind: 'Machine',
    metadata: { namespace: 'default', name },
    spec: {
      machineClassRef: { name: 'bench' },
      machinePoolRef: { name: host },
      networkInterfaces: nics.map((each, index) => ({ name: `s${index}`, networkInterfaceRef: { name: each } })),
    },
  };
}
