/**
 * Balancers in the kernel (linux-dataplane 4.8): the router of the client chooses the target and translates the address, so answers come straight from the
 * target, and flows that run stay with theirs whatever becomes of the table. Each router of the Network and of those that are peered with it chooses alike.
 *
 *   balancers.<vni>, peerings ──> views ── by address ──> frontends ──> lb_address (whose address it is), lb_service (what it lets through)
 *   targets.<vni> ──────────────────────> tables ─────────────┴──────> lb_target: bucket -> target; lb_few: of these there are few
 *             └──────────────────────────────────────────────────────> lb_self: those that may be their own target
 *
 * `ct mark` is the number of the balancer that chose the target of a flow. It leaves a host in the header of the tunnel and is in `ct mark` of the flow at the
 * target's router again, where policies may ask for it.
 */
import { familyOfIp, holdsRange, parsePrefix, rangeOf } from '@weft/api';
import type { Derived, Engine } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import { inNetwork } from '../compile/network-key.ts';
import { digit } from '../edges/public-side.ts';
import type { EntryBlock, EntryDraft, Feature } from '../kernel/feature.ts';
import type { Chain, NftSection } from '../kernel/sections.ts';
import { type BalancerRow, type PeeringRow, PUBLIC_VNI } from '../rows/rows.ts';
import { backendsOf } from './backends.ts';
import { HEAR_BALANCER } from './balancer-mark.ts';
import { edgeEntries, hasFew, nearEntries, publishingNetworks } from './public.kernel.ts';
import { ADDRESS, bucketIn, FAMILIES, FIELDS, FLOWS, groupIn, PUBLIC_CHAINS, PUBLIC_SECTIONS, SPARE_BUCKETS } from './public.rules.ts';
import { servedPorts } from './served-ports.ts';

const SECTIONS: readonly NftSection[] = [
  { kind: 'nft', name: 'lb_echo6', key: ['ipv6_addr'], value: ['ipv6_addr'] },
  ...FAMILIES.flatMap((family): readonly NftSection[] => {
    const address = ADDRESS[family];
    const named = (name: string) => ({ kind: 'nft', name: `${name}${digit(family)}` }) as const;
    return [
      { ...named('lb_address'), key: [address] },
      { ...named('lb_service'), key: [address, 'inet_proto', 'inet_service'], value: ['mark'], interval: true },
      { ...named('lb_few'), key: [address] },
      { ...named('lb_target'), key: [address, 'mark'], value: [address], buckets: true },
      { ...named('lb_near'), key: [address, 'mark'], value: [address], buckets: true },
      { ...named('lb_spare'), key: [address, 'mark'], value: [address], buckets: true },
      { ...named('lb_self'), key: [address, address] },
    ];
  }),
];

const CHAINS: readonly Chain[] = [
  {
    name: 'lb_choose',
    declaration: 'type nat hook prerouting priority -100; policy accept',
    rules: [
      'iifname != "g*" iifname != "q*" return',
      // The balancer itself answers echo requests (packet P-53, P-54): an address of the router stands for it.
      'iifname "q1" icmpv6 type echo-request dnat ip6 to ip6 daddr map @lb_echo6',
      'ip daddr @lb_address4 icmp type echo-request dnat ip to 169.254.0.1',
      'ip6 daddr @lb_address6 icmpv6 type echo-request dnat ip6 to fe80::1',
      'ct mark set ip daddr . meta l4proto . th dport map @lb_service4',
      'ct mark set ip6 daddr . meta l4proto . th dport map @lb_service6',
      'ct mark 0 return',
      `meta nfproto ipv4 ${bucketIn(FIELDS.IPv4)}`,
      `meta nfproto ipv6 ${bucketIn(FIELDS.IPv6)}`,
      groupIn('ip daddr', 'lb_few4'),
      groupIn('ip6 daddr', 'lb_few6'),
      // What comes from outside was given to this host.
      'iifname "q1" dnat ip to ip daddr . meta mark map @lb_near4',
      'iifname "q1" dnat ip6 to ip6 daddr . meta mark map @lb_near6',
      // The host was chosen for another target that is here.
      `iifname "q1" meta nfproto ipv4 ${bucketIn(FIELDS.IPv4, SPARE_BUCKETS)}`,
      `iifname "q1" meta nfproto ipv6 ${bucketIn(FIELDS.IPv6, SPARE_BUCKETS)}`,
      'iifname "q1" dnat ip to ip daddr . meta mark map @lb_spare4',
      'iifname "q1" dnat ip6 to ip6 daddr . meta mark map @lb_spare6',
      'iifname "q1" accept',
      'dnat ip to ip daddr . meta mark map @lb_target4',
      'dnat ip6 to ip6 daddr . meta mark map @lb_target6',
    ],
  },
  {
    name: 'lb_rest',
    declaration: 'type filter hook prerouting priority -90; policy accept',
    rules: [
      // A port that is not served, or nobody serves.
      'ip daddr @lb_address4 counter drop',
      'ip6 daddr @lb_address6 counter drop',
      HEAR_BALANCER,
    ],
  },
  {
    // Who is its own target gets packets from the balancer's address: the answer comes back here, and from the address that was asked.
    name: 'lb_self',
    declaration: 'type nat hook postrouting priority 100; policy accept',
    rules: [
      'ip saddr . ip daddr @lb_self4 snat ip to ct original ip daddr',
      'ip6 saddr . ip6 daddr @lb_self6 snat ip6 to ct original ip6 daddr',
    ],
  },
];

