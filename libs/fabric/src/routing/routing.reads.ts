/**
 * What the routing projection reads of each kind, and from which facets (DESIGN 9.8). The one place that knows how the network context names its
 * facts; everything else in this folder works on these reads.
 */
import { type Because, type Folded, NETNS_ATTRIBUTE } from '@weft/api';

export type NetworkRead = Readonly<{ vni: number; because: readonly Because[] }>;

/** A NIC that is placed and complete enough for a row. */
export type NicRead = Readonly<{
  uid: string;
  namespace: string;
  name: string;
  /** Name of its Network, in the same namespace. */
  network: string;
  mac: string;
  ips: readonly string[];
  host: string;
  netns?: string;
  placedAt: string;
  because: readonly Because[];
}>;

export type HostRead = Readonly<{
  name: string;
  index: number;
  underlay: string;
  because: readonly Because[];
}>;

export function readNetwork(state: Folded | undefined): NetworkRead | undefined {
  if (state?.status !== 'live') return undefined;
  const vni = state.facts['vni'];
  if (typeof vni !== 'number') return undefined;
  return { vni, because: facets(state, ['vni']) };
}

export function readNic(state: Folded | undefined): NicRead | undefined {
  if (state?.status !== 'live' || state.key.namespace === undefined) return undefined;
  const { facts, object } = state;
  const { mac, placement } = facts;
  const host = stringIn(placement, 'host');
  const network = stringIn(object.spec?.['networkRef'], 'name');
  const placed = state.facets['placement'];
  const ips = strings(object.status?.['ips']);
  if (typeof mac !== 'string' || host === undefined || network === undefined || placed === undefined || ips.length === 0) return undefined;
  const netns = stringIn(object.spec?.['attributes'], NETNS_ATTRIBUTE);
  return {
    uid: object.metadata.uid,
    namespace: state.key.namespace,
    name: state.key.name,
    network,
    mac,
    ips,
    host,
    ...(netns === undefined ? {} : { netns }),
    placedAt: placed.position.toString(),
    because: facets(state, ['created', 'addresses', 'placement']),
  };
}

export function readHost(state: Folded | undefined): HostRead | undefined {
  if (state?.status !== 'live') return undefined;
  const index = state.facts['index'];
  const underlay = stringIn(state.object.spec?.['underlay'], 'ip');
  if (typeof index !== 'number' || underlay === undefined) return undefined;
  return { name: state.key.name, index, underlay, because: facets(state, ['created', 'index', 'underlay']) };
}

/** VNI -> the event since which the host holds that network. O(holds of the host). */
export function readHolds(state: Folded | undefined): Map<number, Because> {
  const held = state?.facts['held'];
  const holds = new Map<number, Because>();
  for (const vni of isRecord(held) ? Object.keys(held).map(Number) : []) {
    const because = readHold(state, vni);
    if (because !== undefined) holds.set(vni, because);
  }
  return holds;
}

/** One of them. O(1). */
export function readHold(state: Folded | undefined, vni: number): Because | undefined {
  if (state?.status !== 'live') return undefined;
  const held = state.facts['held'];
  if (!isRecord(held) || held[vni] === undefined) return undefined;
  return state.facets[`held.${vni}`];
}

function facets(state: Folded, names: readonly string[]): readonly Because[] {
  return names.flatMap((name) => state.facets[name] ?? []);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringIn(value: unknown, field: string): string | undefined {
  const found = isRecord(value) ? value[field] : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
