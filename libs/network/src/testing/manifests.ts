/** Manifests for tests of this package. */
import type { JsonObject } from '@weft/api';

export const namespace = (name: string): JsonObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export const network = (name: string, spec: JsonObject = {}, ns = 'ns'): JsonObject => ({
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'Network',
  metadata: { namespace: ns, name },
  spec,
});

export const nic = (name: string, net: string, ips: readonly string[], spec: JsonObject = {}, ns = 'ns'): JsonObject => ({
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'NetworkInterface',
  metadata: { namespace: ns, name },
  spec: { networkRef: { name: net }, ips: ips.map((value) => ({ value })), ...spec },
});

/** Slots `slot0`, `slot1`, … */
export const machine = (name: string, pool: string | undefined, nics: readonly string[], ns = 'ns'): JsonObject => ({
  apiVersion: 'compute.ironcore.dev/v1alpha1',
  kind: 'Machine',
  metadata: { namespace: ns, name },
  spec: {
    ...(pool !== undefined && { machinePoolRef: { name: pool } }),
    networkInterfaces: nics.map((each, i) => ({ name: `slot${i}`, networkInterfaceRef: { name: each } })),
  },
});