/** An address of a balancer, as one network sees it. `balancer`: key of its row. `exposed`: length of the range that exposes it to a peer; its own network: undefined. */
type View = Readonly<{ vni: number; ip: string; balancer: string; exposed?: number; row: ViewedRow }>;
type ViewedRow = Readonly<Pick<BalancerRow, 'vni' | 'ports' | 'namespace' | 'name'> & { number: number }>;

function frontends(engine: Engine, here: Here): Derived<View> {
  const { balancers, peerings } = here.rows;
  const exposing = peerings.index('exposing');
  const views = engine.map<readonly View[]>('balancer views', balancers, (key, read) => {
    const found = read.get(balancers, key);
    if (found === undefined || found.vni === PUBLIC_VNI) return undefined;
    const { vni, number, ports, namespace, name, ips } = found.row;
    if (number === undefined || ips.length === 0) return undefined;
    const row: ViewedRow = { vni, number, ports, namespace, name };
    const own = read.any(here.holds, String(vni)) ? ips.map((ip): View => ({ vni, ip, balancer: key, row })) : [];
    const ofPeers = [...read.rows(exposing, String(vni))].flatMap(({ vni: peer, row: peering }): readonly View[] => {
      if (!read.any(here.holds, String(peer))) return [];
      return ips.flatMap((ip): readonly View[] => {
        const exposed = exposedLength(peering, ip);
        return exposed === undefined ? [] : [{ vni: peer, ip, balancer: key, exposed, row }];
      });
    });
    return [...own, ...ofPeers];
  });
  const byAddress = views.index('address', (each) => [...new Set(each.map(({ vni, ip }) => inNetwork(vni, ip)))]);
  return engine.group<View>('balancer frontends', byAddress, (at, read) => {
    const seen = [...read.rows(byAddress, at)].flat().filter(({ vni, ip }) => inNetwork(vni, ip) === at);
    const best = seen.reduce<View | undefined>((found, each) => (found === undefined || isBefore(each, found) ? each : found), undefined);
    // Of what a network has itself, nothing is reached through a peer (provider R-26).
    return best?.exposed !== undefined && read.any(here.destinations, at) ? undefined : best;
  });
}

/** Its own network's first; then the one that a longer range exposes; then that of the lower VNI (provider R-26). */
function isBefore(a: View, b: View): boolean {
  const [inA, inB] = [a.exposed ?? Number.POSITIVE_INFINITY, b.exposed ?? Number.POSITIVE_INFINITY];
  if (inA !== inB) return inA > inB;
  return a.row.vni === b.row.vni ? a.balancer < b.balancer : a.row.vni < b.row.vni;
}

/** The longest range that exposes an address; 0 where everything is; undefined: none does. */
function exposedLength({ prefixes }: PeeringRow, ip: string): number | undefined {
  if (prefixes === undefined) return 0;
  const single = parsePrefix(`${ip}/${familyOfIp(ip) === 'IPv4' ? 32 : 128}`);
  const lengths = prefixes.flatMap((text) => {
    const range = parsePrefix(text);
    return range !== undefined && single !== undefined && holdsRange(rangeOf(range), rangeOf(single)) ? [range.length] : [];
  });
  return lengths.length === 0 ? undefined : Math.max(...lengths);
}

