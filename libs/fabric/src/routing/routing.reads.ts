/**
 * What rows read of each kind, with the facets (DESIGN 9.8) that it depends on. Only this file knows how the network context names its facts;
 * everything else in this folder works on these reads.
 */
import { type Folded, type GuestWish, guestWish, maskedPrefix, parsePrefix, specOf, statusOf, type View } from '@weft/api';
import type { Selection } from '@weft/derive';
import { Host, type HostTypes, macOfNic, Network, NetworkInterface, type NetworkTypes, type NicTypes } from '@weft/network';

/** An interface that is placed and has addresses. */
export type NicRead = Readonly<{
  uid: string;
  namespace: string;
  name: string;
  /** Name of its Network, in the same namespace. */
  network: string;
  /** Its number within the Network, or the MAC that an older version chose. */
  index?: number;
  mac?: string;
  ips: string[];
  /** Without host bits; absent: none. */
  prefixes?: string[];
  host: string;
  guest: GuestWish;
  /** Decimal position. */
  placedAt: string;
}>;
/** `mtu`: of the device with its underlay address, as far as it is known. */
export type HostRead = Readonly<{ host: string; index: number; underlay: string; mtu?: number }>;

/** No row says anything of others. */
export const placedInterfaces: Selection<NicTypes> = {
  kind: NetworkInterface,
  name: 'placed',
  has: ({ facts: { placement } }) => placement !== undefined,
};

/** Number of a living network. */
export const networkNumber: View<NetworkTypes, number> = {
  kind: Network,
  name: 'number',
  facets: () => ['vni'],
  of: ({ facts }) => facts.vni,
};

export const placedNic: View<NicTypes, NicRead> = {
  kind: NetworkInterface,
  name: 'placed interface',
  facets: () => ['created', 'addresses', 'prefixes', 'placement'],
  of: readNic,
};

export const registeredHost: View<HostTypes, HostRead> = {
  kind: Host,
  name: 'registered host',
  facets: () => ['created', 'index', 'underlay', 'mtu'],
  of: ({ key, object, facts: { index } }) => {
    const underlay = specOf(object).underlay?.ip ?? '';
    const { mtu } = statusOf(object);
    return index === undefined || underlay === '' ? undefined : { host: key.name, index, underlay, ...(mtu !== undefined && { mtu }) };
  },
};

/** Decimal position since which a host holds the network with this VNI. */
export const holdOf: View<HostTypes, string> = {
  kind: Host,
  name: 'hold',
  facets: (vni) => [`held.${vni}`],
  of: ({ facts: { held }, facets }, vni) => (held?.[vni] === undefined ? undefined : facets[`held.${vni}`]?.position.toString()),
};

function readNic({ key, object, facts, facets }: Folded<NicTypes>): NicRead | undefined {
  const { index, mac, placement } = facts;
  const network = specOf(object).networkRef?.name ?? '';
  const { ips = [], prefixes = [] } = statusOf(object);
  const placed = facets['placement'];
  if (placement === undefined || placed === undefined || network === '' || ips.length === 0) return undefined;
  if (index === undefined && mac === undefined) return undefined;
  return {
    uid: object.metadata.uid,
    namespace: key.namespace ?? '',
    name: key.name,
    network,
    ...(index !== undefined && { index }),
    ...(mac !== undefined && { mac }),
    ips,
    ...(prefixes.length > 0 && { prefixes: prefixes.map(withoutHostBits) }),
    host: placement.host,
    guest: guestWish(specOf(object).attributes),
    placedAt: placed.position.toString(),
  };
}

function withoutHostBits(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? text : maskedPrefix(prefix);
}

export { macOfNic };
