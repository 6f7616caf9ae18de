/**
 * What holds of a world in which nothing is under way, as far as its objects and rows show it (provider Appendix A): one line for each thing that does not. They say it by
 * other means than the code that makes rows and grants.
 */
import { type Append, conditionOf, type Fold, type Folded, familyOfIp, nameText, type ObjectKey, type PublicAddressFacts } from '@weft/api';
import { balancingTables, natTables, peeringTables, routingTables, TableRows, visibleFrom } from '@weft/fabric';
import type { NatHolder } from '@weft/lb';
import type { WorldFabric } from './world-fabric.ts';

type Tables = WorldFabric['tables'];

/** `seen` is told of each case that comes up, so that tests know what they have shown. */
export type Shown = Readonly<{ fold: Fold; appends: readonly Append[]; tables: Tables; seen?: (what: string) => void }>;

export function brokenInvariants(shown: Shown): readonly string[] {
  return [...rowsThatDiffer(shown), ...doubleOwners(shown), ...wrongSlots(shown), ...wrongVisibility(shown)];
}

/** rows as they were made change by change are those that are made by other means. */
export function* rowsThatDiffer({ fold, appends, tables }: Shown): Iterable<string> {
  const states = [...fold.all()];
  const oracles: readonly ReadonlyMap<string, ReadonlyMap<string, unknown>>[] = [
    routingTables(states),
    peeringTables(states),
    natTables(appends, states),
    balancingTables(states, appends),
  ];
  const known = new Set<string>();
  for (const oracle of oracles) {
    for (const [table, rows] of oracle) {
      known.add(table);
      if (rowsText(tables.get(table) ?? new Map()) !== rowsText(rows)) yield `A-5: table ${table} is not as the log says`;
    }
  }
  for (const table of tables.keys())
    if (FAMILIES.includes(table.split('.')[0] as string) && !known.has(table)) yield `A-5: table ${table} is not in the log`;
}

const FAMILIES = ['hosts', 'placements', 'endpoints', 'peerings', 'imports', 'nat', 'balancers', 'targets', 'virtual-ips'];

/** a number has one network, a public address one owner, a port of it one interface. */
export function* doubleOwners({ fold, tables }: Shown): Iterable<string> {
  const held = new Set<string>();
  for (const { key, status, facts } of fold.all()) {
    if (status !== 'live') continue;
    const ips = Object.values((facts as PublicAddressFacts).publicAddresses?.held ?? {});
    const all = [...ips, ...(key.kind === 'Network' && facts['vni'] !== undefined ? [`VNI ${facts['vni']}`] : [])];
    for (const each of all) {
      if (held.has(each)) yield `A-1: ${each} has two owners, ${key.kind} ${nameText(key)} is one of them`;
      held.add(each);
    }
  }
  const ports = new Map<string, [number, number][]>();
  for (const row of tables.get('nat')?.values() ?? []) {
    const { public: ip, first, last } = row as unknown as { public: string; first: number; last: number };
    const taken = ports.get(ip) ?? [];
    ports.set(ip, taken);
    for (const [from, to] of taken) if (first <= to && from <= last) yield `A-1: ports ${from} and ${first} of ${ip} have two holders`;
    taken.push([first, last]);
  }
}

/** who needs ports has one range of each family, aligned and inside the whole, or the gateway says that there are too few. */
export function* wrongSlots({ fold, seen = () => {} }: Shown): Iterable<string> {
  const live = (key: ObjectKey) => {
    const state = fold.get(key);
    return state?.status === 'live' ? state : undefined;
  };
  const isTrue = (key: ObjectKey, type: string) => {
    const state = live(key);
    return state !== undefined && conditionOf(state.object, type)?.status === 'True';
  };
  type Gateway = Folded & { size: number };
  const serving = new Map<string, Gateway>();
  for (const gateway of fold.list('NATGateway')) {
    const { networkRef, ipFamily, portsPerNetworkInterface } = gateway.object.spec as unknown as {
      networkRef: { name: string };
      ipFamily: string;
      portsPerNetworkInterface: number;
    };
    if (gateway.object.metadata.deletionTimestamp !== undefined) continue;
    if (live({ kind: 'Network', namespace: gateway.key.namespace ?? '', name: networkRef.name }) === undefined) {
      if (isTrue(gateway.key, 'Ready')) yield `A-2: NATGateway ${nameText(gateway.key)} is Ready without its network`;
      continue;
    }
    const at = `${gateway.key.namespace}/${networkRef.name} ${ipFamily}`;
    const other = serving.get(at);
    const bornAt = ({ facets }: Folded) => facets['created']?.position ?? 0n;
    if (other === undefined || bornAt(gateway) < bornAt(other)) serving.set(at, { ...gateway, size: portsPerNetworkInterface });
  }
  const without = new Map<string, number>();
  for (const nic of fold.list('NetworkInterface')) {
    const { ips = [], virtualIP } = (nic.object.status ?? {}) as { ips?: string[]; virtualIP?: string };
    const { name = '' } = (nic.object.spec?.['networkRef'] ?? {}) as { name?: string };
    const holder = fold.record('nat-slots', nic.object.metadata.uid) as NatHolder | undefined;
    const of = `NetworkInterface ${nameText(nic.key)}`;
    const sections = (holder?.holdings ?? []).flatMap(({ gateway, section, drains = [] }) =>
      drains.length > 0 || section === undefined ? [] : [{ uid: gateway.uid, ...section }],
    );
    if (holder?.holdings.some(({ drains = [] }) => drains.length > 0)) yield `A-2: ports of ${of} still drain`;
    for (const family of ['IPv4', 'IPv6']) {
      const has = sections.filter(({ ip }) => familyOfIp(ip) === family);
      const fits = ips.some((ip) => familyOfIp(ip) === family) && (virtualIP === undefined || familyOfIp(virtualIP) !== family);
      const gateway = serving.get(`${nic.key.namespace}/${name} ${family}`);
      if (!fits || gateway === undefined) {
        if (has.length > 0) yield `A-4: ${of} has ports of ${family} that it does not need`;
        continue;
      }
      if (has.length > 1) yield `A-2: ${of} has two ranges of ${family}`;
      seen(has.length === 1 ? 'with ports' : 'without ports');
      const { uid } = gateway.object.metadata;
      if (has.length === 0) without.set(uid, (without.get(uid) ?? 0) + 1);
      for (const { uid: by, port, ports } of has) {
        const isRight = by === uid && ports === gateway.size && port % ports === 0 && port >= 1_024 && port + ports <= 65_536;
        if (!isRight) yield `A-2: ${of} has ${ports} ports from ${port} of ${by}, the gateway ${uid} gives ${gateway.size}`;
      }
    }
  }
  for (const { key, object } of serving.values()) {
    if (isTrue(key, 'NATPortsExhausted') !== without.has(object.metadata.uid))
      yield `A-3: NATGateway ${nameText(key)} does not say rightly whether its ports are exhausted`;
  }
}

