/** Parts of a LoadBalancerRouting that loops read. */
import { isDeleting, type Members, type View } from '@weft/api';
import type { RoutingDestination } from './load-balancer-routing.model.ts';
import { LoadBalancerRouting, type LoadBalancerRoutingTypes, TARGETS_MAX } from './load-balancer-routing.types.ts';

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

/** `tooMany` are more than may serve. */
export type Amount = 'none' | 'some' | 'tooMany';

/** How many targets it has, when the balancer with the uid `arg` fills it. */
export const targetsOfRouting: View<LoadBalancerRoutingTypes, Amount> = {
  kind: LoadBalancerRouting,
  name: 'has-targets',
  facets: () => ['created', 'managed', 'targets'],
  of: ({ facts: { balancer, targets } }, arg) => (balancer === arg ? amountOf(sizesOf(targets)) : undefined),
};

/** How many of its targets fail their checks, when the balancer with the uid `arg` fills it. */
export const failuresOfRouting: View<LoadBalancerRoutingTypes, 'none' | 'some' | 'all'> = {
  kind: LoadBalancerRouting,
  name: 'failures',
  facets: () => ['created', 'managed', 'targets', 'failed'],
  of: ({ facts: { balancer, targets, failed } }, arg) => {
    if (balancer !== arg) return undefined;
    if (failed === undefined) return 'none';
    return sumOf(sizesOf(failed)) < sumOf(sizesOf(targets)) ? 'some' : 'all';
  },
};

/** What somebody wrote, when no balancer fills it: how many destinations, and in which Network. */
export const destinationsOfRouting: View<LoadBalancerRoutingTypes, Readonly<{ amount: Amount; network: NetworkName }>> = {
  kind: LoadBalancerRouting,
  name: 'has-destinations',
  facets: () => ['created', 'managed', 'destinations'],
  of: ({ object: { networkRef = {}, destinations = [] }, facts: { balancer } }) =>
    balancer === undefined ? { amount: amountOf([destinations.length]), network: networkRef } : undefined,
};

type NetworkName = Readonly<{ name?: string; uid?: string }>;

/** Whether a routing that somebody wrote is in this Network: it names it, by uid if it has one, or none (provider C-41). */
export function isRoutingIn(named: NetworkName, network: Readonly<{ name: string; uid: string }>): boolean {
  return named.uid === undefined ? named.name === undefined || named.name === network.name : named.uid === network.uid;
}

/** Of the sum of these, looking at no more of them than it must. */
function amountOf(counts: Iterable<number>): Amount {
  let count = 0;
  for (const each of counts) {
    count += each;
    if (count > TARGETS_MAX) return 'tooMany';
  }
  return count === 0 ? 'none' : 'some';
}

function* sizesOf(members: Members<unknown>): Iterable<number> {
  for (const bucket of Object.values(members)) yield Object.keys(bucket).length;
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const each of counts) sum += each;
  return sum;
}

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
