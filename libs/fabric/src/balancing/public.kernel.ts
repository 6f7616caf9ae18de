/**
 * Public balancers (linux-dataplane 4.7): what the public router of a host needs to give packets to the hosts of targets, and a target's host to take them to
 * the router of the network. `public.rules.ts` tells their way.
 *
 *   balancers.1 ─ by address ─> addresses ──> lb_public, lb_open, the route to whoever is chosen          hosts with an uplink
 *   targets.1 ─ by balancer ──> tables ─────> lb_host: bucket -> host of its target; lb_live
 *   balancers.<vni>, targets.<vni>, placements ──> targets here ──> the way from the public router; lb_near     hosts of targets
 */
import { familyOfIp, type IpFamily } from '@weft/api';
import type { Derived, Engine, Index, Lens, Read } from '@weft/derive';
import type { Stay } from '../compile/followed-rows.ts';
import type { Here } from '../compile/here.ts';
import { inNetwork, networkOf } from '../compile/network-key.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import { BY_MARK, digit, HERE_MARK, intoNetwork, isEdge, wayTo } from '../edges/public-side.ts';
import type { EntryBlock, EntryDraft } from '../kernel/feature.ts';
import { routerSourceV6 } from '../kernel/router-names.ts';
import { type BalancerRow, type HostRow, PUBLIC_VNI, type PublicTargetRow, type TargetRow } from '../rows/rows.ts';
import { backendsOf } from './backends.ts';
import { FEW_BUCKETS } from './bucket-table.ts';
import { SPARE_BUCKETS } from './public.rules.ts';
import { type Served, servedPorts } from './served-ports.ts';

type Drafts = Derived<readonly EntryDraft[]>;

/** An address of a public balancer. `balancer`: key of its row. */
type Front = Readonly<{ ip: string; balancer: string; served: readonly Served[]; owner: string }>;
/** Mark of a target whose host is not known. */
const NOBODY = '0';
const tableOf = ({ ip, balancer }: Front): string => `${balancer} ${familyOfIp(ip)}`;

const indexOf: Lens<HostRow, number> = { name: 'number', of: ({ index }) => index };
const nameOf: Lens<HostRow, string> = { name: 'name', of: ({ host }) => host };

/** Of a host with an uplink: its public router gives packets to the hosts of targets. */
export function edgeEntries(engine: Engine, here: Here): Readonly<{ drafts: readonly Drafts[]; blocks: Derived<EntryBlock> }> {
  const { balancers, targets } = here.rows;
  const all = engine.map<readonly Front[]>('public balancers', balancers, (key, read) => {
    const found = read.get(balancers, key);
    if (found?.vni !== PUBLIC_VNI || !isEdge(read, here)) return undefined;
    const { ips, ports, namespace, name } = found.row;
    const front = { balancer: key, served: servedPorts(ports), owner: `LoadBalancer/${namespace}/${name}` };
    return ips.map((ip) => ({ ip, ...front }));
  });
  const byAddress = all.index('address', (each) => each.map(({ ip }) => ip));
  const fronts = engine.group<Front>('public addresses', byAddress, (ip, read) => {
    for (const each of read.rows(byAddress, ip)) for (const front of each) if (front.ip === ip) return front;
    return undefined;
  });
  /** By balancer and family: what a packet of each bucket is marked with. */
  const byBalancer = targets.index('balancer');
  const tables = engine.group<readonly string[]>(
    'public tables',
    fronts.index('table', (front) => [tableOf(front)]),
    (key, read) => {
      const [balancer = '', family = ''] = key.split(' ');
      const placed = [...read.rows(byBalancer, balancer)].map(({ row }) => row).filter(isPlaced);
      const backends = backendsOf(placed, family as IpFamily);
      if (backends === undefined) return undefined;
      const hostOf = new Map(placed.map(({ target, host }) => [target, host]));
      const marks = backends.table.targets.map((target) => markOf(read, here, hostOf.get(target) ?? ''));
      return Array.from(backends.table.owners, (owner) => marks[owner] as string);
    },
  );
  const services = engine.map<readonly EntryDraft[]>('public services', fronts, (ip, read) => {
    const front = read.get(fronts, ip);
    return front && serviceDrafts(front);
  });
  const sizes = engine.map<readonly EntryDraft[]>('sizes of public tables', fronts, (ip, read) => {
    const front = read.get(fronts, ip);
    if (front === undefined || read.see(tables, hasFew, tableOf(front)) !== true) return undefined;
    return [publicDraft(`lb_public_few${digit(familyOfIp(ip))}`, ip, front.owner)];
  });
  const blocks = engine.map<EntryBlock>('public buckets', fronts, (ip, read) => {
    const front = read.get(fronts, ip);
    const values = front && read.get(tables, tableOf(front));
    if (front === undefined || values === undefined) return undefined;
    return { vni: PUBLIC_VNI, section: `lb_host${digit(familyOfIp(ip))}`, prefix: ip, values, owner: front.owner };
  });
  // Also of targets that fail their check: these get no new flows, and keep the others.
  const live = engine.map<readonly EntryDraft[]>('public hosts of targets', fronts, (ip, read) => {
    const front = read.get(fronts, ip);
    if (front === undefined) return undefined;
    const family = familyOfIp(ip);
    const serving = [...read.rows(byBalancer, front.balancer)].flatMap(({ row }) =>
      isPlaced(row) && row.ips.some((each) => familyOfIp(each) === family) ? [row.host] : [],
    );
    const marks = [...new Set(serving)].map((host) => markOf(read, here, host)).filter((mark) => mark !== NOBODY);
    return marks.map((mark) => publicDraft(`lb_live${digit(family)}`, `${ip} . ${mark}`, front.owner));
  });
  return { drafts: [services, sizes, live], blocks };
}