type Peering = Readonly<{
  networkRef: { namespace?: string; name: string };
  prefixes?: readonly { prefix?: string; prefixRef?: { name: string } }[];
}>;

/** who is seen from where follows from what networks say of each other, and from nothing else. */
export function* wrongVisibility({ fold, tables, seen = () => {} }: Shown): Iterable<string> {
  const networks = [...fold.list('Network')].filter(({ facts }) => facts['vni'] !== undefined);
  const nics = [...fold.list('NetworkInterface')].filter(({ facts }) => facts['placement'] !== undefined);
  const ipsOf = ({ object }: Folded) => (object.status?.['ips'] ?? []) as string[];
  const networkOf = ({ key, object }: Folded) => `${key.namespace}/${((object.spec?.['networkRef'] ?? {}) as { name?: string }).name}`;
  const peeringOf = (one: Folded, other: Folded): Peering | undefined =>
    ((one.object.spec?.['peerings'] ?? []) as unknown as Peering[]).find(
      ({ networkRef: { namespace = one.key.namespace, name } }) => namespace === other.key.namespace && name === other.key.name,
    );
  const accepts = (one: Folded, other: Folded): boolean =>
    ((one.object.spec?.['incomingPeerings'] ?? []) as { namespace?: string; name?: string; uid?: string }[]).some(
      ({ namespace = one.key.namespace, name, uid }) =>
        namespace === other.key.namespace && name === other.key.name && uid === other.object.metadata.uid,
    );
  const exposes = (of: Folded, to: Folded, address: string): boolean => {
    const peering = peeringOf(of, to);
    if (of === to) return true;
    // What a network that is being deleted has accepted stands in its spec, also when the other one does not name it any more.
    if (peering === undefined || peeringOf(to, of) === undefined || !accepts(of, to) || !accepts(to, of)) return false;
    const { prefixes = [] } = peering;
    if (prefixes.length === 0) return true;
    return prefixes.some(({ prefix, prefixRef }) => {
      const child = prefixRef && fold.get({ kind: 'Prefix', namespace: of.key.namespace ?? '', name: prefixRef.name });
      const isAllocated = child?.status === 'live' && child.object.status?.['phase'] === 'Allocated';
      const range = prefix ?? (isAllocated ? (child.object.spec?.['prefix'] as string) : undefined);
      return range !== undefined && isIn(address, range);
    });
  };
  const rows = new TableRows(tables);
  const addresses = new Set(nics.flatMap(ipsOf));
  for (const from of networks) {
    for (const address of addresses) {
      const expected = networks.filter(
        (of) => nics.some((nic) => networkOf(nic) === nameText(of.key) && ipsOf(nic).includes(address)) && exposes(of, from, address),
      );
      const visible = visibleFrom(rows, from.facts['vni'] as number, address);
      const found = [visible.used, ...visible.shadowed].flatMap((each) =>
        each?.destination.endsWith('/32') || each?.destination.endsWith('/128') ? [each.vni] : [],
      );
      const [is, ought] = [[...new Set(found)].sort(), expected.map(({ facts }) => facts['vni']).sort()];
      if (String(is) !== String(ought)) yield `A-6: ${nameText(from.key)} sees ${address} in ${is}, it should in ${ought}`;
      if (expected.includes(from) && visible.used?.vni !== from.facts['vni'])
        yield `A-6: ${nameText(from.key)} does not see its own ${address}`;
      if (visible.used !== undefined && visible.used.vni !== from.facts['vni']) seen('used by peering');
      if (visible.shadowed.length > 0) seen('shadowed');
      if (visible.hidden.length > 0) seen('hidden');
    }
  }
}

function isIn(address: string, range: string): boolean {
  if (address.includes(':') || range.includes(':')) return address.includes(':') && range.includes(':') && range.startsWith('::/0');
  const [base = '', length = '0'] = range.split('/');
  const number = (ip: string) => ip.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

function rowsText(rows: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
}
