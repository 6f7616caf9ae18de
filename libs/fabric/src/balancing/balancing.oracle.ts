/**
 * Makes all rows of balancers, their targets and VirtualIPs by one join over all states, and the log for what states do not tell: which event made an
 * interface a target. The projections must give the same rows on every history. They share how a row looks and nothing else.
 */
import {
  AnyPrefix,
  AnyVirtualIp,
  type Append,
  type Because,
  type Folded,
  type KindRef,
  type KindTypes,
  memberOf,
  membersIn,
  ofKind,
  type SeenVirtualIp,
} from '@weft/api';
import { type HealthCheck, healthCheckOf, LoadBalancer, LoadBalancerRouting, type LoadBalancerTypes } from '@weft/lb';
import { macOfNic, Network, NetworkInterface, type NicTypes } from '@weft/network';
import { inOrder, type RowCause } from '../rows/provenance.ts';
import type { Row, TableName } from '../rows/rows.ts';
import { publicVirtualIpRow, virtualIpRow } from '../virtual-ips/virtual-ips.rows.ts';
import { balancerRow, publicTargetRow, type TargetRead, targetRow } from './balancing.rows.ts';

type Rows = Map<TableName, Map<string, Row>>;
type Nic = Folded<NicTypes>;
type Balancer = Folded<LoadBalancerTypes>;
type Book = { namespace: string; network: string; name: string; number: number; ips: readonly string[]; causes: readonly RowCause[] };
type Target = Readonly<{ found: TargetRead; causes: readonly RowCause[]; nic: Nic | undefined }>;

/** States may come in any order; ended ones are ignored. A table without rows is absent. O(states × states): for tests. */
export function balancingTables(states: Iterable<Folded>, appends: Iterable<Append>): ReadonlyMap<TableName, ReadonlyMap<string, Row>> {
  const tables: Rows = new Map();
  const world = new Joined(states, appends, tables);
  world.addBalancers();
  for (const each of world.of(LoadBalancer)) world.addTargets(each);
  for (const each of world.of(AnyVirtualIp)) world.addVirtualIp(each);
  return tables;
}

class Joined {
  readonly #live: readonly Folded[];
  readonly #tables: Rows;
  /** `<stream> <uid>` -> the last event that says what this interface is there. */
  readonly #joined = new Map<string, RowCause>();
  /** What the balancer of a uid has of the address book of its Network, while it has a number. */
  readonly #booked = new Map<string, Book>();

  constructor(states: Iterable<Folded>, appends: Iterable<Append>, tables: Rows) {
    this.#live = [...states].filter(({ status }) => status === 'live');
    this.#tables = tables;
    for (const { events } of appends) {
      for (const { type, data, stream, id, position } of events) {
        this.#book(type, data, stream, { position, eventId: id });
        if (/^LoadBalancerTarget(Joined|Failed|Recovered)\.v1$/.test(type))
          this.#joined.set(`${stream} ${String(data['uid'])}`, { position, eventId: id });
      }
    }
  }

  of<T extends KindTypes>(kind: KindRef<T>): readonly Folded<T>[] {
    return this.#live.flatMap((state) => ofKind(kind, state) ?? []);
  }

