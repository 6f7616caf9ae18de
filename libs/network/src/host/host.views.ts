/** What loops and decisions of other kinds read of a Host. */
import { specOf, type View } from '@weft/api';
import { isHeard, isReady } from './host.health.ts';
import { Host, type HostTypes } from './host.types.ts';

/** Whether the host holds the network with the VNI `arg` as one in use. */
export const holds: View<HostTypes, boolean> = {
  kind: Host,
  name: 'holds',
  facets: (vni) => ['created', `held.${vni}`, `idle.${vni}`],
  of: ({ facts }, vni) => facts.held?.[vni] === '',
};

/** Whether the host takes nothing new. */
export const unschedulableHost: View<HostTypes, boolean> = {
  kind: Host,
  name: 'unschedulable',
  facets: () => ['created', 'spec.unschedulable'],
  of: ({ object }) => specOf(object).unschedulable === true,
};

/** Which incarnation of the host it is, and whether it is Ready. */
export const readinessOfHost: View<HostTypes, Readonly<{ uid: string; ready: boolean }>> = {
  kind: Host,
  name: 'readiness',
  facets: () => ['created', 'conditions'],
  of: (host) => ({ uid: host.object.metadata.uid, ready: isReady(host) }),
};

/** What keeps interfaces on the host from being Available: empty when it is Ready. The host's own condition says more. */
export type HostHealth = '' | 'HostLost' | 'HostUnready';

export const healthOfHost: View<HostTypes, HostHealth> = {
  kind: Host,
  name: 'health',
  facets: () => ['created', 'conditions'],
  of: (host) => (isReady(host) ? '' : isHeard(host) ? 'HostUnready' : 'HostLost'),
};

export const underlayOfHost: View<HostTypes, Readonly<{ uid: string; ip: string }>> = {
  kind: Host,
  name: 'underlay',
  facets: () => ['created', 'underlay'],
  of: ({ object }) => ({ uid: object.metadata.uid, ip: specOf(object).underlay?.ip ?? '' }),
};

/** Position (decimal) of the host's creation: what was placed there before was placed on a former host of that name. */
export const bornAtOfHost: View<HostTypes, string> = {
  kind: Host,
  name: 'born-at',
  facets: () => ['created'],
  of: ({ facets }) => `${facets['created']?.position ?? 0n}`,
};
