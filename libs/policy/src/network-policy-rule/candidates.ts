/** What policies may select: the labels of an object, and the addresses that it stands for as a peer. */
import {
  AnyLoadBalancer,
  AnyNetworkInterface,
  AnyVirtualIp,
  bitsOf,
  type Folded,
  familyOfIp,
  type KindTypes,
  type SeenLoadBalancer,
  type SeenNetworkInterface,
  type SeenVirtualIp,
  specOf,
  statusOf,
  type View,
} from '@weft/api';

/** An outside provider writes whole statuses. */
const STATUS = 'status';

export type Candidate = Readonly<{
  uid: string;
  /** Name of its Network, in the same namespace; empty for a VirtualIP. */
  network: string;
  labels: Readonly<Record<string, string>>;
  ips: readonly string[];
  prefixes: readonly string[];
}>;

/** `prefixes`: all that it stands for as a peer. */
function candidate<T extends KindTypes>(
  { object }: Folded<T>,
  network: string,
  ips: readonly string[],
  ranges: readonly string[] = [],
): Candidate {
  const { uid, labels = {} } = object.metadata;
  return { uid, network, labels, ips, prefixes: [...ips.map(singleAddress), ...ranges] };
}

const singleAddress = (ip: string): string => `${ip}/${bitsOf(familyOfIp(ip))}`;

/** An interface is one as soon as it exists, also without a host: so it is filtered before its link comes up (provider R-21). */
export const interfaceCandidate: View<SeenNetworkInterface, Candidate> = {
  kind: AnyNetworkInterface,
  name: 'policy-candidate',
  facets: () => ['created', 'labels', 'addresses', 'prefixes', STATUS],
  of: (nic) => {
    const { ips = [], prefixes = [] } = statusOf(nic.object);
    return candidate(nic, specOf(nic.object).networkRef?.name ?? '', ips, prefixes);
  },
};

export const loadBalancerCandidate: View<SeenLoadBalancer, Candidate> = {
  kind: AnyLoadBalancer,
  name: 'policy-candidate',
  facets: () => ['created', 'labels', 'addresses', STATUS],
  of: (balancer) => candidate(balancer, specOf(balancer.object).networkRef?.name ?? '', statusOf(balancer.object).ips ?? []),
};

/**
 * A VirtualIP stands for its public address (provider R-16) and not for the private one of the interface that holds it: inside the Network that interface
 * sends from its private address, which a selector of interfaces names.
 */
export const virtualIpCandidate: View<SeenVirtualIp, Candidate> = {
  kind: AnyVirtualIp,
  name: 'policy-candidate',
  facets: () => ['created', 'labels', 'wanted', 'publicAddresses', STATUS],
  of: (virtualIp) => {
    const { ip } = statusOf(virtualIp.object);
    return candidate(virtualIp, '', ip === undefined ? [] : [ip]);
  },
};