/** What leads packets to a host. */
function markOf(read: Read, { hosts, numbers, identity }: Here, host: string): string {
  if (host === identity.host) return String(HERE_MARK);
  const index = read.see(hosts, indexOf, host);
  return index !== undefined && read.see(numbers, nameOf, String(index)) === host ? String(index) : NOBODY;
}

function isPlaced(row: TargetRow | PublicTargetRow): row is PublicTargetRow {
  return 'host' in row;
}

function publicDraft(section: string, key: string, owner: string, value?: string): EntryDraft {
  return { vni: PUBLIC_VNI, section, key, owner, ...(value !== undefined && { value }) };
}

function serviceDrafts({ ip, served, owner }: Front): readonly EntryDraft[] {
  const family = digit(familyOfIp(ip));
  return [
    publicDraft(`lb_public${family}`, ip, owner),
    wayTo(ip, BY_MARK, owner),
    ...served.map(({ protocol, ports }) => publicDraft(`lb_open${family}`, `${ip} . ${protocol} . ${ports}`, owner)),
  ];
}

/** The table has one bucket for each group of those that flows fall into. */
export const hasFew: Lens<readonly string[], true> = { name: 'few', of: ({ length }) => (length === FEW_BUCKETS ? true : undefined) };
const isPublic: Lens<InNetwork<BalancerRow>, true> = { name: 'is public', of: ({ row }) => (row.scheme === 'Public' ? true : undefined) };
const publicIps: Lens<InNetwork<BalancerRow>, Readonly<{ ips: readonly string[]; owner: string }>> = {
  name: 'addresses',
  of: ({ row: { scheme, ips, namespace, name } }) =>
    scheme === 'Public' ? { ips, owner: `LoadBalancer/${namespace}/${name}` } : undefined,
};
const placeOf: Lens<Stay, Readonly<{ vni: number; ips: readonly string[] }>> = {
  name: 'addresses',
  of: ({ row: { vni, ips } }) => ({ vni, ips }),
};

/** Networks with a public balancer: whatever becomes of its targets, their flows find the way. */
export function publishingNetworks({ balancers }: Here['rows'], engine: Engine): Index<unknown> {
  const publishing = engine.map<string>('publishing networks', balancers, (key, read) =>
    networkOf(key) !== String(PUBLIC_VNI) && read.see(balancers, isPublic, key) === true ? networkOf(key) : undefined,
  );
  return publishing.index('network', (vni) => [vni]);
}

