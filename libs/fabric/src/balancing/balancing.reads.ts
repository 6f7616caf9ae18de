/** What rows of balancers read of each kind, with the facets (DESIGN 9.8) that it depends on. */
import {
  AnyPrefix,
  AnyVirtualIp,
  type BalancerGrant,
  type Facts,
  isSingleAddress,
  type NameIn,
  parsePrefix,
  type SeenPrefix,
  type SeenVirtualIp,
  specOf,
  statusOf,
  type View,
} from '@weft/api';
import type { Lens } from '@weft/derive';
import {
  type HealthCheck,
  healthCheckOf,
  LoadBalancer,
  LoadBalancerRouting,
  type LoadBalancerRoutingTypes,
  type LoadBalancerTypes,
  type RoutingMember,
  type RoutingTarget,
} from '@weft/lb';
import { Network, type NetworkTypes } from '@weft/network';
import type { BalancerRow } from '../rows/rows.ts';

/** A balancer; `network` stands in its namespace and is never another one. */
export type BalancerRead = Readonly<{ uid: string; namespace: string; name: string; network: string }>;
export const balancer: View<LoadBalancerTypes, BalancerRead> = {
  kind: LoadBalancer,
  name: 'balancer',
  facets: () => ['created'],
  of: ({ key: { namespace = '', name }, object }) => ({
    uid: object.metadata.uid,
    namespace,
    name,
    network: specOf(object).networkRef?.name ?? '',
  }),
};

export const isPublic: View<LoadBalancerTypes, true> = {
  kind: LoadBalancer,
  name: 'is public',
  facets: () => ['created', 'spec.type'],
  of: ({ object }) => (specOf(object).type === 'Public' ? true : undefined),
};

export const portsOf: View<LoadBalancerTypes, BalancerRow['ports']> = {
  kind: LoadBalancer,
  name: 'ports',
  facets: () => ['created', 'spec.ports'],
  of: ({ object }) =>
    (specOf(object).ports ?? []).map(({ protocol = 'TCP', port: first = 0, endPort: last = first }) => ({ protocol, first, last })),
};

/** How its targets are checked; an annotation that is wrong is none. */
export const checkOf: View<LoadBalancerTypes, HealthCheck> = {
  kind: LoadBalancer,
  name: 'health check',
  facets: () => ['created', 'annotations'],
  of: ({ object }) => {
    const check = healthCheckOf(object);
    return typeof check === 'string' ? undefined : check;
  },
};

/** Where each of its addresses comes from: what it holds of a pool, a literal, the VirtualIP or the Prefix of a name. */
type Source = Readonly<{ publicIp: string } | { ip: string } | { virtualIp: string } | { prefix: string }>;
export const sourcesOf: View<LoadBalancerTypes, readonly Source[]> = {
  kind: LoadBalancer,
  name: 'addresses',
  facets: () => ['created', 'spec.type', 'spec.ipFamilies', 'spec.ips', 'spec.virtualIPs', 'wanted', 'publicAddresses'],
  of: ({ key, object, facts }) => {
    const { type, ipFamilies = [], ips = [], virtualIPs = [] } = specOf(object);
    if (type !== 'Public') return ips.map(({ value }, i) => (value === undefined ? { prefix: `${key.name}-${i}` } : { ip: value }));
    if (virtualIPs.length > 0) return virtualIPs.map(({ virtualIPRef }) => ({ virtualIp: virtualIPRef?.name ?? '' }));
    const { held = {} } = facts.publicAddresses ?? {};
    return ipFamilies.flatMap((family) => (held[family] === undefined ? [] : [{ publicIp: held[family] }]));
  },
};

/** The address of a VirtualIP that the object with the uid `arg` holds. */
const heldVirtualIp: View<SeenVirtualIp, string> = {
  kind: AnyVirtualIp,
  name: 'held address',
  facets: () => ['created', 'spec.targetRef', 'wanted', 'publicAddresses'],
  of: ({ object }, arg) => (specOf(object).targetRef?.uid === arg ? statusOf(object).ip : undefined),
};

/** The address of an Allocated Prefix whose controller has the uid `arg`. */
const addressOfPrefix: View<SeenPrefix, string> = {
  kind: AnyPrefix,
  name: 'address',
  facets: () => ['created', 'spec', 'phase', 'ownerReferences'],
  of: ({ object }, arg) => {
    const controller = object.metadata.ownerReferences?.find((each) => each.controller === true)?.uid;
    const range = parsePrefix(specOf(object).prefix ?? '');
    const isUsable = controller === arg && statusOf(object).phase === 'Allocated' && range !== undefined && isSingleAddress(range);
    return isUsable ? range.address : undefined;
  },
};

