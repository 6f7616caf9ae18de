/** Who names a VirtualIP, and who of them holds it: the one that named it first (resources 1.11, 3.13). */
import {
  AnyLoadBalancer,
  AnyNetworkInterface,
  type ConditionFact,
  type Facts,
  type Folded,
  firstFew,
  isDeleting,
  type KindTypes,
  type SeenLoadBalancer,
  type SeenNetworkInterface,
  type View,
} from '@weft/api';

export type Claimant = Readonly<{ kind: string; name: string; uid: string; since: bigint; isDeleting: boolean }>;

const claimsOfNic: View<SeenNetworkInterface, Claimant> = {
  kind: AnyNetworkInterface,
  name: 'claims-virtual-ip',
  facets: () => ['created', 'deletion', 'spec.virtualIP'],
  of: (nic) => claimantOf(nic, 'spec.virtualIP'),
};

const claimsOfBalancer: View<SeenLoadBalancer, Claimant> = {
  kind: AnyLoadBalancer,
  name: 'claims-virtual-ip',
  facets: () => ['created', 'deletion', 'spec.virtualIPs'],
  of: (balancer) => claimantOf(balancer, 'spec.virtualIPs'),
};

/** It has named its VirtualIP since the field last changed. */
function claimantOf<T extends KindTypes>(state: Folded<T>, field: string): Claimant {
  const { key, object, facets } = state;
  const since = facets[field]?.position ?? facets['created']?.position ?? 0n;
  return { kind: key.kind, name: key.name, uid: object.metadata.uid, since, isDeleting: isDeleting(state) };
}

/** Those that name the VirtualIP `<namespace>/<name>`, the first one first. */
export function claimantsOf(virtualIp: string, facts: Facts): readonly Claimant[] {
  const all = [...facts.seeAll(claimsOfNic, 'virtualIP', virtualIp), ...facts.seeAll(claimsOfBalancer, 'virtualIP', virtualIp)];
  return all.sort((a, b) => (a.since === b.since ? order(textOf(a), textOf(b)) : order(a.since, b.since)));
}

function order<K extends bigint | string>(a: K, b: K): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export const NOT_CLAIMED: ConditionFact = {
  type: 'Bound',
  status: 'False',
  reason: 'NoClaimant',
  message: 'no NetworkInterface or LoadBalancer names it',
};

export function boundTo(holder: Claimant | undefined, claimants: readonly Claimant[]): ConditionFact {
  if (holder === undefined) return NOT_CLAIMED;
  const waiting = claimants.filter(({ uid, isDeleting: goes }) => uid !== holder.uid && !goes).map(textOf);
  const named = firstFew(waiting);
  const waits = waiting.length === 0 ? '' : `; ${named} ${waiting.length === 1 ? 'waits' : 'wait'} for it`;
  return { type: 'Bound', status: 'True', reason: 'Claimed', message: `held by ${textOf(holder)}${waits}` };
}

function textOf({ kind, name }: Claimant): string {
  return `${kind} ${name}`;
}