/**
 * Of a host in the network: its public router takes what was given to this host to the router of the network, and that one to a target here. A bucket whose
 * target is elsewhere goes to one of those here as well: who chose this host may not know yet, or chose by addresses only (fragments).
 * `tables`: by `<balancer> <family>`, the address of each bucket's target.
 */
export function nearEntries(
  engine: Engine,
  here: Here,
  tables: Derived<readonly string[]>,
): Readonly<{ drafts: Drafts; blocks: readonly Derived<EntryBlock>[] }> {
  const { stays } = here;
  const { balancers, targets } = here.rows;
  const byTarget = targets.index('target');
  const ways = engine.map<readonly EntryDraft[]>('ways to public balancers', balancers, (key, read) => {
    const found = networkOf(key) === String(PUBLIC_VNI) ? undefined : read.see(balancers, publicIps, key);
    if (found === undefined || !read.any(here.published, networkOf(key))) return undefined;
    const vni = Number(networkOf(key));
    const own = routerSourceV6(vni, here.identity.index);
    return found.ips.flatMap((ip): readonly EntryDraft[] => [
      wayTo(ip, intoNetwork(here, vni), found.owner, 'here_routes'),
      ...(familyOfIp(ip) === 'IPv6' ? [{ vni, section: 'lb_echo6', key: ip, value: own, owner: found.owner }] : []),
    ]);
  });
  /** What interfaces here serve: addresses by balancer. */
  const served = engine.map<readonly Readonly<{ balancer: string; ips: readonly string[] }>[]>('served here', stays, (nic, read) => {
    const place = read.see(stays, placeOf, nic);
    if (place === undefined) return undefined;
    const { vni, ips } = place;
    const rows = [nic, ...ips].flatMap((target) => [...read.rows(byTarget, inNetwork(vni, target))]);
    const found = rows.map(({ row }) => ({ balancer: inNetwork(vni, row.balancer), ips: row.ips }));
    const ofPublic = found.filter(({ balancer }) => read.see(balancers, isPublic, balancer) === true);
    return ofPublic.length > 0 ? ofPublic : undefined;
  });
  const byBalancer = served.index('balancer', (each) => [...new Set(each.map(({ balancer }) => balancer))]);
  const byAddress = ways.index('address', (drafts, balancer) => [...new Set(drafts.map(({ key }) => `${balancer} ${key}`))]);
  /** First address of each family of the targets here. */
  const near = engine.group<readonly string[]>('public targets here', byAddress, (key, read) => {
    const [balancer = '', ip = ''] = key.split(' ');
    const family = familyOfIp(ip);
    const first = [...read.rows(byBalancer, balancer)].flatMap((each) =>
      each.flatMap((one) => (one.balancer === balancer ? (one.ips.find((address) => familyOfIp(address) === family) ?? []) : [])),
    );
    return first.length > 0 ? [...new Set(first)].sort() : undefined;
  });
  const block = (
    name: string,
    section: string,
    valuesOf: (addresses: readonly string[], table: readonly string[]) => EntryBlock['values'],
  ) =>
    engine.map<EntryBlock>(name, near, (key, read) => {
      const [balancer = '', ip = ''] = key.split(' ');
      const addresses = read.get(near, key);
      const table = read.get(tables, `${balancer} ${familyOfIp(ip)}`);
      const owner = read.see(balancers, publicIps, balancer)?.owner;
      if (addresses === undefined || table === undefined || owner === undefined) return undefined;
      const values = valuesOf(addresses, table);
      return { vni: Number(networkOf(balancer)), section: `${section}${digit(familyOfIp(ip))}`, prefix: ip, values, owner };
    });
  const own = block('public buckets here', 'lb_near', (addresses, table) => {
    const isHere = new Set(addresses);
    return table.map((address) => (isHere.has(address) ? address : undefined));
  });
  const spare = block('other public buckets here', 'lb_spare', (addresses) =>
    Array.from({ length: SPARE_BUCKETS }, (_, bucket) => addresses[bucket % addresses.length]),
  );
  return { drafts: ways, blocks: [own, spare] };
}