/**
 * The addresses that a balancer has, from those who give them and not from its status, which follows later: so no address is in the rows of two at any
 * position. `granted`: those of its Network that it holds.
 */
export function addressesOf({ uid, namespace, name }: BalancerRead, granted: readonly string[], facts: Facts): string[] {
  const ofNetwork = (ip: string) => (granted.includes(ip) ? [ip] : []);
  return [...(facts.see(sourcesOf, { namespace, name }) ?? [])].flatMap((source) => {
    if ('publicIp' in source) return [source.publicIp];
    if ('ip' in source) return ofNetwork(source.ip);
    if ('prefix' in source) return ofNetwork(facts.see(addressOfPrefix, { namespace, name: source.prefix }, uid) ?? '');
    return facts.see(heldVirtualIp, { namespace, name: source.virtualIp }, uid) ?? [];
  });
}

/** What a balancer has of the address book of its Network, while it has a number there. The record is one of `balancer-grants`. */
export const numberedBalancer: Lens<
  unknown,
  Readonly<{ namespace: string; network: string; name: string; number: number; ips: readonly string[] }>
> = {
  name: 'numbered',
  of: (record) => {
    const { namespace, network, name, number, ips } = record as BalancerGrant;
    return number === undefined ? undefined : { namespace, network, name, number, ips };
  },
  causes: (record) => (record as BalancerGrant).since,
};

export const numberedNetwork: View<NetworkTypes, Readonly<{ uid: string; vni: number }>> = {
  kind: Network,
  name: 'numbered',
  facets: () => ['created', 'vni'],
  of: ({ object, facts: { vni } }) => (vni === undefined ? undefined : { uid: object.metadata.uid, vni }),
};

/** The balancer that fills a routing, and the Network of it. */
export const filledRouting: View<LoadBalancerRoutingTypes, Readonly<{ balancer: string; networkUid: string }>> = {
  kind: LoadBalancerRouting,
  name: 'filled',
  facets: () => ['created', 'managed'],
  of: ({ object, facts }) =>
    facts.balancer === undefined ? undefined : { balancer: facts.balancer, networkUid: object.networkRef?.uid ?? '' },
};

/** A destination that somebody wrote. */
export type Written = Readonly<{ name?: string; uid?: string }>;
/** What somebody wrote: the destinations by address. The first one of an address counts. */
export type WrittenRouting = Readonly<{
  network: Readonly<{ name?: string; uid?: string }>;
  destinations: Readonly<Record<string, Written>>;
}>;
export const writtenRouting: View<LoadBalancerRoutingTypes, WrittenRouting> = {
  kind: LoadBalancerRouting,
  name: 'written',
  facets: () => ['created', 'managed', 'destinations'],
  of: ({ object: { networkRef = {}, destinations = [] }, facts: { balancer: filledBy } }) => {
    if (filledBy !== undefined) return undefined;
    const found: Record<string, Written> = {};
    for (const { ip, targetRef: { name, uid } = {} } of destinations) {
      if (ip !== undefined) found[ip] ??= { ...(name !== undefined && { name }), ...(uid !== undefined && { uid }) };
    }
    return { network: networkRef, destinations: found };
  },
};

/** One destination of them, as a part. Its causes are those of the whole. */
export const writtenDestination: Lens<WrittenRouting, Written> = { name: 'destination', of: ({ destinations }, ip) => destinations[ip] };
export const writtenNetwork: Lens<WrittenRouting, WrittenRouting['network']> = { name: 'network', of: ({ network }) => network };

/** What an interface is to the balancer `arg`. The record is one of `routing-members`. */
export const membership: Lens<unknown, RoutingTarget & Readonly<{ failed?: true }>> = {
  name: 'membership',
  of: (record, routing) => {
    const { target, failed } = membershipIn(record, routing) ?? {};
    return target && { ...target, ...(failed && { failed }) };
  },
  causes: (record, routing) => {
    const found = membershipIn(record, routing);
    return found === undefined ? [] : [found.since];
  },
};

function membershipIn(record: unknown, routing: string) {
  return (record as RoutingMember).routings[routing];
}

export const routingsOf = ({ routings }: RoutingMember): readonly string[] => Object.keys(routings);

/** A target of a routing: `<namespace>/<routing> <target>`. */
export const targetKey = (namespace: string, routing: string, target: string): string => `${namespace}/${routing} ${target}`;
export function parseTargetKey(key: string): Readonly<{ routing: NameIn; target: string }> {
  const [slash, space] = [key.indexOf('/'), key.indexOf(' ')];
  return { routing: { namespace: key.slice(0, slash), name: key.slice(slash + 1, space) }, target: key.slice(space + 1) };
}
