/** What loops and decisions of other kinds read of a Host. */
import { specOf, type View } from '@weft/api';
import { isReady } from '../quarantine.ts';
import { Host, type HostTypes } from './host.types.ts';

/** Whether the host holds the network with the VNI `arg` as one in use. */
export const holds: View<HostTypes, boolean> = {
  kind: Host,
  name: 'holds',
  facets: (vni) => ['created', `held.${vni}`, `idle.${vni}`],
  of: ({ facts }, vni) => facts.held?.[vni] === '',
};

export type HostReadiness = Readonly<{ uid: string; unschedulable: boolean; ready: boolean }>;

/** Which incarnation of the host it is, and whether interfaces can be placed there. */
export const readinessOfHost: View<HostTypes, HostReadiness> = {
  kind: Host,
  name: 'readiness',
  facets: () => ['created', 'spec.unschedulable', 'conditions'],
  of: (host) => ({
    uid: host.object.metadata.uid,
    unschedulable: specOf(host.object).unschedulable === true,
    ready: isReady(host),
  }),
};

/** Position (decimal) of the host's creation: what was placed there before was placed on a former host of that name. */
export const bornAtOfHost: View<HostTypes, string> = {
  kind: Host,
  name: 'born-at',
  facets: () => ['created'],
  of: ({ facets }) => `${facets['created']?.position ?? 0n}`,
};