  #named<T extends KindTypes>(kind: KindRef<T>, namespace: string | undefined, name: string | undefined): Folded<T> | undefined {
    return this.of(kind).find(({ key }) => key.namespace === namespace && key.name === name);
  }

  #put(table: TableName, key: string, row: Row): void {
    const rows = this.#tables.get(table) ?? new Map<string, Row>();
    this.#tables.set(table, rows.set(key, row));
  }

  #book(type: string, data: Readonly<Record<string, unknown>>, stream: string, cause: RowCause): void {
    const uid = String(data['uid']);
    const booked = this.#booked.get(uid);
    const ips = (data['ips'] ?? []) as readonly string[];
    const [namespace = '', ...network] = stream.slice(stream.indexOf('-') + 1).split('.');
    const first = booked?.causes.slice(0, 1) ?? [];
    if (type === 'BalancerNumbered.v1') {
      const name = String(data['balancer']);
      this.#booked.set(uid, { namespace, network: network.join('.'), name, number: Number(data['number']), ips: [], causes: [cause] });
    } else if (type === 'BalancerNumberReleased.v1') this.#booked.delete(uid);
    else if (booked !== undefined && type === 'BalancerAddressesClaimed.v1') {
      Object.assign(booked, { ips: [...booked.ips, ...ips], causes: [...first, cause] });
    } else if (booked !== undefined && type === 'BalancerAddressesReleased.v1') {
      Object.assign(booked, { ips: booked.ips.filter((ip) => !ips.includes(ip)), causes: [...first, cause] });
    }
  }

  addBalancers(): void {
    for (const [uid, { namespace, network: of, name, number, ips: booked, causes: own }] of this.#booked) {
      const network = this.#named(Network, namespace, of);
      const vni = network?.facts.vni;
      if (network === undefined || vni === undefined) continue;
      const seen = this.#named(LoadBalancer, namespace, name);
      const balancer = seen?.object.metadata.uid === uid ? seen : undefined;
      const { type, ports = [] } = balancer?.object.spec ?? {};
      const scheme = type === 'Public' ? 'Public' : 'Internal';
      const { ips: given, causes } = balancer === undefined ? NO_ADDRESSES : this.#addressesOf(balancer);
      const ips = scheme === 'Public' ? given : given.filter((ip) => booked.includes(ip));
      const ranges = ports.map(({ protocol = 'TCP', port = 0, endPort = port }) => ({ protocol, first: port, last: endPort }));
      const sources = [
        'annotations',
        'spec.type',
        'spec.ports',
        'spec.ipFamilies',
        'spec.ips',
        'spec.virtualIPs',
        'wanted',
        'publicAddresses',
      ];
      const living = seen === undefined ? [] : causesOf(seen, 'created');
      const behind = [
        ...own,
        ...living,
        ...(balancer === undefined ? [] : causesOf(balancer, ...sources)),
        ...causesOf(network, 'created', 'vni'),
        ...causes,
      ];
      const check = checkIn(balancer);
      const read = { uid, namespace, name, vni, number, scheme, ips, ports: ranges, ...(check && { check }) } as const;
      const tables = scheme === 'Public' && ips.length > 0 ? [vni, 1] : [vni];
      for (const table of tables) this.#put(`balancers.${table}`, uid, balancerRow(read, inOrder(behind)));
    }
  }

  addTargets(balancer: Balancer): void {
    const { key, object } = balancer;
    const { uid } = object.metadata;
    const { type, networkRef } = object.spec ?? {};
    const network = this.#named(Network, key.namespace, networkRef?.name);
    const vni = network?.facts.vni;
    if (network === undefined || vni === undefined) return;
    const numbered = causesOf(network, 'created', 'vni');
    const scheme = type === 'Public' ? 'Public' : 'Internal';
    for (const { found, causes: own, nic } of this.#targetsOf(balancer, network.object.metadata.uid)) {
      const behind = [...causesOf(balancer, 'created'), ...numbered, ...own];
      this.#put(`targets.${vni}`, `${uid}/${found.target}`, targetRow(found, inOrder(behind)));
      const mac = nic && macOfNic(nic.facts, vni);
      if (scheme !== 'Public' || nic?.facts.placement === undefined || mac === undefined) continue;
      const where = { vni, nic: nic.object.metadata.uid, host: nic.facts.placement.host, mac };
      const all = [...behind, ...causesOf(balancer, 'spec.type'), ...causesOf(nic, 'created', 'addresses', 'prefixes', 'placement')];
      this.#put('targets.1', `${uid}/${found.target}`, publicTargetRow({ ...found, ...where }, inOrder(all)));
    }
  }

  #addressesOf({ key: { namespace, name }, object, facts }: Balancer): Readonly<{ ips: string[]; causes: readonly RowCause[] }> {
    const { type, ipFamilies = [], ips: sources = [], virtualIPs = [] } = object.spec ?? {};
    const { uid } = object.metadata;
    const ips: (string | undefined)[] = [];
    const causes: RowCause[] = [];
    if (type !== 'Public') {
      for (const [i, { value }] of sources.entries()) {
        const child = value === undefined ? this.#named(AnyPrefix, namespace, `${name}-${i}`) : undefined;
        if (child !== undefined) causes.push(...causesOf(child, 'created', 'spec', 'phase', 'ownerReferences'));
        const isOwn = child?.object.metadata.ownerReferences?.some((each) => each.controller === true && each.uid === uid) === true;
        const [address = '', length] = (child?.object.spec?.prefix ?? '').split('/');
        const isOne = length === (address.includes(':') ? '128' : '32');
        ips.push(value ?? (isOwn && isOne && child.object.status?.phase === 'Allocated' ? address : undefined));
      }
    } else if (virtualIPs.length > 0) {
      for (const { virtualIPRef } of virtualIPs) {
        const virtualIp = this.#named(AnyVirtualIp, namespace, virtualIPRef?.name);
        if (virtualIp === undefined) continue;
        causes.push(...causesOf(virtualIp, 'created', 'spec.targetRef', 'wanted', 'publicAddresses'));
        if (virtualIp.object.spec?.targetRef?.uid === uid) ips.push(virtualIp.object.status?.ip);
      }
    } else ips.push(...ipFamilies.map((family) => facts.publicAddresses?.held[family]));
    return { ips: ips.filter((ip) => ip !== undefined), causes };
  }

  #targetsOf(of: Balancer, networkUid: string): readonly Target[] {
    const { key, object } = of;
    const { uid } = object.metadata;
    const network = object.spec?.networkRef?.name;
    const routing = this.#named(LoadBalancerRouting, key.namespace, key.name);
    const { networkRef, destinations = [] } = routing?.object ?? {};
    if (routing === undefined) return [];
    const nics = this.of(NetworkInterface);
    const { balancer, targets, failed: failures = {} } = routing.facts;
    if (balancer !== undefined) {
      if (balancer !== uid || networkRef?.uid !== networkUid) return [];
      return membersIn(targets).map(([target, { name, ips }]) => {
        const joined = this.#joined.get(`LoadBalancerRouting-${key.namespace}.${key.name} ${target}`);
        const isFailed = memberOf(failures, target) === true;
        const failed = isFailed && checkIn(of) !== undefined && ({ failed: true } as const);
        return {
          found: { balancer: uid, target, name, ips, ...failed },
          causes: [
            ...causesOf(routing, 'created', 'managed'),
            ...(joined === undefined ? [] : [joined]),
            ...(isFailed ? causesOf(of, 'annotations') : []),
          ],
          nic: nics.find((nic) => nic.object.metadata.uid === target && (nic.object.status?.ips ?? []).length > 0),
        };
      });
    }
    const isOther = networkRef?.uid === undefined ? (networkRef?.name ?? network) !== network : networkRef.uid !== networkUid;
    if (isOther) return [];
    const seen = new Set<string>();
    return destinations.flatMap(({ ip, targetRef }) => {
      if (ip === undefined || seen.has(ip)) return [];
      seen.add(ip);
      const nic = nics.find((each) => {
        const isThere = each.key.namespace === key.namespace && each.object.spec?.networkRef?.name === network;
        const isMeant = targetRef?.uid === undefined || targetRef.uid === each.object.metadata.uid;
        return isThere && isMeant && each.object.status?.ips?.includes(ip) === true;
      });
      const found = { balancer: uid, target: ip, name: targetRef?.name ?? ip, ips: [ip] };
      return [{ found, causes: causesOf(routing, 'created', 'managed', 'destinations'), nic }];
    });
  }

  addVirtualIp(virtualIp: Folded<SeenVirtualIp>): void {
    const { uid } = virtualIp.object.metadata;
    const ip = virtualIp.object.status?.ip;
    const nic = this.of(NetworkInterface).find(({ object }) => object.metadata.uid === virtualIp.object.spec?.targetRef?.uid);
    if (ip === undefined || nic === undefined) return;
    const network = this.#named(Network, nic.key.namespace, nic.object.spec?.networkRef?.name);
    const vni = network?.facts.vni;
    const address = nic.object.status?.ips?.find((each) => each.includes(':') === ip.includes(':'));
    if (network === undefined || vni === undefined || address === undefined) return;
    const seen = { virtualIp: uid, ip, nic: nic.object.metadata.uid, address };
    const causes = [
      ...causesOf(virtualIp, 'created', 'spec.targetRef', 'wanted', 'publicAddresses'),
      ...causesOf(nic, 'created', 'addresses'),
      ...causesOf(network, 'vni'),
    ];
    this.#put(`virtual-ips.${vni}`, uid, virtualIpRow(seen, inOrder(causes)));
    const host = nic.facts.placement?.host;
    if (host === undefined) return;
    const all = inOrder([...causes, ...causesOf(nic, 'placement')]);
    this.#put('virtual-ips.1', uid, publicVirtualIpRow({ ...seen, vni, host }, all));
  }
}

function checkIn(balancer: Balancer | undefined): HealthCheck | undefined {
  const check = balancer && healthCheckOf(balancer.object);
  return typeof check === 'string' ? undefined : check;
}

const NO_ADDRESSES = { ips: [], causes: [] };

type WithFacets = Readonly<{ facets: Readonly<Record<string, Because | undefined>> }>;

function causesOf({ facets }: WithFacets, ...names: readonly string[]): readonly RowCause[] {
  return names.flatMap((name) => facets[name] ?? []);
}