const tableOf = ({ balancer, ip }: View): string => `${balancer} ${familyOfIp(ip)}`;

function ownerOf({ row: { namespace, name } }: View): string {
  return `LoadBalancer/${namespace}/${name}`;
}

function serviceDrafts(view: View): readonly EntryDraft[] {
  const { vni, ip, row } = view;
  const owner = ownerOf(view);
  const family = digit(familyOfIp(ip));
  return [
    { vni, section: `lb_address${family}`, key: ip, owner },
    ...servedPorts(row.ports).map(({ protocol, ports }) => ({
      vni,
      section: `lb_service${family}`,
      key: `${ip} . ${protocol} . ${ports}`,
      value: String(row.number),
      owner,
    })),
  ];
}

/** The address of each bucket's target, once for all routers that need it: by balancer and family. */
function targetTables(engine: Engine, here: Here, fronts: Derived<View>): Derived<readonly string[]> {
  const byBalancer = here.rows.targets.index('balancer');
  const byTable = fronts.index('table', (view) => [tableOf(view)]);
  return engine.group<readonly string[]>('balancer tables', byTable, (key, read) => {
    const space = key.indexOf(' ');
    const targets = [...read.rows(byBalancer, key.slice(0, space))].map(({ row }) => row);
    const backends = backendsOf(targets, key.slice(space + 1) === 'IPv4' ? 'IPv4' : 'IPv6');
    if (backends === undefined) return undefined;
    const { table, addressOf } = backends;
    const addresses = table.targets.map((target) => addressOf.get(target) ?? '');
    return Array.from(table.owners, (owner) => addresses[owner] as string);
  });
}

function targetBlocks(engine: Engine, fronts: Derived<View>, tables: Derived<readonly string[]>): Derived<EntryBlock> {
  return engine.map<EntryBlock>('balancer buckets', fronts, (at, read) => {
    const view = read.get(fronts, at);
    const values = view && read.get(tables, tableOf(view));
    if (view === undefined || values === undefined) return undefined;
    const { vni, ip } = view;
    return { vni, section: `lb_target${digit(familyOfIp(ip))}`, prefix: ip, values, owner: ownerOf(view) };
  });
}

/** Whoever may be its own target. */
function selfEntries(engine: Engine, here: Here): Derived<readonly EntryDraft[]> {
  return engine.map<readonly EntryDraft[]>('balancer self', here.rows.targets, (key, read) => {
    const found = read.get(here.rows.targets, key);
    // Rows of the public side say where targets are; their own networks' rows say the same for their routers.
    if (found === undefined || found.vni === PUBLIC_VNI || !read.any(here.holds, String(found.vni))) return undefined;
    const { vni, row } = found;
    return row.ips.map((ip) => ({
      vni,
      section: `lb_self${digit(familyOfIp(ip))}`,
      key: `${ip} . ${ip}`,
      owner: `LoadBalancer/${row.balancer}`,
    }));
  });
}

export const balancingKernel: Feature = {
  name: 'balancing',
  public: { sections: PUBLIC_SECTIONS, chains: PUBLIC_CHAINS, state: [FLOWS] },
  tables: ['balancers', 'targets', 'peerings'],
  sections: SECTIONS,
  chains: CHAINS,
  publishes: (rows, engine) => [publishingNetworks(rows, engine)],
  entries: (engine, here) => {
    const fronts = frontends(engine, here);
    const tables = targetTables(engine, here, fronts);
    const services = engine.map<readonly EntryDraft[]>('balancer services', fronts, (at, read) => {
      const view = read.get(fronts, at);
      return view && serviceDrafts(view);
    });
    // Not with the others: what rests on a table has the position of its newest target.
    const sizes = engine.map<readonly EntryDraft[]>('sizes of balancer tables', fronts, (at, read) => {
      const view = read.get(fronts, at);
      if (view === undefined || read.see(tables, hasFew, tableOf(view)) !== true) return undefined;
      const { vni, ip } = view;
      return [{ vni, section: `lb_few${digit(familyOfIp(ip))}`, key: ip, owner: ownerOf(view) }];
    });
    const edge = edgeEntries(engine, here);
    const near = nearEntries(engine, here, tables);
    return {
      drafts: [services, sizes, selfEntries(engine, here), ...edge.drafts, near.drafts],
      blocks: [targetBlocks(engine, fronts, tables), edge.blocks, ...near.blocks],
    };
  },
};
