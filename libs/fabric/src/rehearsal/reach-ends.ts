/** The interfaces of some networks in groups: rows tell the members of one apart in nothing that decides about packets, neither before nor after. */
import { familyOfIp, holdsRange, type IpRange, type JsonObject, parsePrefix, rangeOf } from '@weft/api';
import { visibleFrom } from '../evaluate/visible.ts';
import type { RowIndex, RowTables } from '../rows/row-index.ts';
import {
  decodeEndpointRow,
  decodeMemberRow,
  decodeNatRow,
  decodePolicyRow,
  decodePublicVirtualIpRow,
  decodeTargetRow,
  endpointsTable,
  policiesTable,
} from '../rows/rows.codec.ts';
import { type PolicyRow, PUBLIC_VNI } from '../rows/rows.ts';

/** An interface in one of the two states. */
export type EndState = Readonly<{
  nic: string;
  vni: number;
  name: string;
  /** Names of what selects it as a target of policies. */
  targets: readonly string[];
  /** Addresses under which others of its network reach it: its own, and the first of each of its ranges. */
  addresses: readonly string[];
  /** Public addresses that stand for it. */
  publics: readonly string[];
  /** What decides about its packets, in one text. */
  text: string;
}>;

export type StateOfEnds = Readonly<{
  ends: ReadonlyMap<string, EndState>;
  /** By VNI. */
  policies: ReadonlyMap<number, readonly PolicyRow[]>;
  /** Interfaces by balancer. */
  targets: ReadonlyMap<string, ReadonlySet<string>>;
}>;

export type Scope = Readonly<{
  vnis: readonly number[];
  /** Of a network: those that are bound to it, before or after. */
  peersOf: (vni: number) => readonly number[];
  /** Hosts of which a row differs that all their interfaces depend on. */
  hosts: ReadonlySet<string>;
  /** Where somebody else may have its turn. */
  breathe: () => Promise<void> | undefined;
}>;

const MEMBER = 'member/';
const POLICY = 'policy/';

/** O(interfaces of these networks). */
export async function endsIn(tables: RowTables, rows: RowIndex, scope: Scope): Promise<StateOfEnds> {
  const ends = new Map<string, EndState>();
  const policies = new Map(scope.vnis.map((vni) => [vni, policiesIn(tables, vni)]));
  const blocks = blocksOf([...policies.values()].flat());
  const targets = targetsIn(tables, scope.vnis);
  const balancersOf = inverse(targets);
  const publicOf = publicsIn(tables);
  const natOf = natIn(tables);
  for (const vni of scope.vnis) {
    const endpoints = tables.get(endpointsTable(vni));
    const viewers = [vni, ...scope.peersOf(vni)];
    for (const [key, raw] of tables.get(policiesTable(vni)) ?? []) {
      if (!key.startsWith(MEMBER)) continue;
      const member = decodeMemberRow(raw);
      const endpoint = member?.kind === 'NetworkInterface' ? decodeEndpointRow(endpoints?.get(member.uid)) : undefined;
      if (member === undefined || endpoint === undefined) continue;
      const { uid: nic, name, targets: selectedBy, groups } = member;
      const addresses = [...endpoint.ips, ...(endpoint.prefixes ?? []).map((prefix) => prefix.slice(0, prefix.indexOf('/')))];
      const publics = publicOf.get(nic) ?? [];
      const seen = viewers.length === 1 && endpoint.prefixes === undefined ? '' : seenText(rows, viewers, nic, addresses);
      const text = JSON.stringify([
        selectedBy,
        groups,
        addresses.map(
          (address) => `${familyOfIp(address)} ${blocks.filter(({ range }) => isIn(range, address)).map(({ text: block }) => block)}`,
        ),
        endpoint.ips.length,
        seen,
        publics.map(familyOfIp),
        natOf.get(nic) ?? '',
        [...(balancersOf.get(nic) ?? [])].sort(),
        scope.hosts.has(endpoint.host) ? endpoint.host : '',
      ]);
      ends.set(nic, { nic, vni, name, targets: selectedBy, addresses, publics, text });
      await scope.breathe();
    }
  }
  return { ends, policies, targets };
}

/** Whether each of its addresses leads to it, from each network that may see it: networks that are bound may use the same ones. */
function seenText(rows: RowIndex, viewers: readonly number[], nic: string, addresses: readonly string[]): string {
  return viewers
    .map((viewer) => `${viewer}:${addresses.map((address) => (visibleFrom(rows, viewer, address).used?.nic === nic ? 1 : 0)).join('')}`)
    .join(' ');
}

function policiesIn(tables: RowTables, vni: number): readonly PolicyRow[] {
  const found: PolicyRow[] = [];
  for (const [key, raw] of tables.get(policiesTable(vni)) ?? []) {
    const row = key.startsWith(POLICY) ? decodePolicyRow(raw) : undefined;
    if (row !== undefined) found.push(row);
  }
  return found;
}

export type Block = Readonly<{ text: string; range: IpRange }>;

/** The prefixes that rules name, exceptions too, each once. */
export function blocksOf(policies: readonly PolicyRow[]): readonly Block[] {
  const texts = new Set<string>();
  for (const { egress, ingress } of policies) {
    for (const { peers } of [...egress, ...ingress]) {
      for (const peer of peers === 'any' ? [] : peers) if ('cidr' in peer) for (const text of [peer.cidr, ...peer.except]) texts.add(text);
    }
  }
  return [...texts].sort().flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix === undefined ? [] : [{ text, range: rangeOf(prefix) }];
  });
}

function isIn(range: IpRange, address: string): boolean {
  const prefix = parsePrefix(`${address}/${familyOfIp(address) === 'IPv4' ? 32 : 128}`);
  return prefix !== undefined && holdsRange(range, rangeOf(prefix));
}

function targetsIn(tables: RowTables, vnis: readonly number[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const table of [...vnis.map((vni) => `targets.${vni}`), `targets.${PUBLIC_VNI}`]) {
    for (const raw of tables.get(table)?.values() ?? []) {
      const row = decodeTargetRow(raw);
      if (row !== undefined) add(found, row.balancer, row.target);
    }
  }
  return found;
}

function publicsIn(tables: RowTables): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const raw of tables.get(`virtual-ips.${PUBLIC_VNI}`)?.values() ?? []) {
    const row = decodePublicVirtualIpRow(raw as JsonObject);
    if (row !== undefined) found.set(row.nic, [...(found.get(row.nic) ?? []), row.ip].sort());
  }
  return found;
}

/** Of which families an interface has ports of a public address. */
function natIn(tables: RowTables): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const raw of tables.get('nat')?.values() ?? []) {
    const row = decodeNatRow(raw);
    if (row?.ip === undefined || row.host === undefined || row.draining === true) continue;
    const family = familyOfIp(row.public);
    const known = found.get(row.nic) ?? '';
    if (!known.includes(family)) found.set(row.nic, [known, family].sort().join(' ').trim());
  }
  return found;
}

function inverse(sets: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const [key, values] of sets) for (const value of values) add(found, value, key);
  return found;
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const found = sets.get(key);
  if (found === undefined) sets.set(key, new Set([value]));
  else found.add(value);
}
