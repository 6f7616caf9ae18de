/** Manifests and answers for tests of this package. */
import type { JsonObject, Reply } from '@weft/api';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';

export const namespace = (name = 'ns'): JsonObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export const network = (name: string, ns = 'ns'): JsonObject => ({
  apiVersion: NETWORKING,
  kind: 'Network',
  metadata: { namespace: ns, name },
  spec: {},
});

export const nic = (name: string, labels: JsonObject, ips: readonly string[], net = 'net', ns = 'ns'): JsonObject => ({
  apiVersion: NETWORKING,
  kind: 'NetworkInterface',
  metadata: { namespace: ns, name, labels },
  spec: { networkRef: { name: net }, ips: ips.map((value) => ({ value })) },
});

/** Of the network `net`, for all of its interfaces, unless `spec` says otherwise. */
export const policy = (name: string, spec: JsonObject, ns = 'ns'): JsonObject => ({
  apiVersion: NETWORKING,
  kind: 'NetworkPolicy',
  metadata: { namespace: ns, name },
  spec: { networkRef: { name: 'net' }, ...spec },
});

export const selecting = (kind: string, matchLabels: JsonObject): JsonObject => ({ objectSelector: { kind, matchLabels } });

export const policyKey = (name: string, ns = 'ns') => ({ kind: 'NetworkPolicy', namespace: ns, name });
export const ruleKey = (name: string, ns = 'ns') => ({ kind: 'NetworkPolicyRule', namespace: ns, name });

/** `Required spec.x`, in order; `HTTP 400` for a refusal without causes. Empty when the request was accepted. */
export function causesOf(reply: Reply): readonly string[] {
  if (reply.ok) return [];
  const causes = reply.status.details?.causes ?? [];
  return causes.length === 0
    ? [`HTTP ${reply.status.code}`]
    : causes.map(({ reason, field }) => `${reason?.replace('FieldValue', '')} ${field}`);
}
