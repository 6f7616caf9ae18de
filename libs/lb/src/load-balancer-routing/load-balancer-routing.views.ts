/** Parts of a LoadBalancerRouting that loops read. */
import { isDeleting, type View } from '@weft/api';
import type { RoutingDestination } from './load-balancer-routing.model.ts';
import { LoadBalancerRouting, type LoadBalancerRoutingTypes } from './load-balancer-routing.types.ts';

/** Who fills it, and in which Network. */
export const managedRouting: View<
  LoadBalancerRoutingTypes,
  Readonly<{ uid: string; balancer?: string; networkUid: string; isDeleting: boolean }>
> = {
  kind: LoadBalancerRouting,
  name: 'managed',
  facets: () => ['created', 'deletion', 'managed', 'destinations'],
  of: (routing) => {
    const { object, facts } = routing;
    const managed = facts.balancer !== undefined && { balancer: facts.balancer };
    return { uid: object.metadata.uid, ...managed, networkUid: object.networkRef?.uid ?? '', isDeleting: isDeleting(routing) };
  },
};

/** Whether it has targets, when the balancer with the uid `arg` fills it. */
export const targetsOfRouting: View<LoadBalancerRoutingTypes, boolean> = {
  kind: LoadBalancerRouting,
  name: 'has-targets',
  facets: () => ['created', 'managed', 'targets'],
  of: ({ facts: { balancer, targets } }, arg) => (balancer === arg ? Object.keys(targets).length > 0 : undefined),
};

/** What somebody wrote, when a destination lacks its address. */
export const incompleteRouting: View<LoadBalancerRoutingTypes, Readonly<{ uid: string; destinations: readonly RoutingDestination[] }>> = {
  kind: LoadBalancerRouting,
  name: 'incomplete',
  facets: () => ['created', 'managed', 'destinations'],
  of: ({ object, facts }) => {
    const { destinations = [] } = object;
    const isIncomplete = facts.balancer === undefined && destinations.some(({ ip }) => ip === undefined);
    return isIncomplete ? { uid: object.metadata.uid, destinations } : undefined;
  },
};
