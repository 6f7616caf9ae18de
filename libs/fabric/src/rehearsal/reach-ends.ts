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
  memberKey,
  policiesTable,
} from '../rows/rows.codec.ts';
import { type PolicyRow, PUBLIC_VNI } from '../rows/rows.ts';
import { addressesOf } from './reach-touched.ts';

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
  /** By uid. Of the second of two states, only what may be otherwise than in the first (`mayDiffer`). */
  ends: ReadonlyMap<string, EndState>;
  /** By VNI. */
  policies: ReadonlyMap<number, readonly PolicyRow[]>;
  /** Interfaces by balancer. */
  targets: ReadonlyMap<string, ReadonlySet<string>>;
}>;

export type Scope = Readonly<{
  vnis: readonly number[];
  /** Interfaces of which a row differs. */
  nics: ReadonlySet<string>;
  /** Of a network: those that are bound to it, before or after. */
  peersOf: (vni: number) => readonly number[];
  /** Hosts of which a row differs that all their interfaces depend on. */
  hosts: ReadonlySet<string>;
  /** Where somebody else may have its turn. */
  breathe: () => Promise<void> | undefined;
}>;

const MEMBER = 'member/';
const POLICY = 'policy/';

/** Whether an interface may be otherwise in one of two states than in the other: a row of it differs, or others' rows decide who is seen at its addresses. */
export function mayDiffer({ nics, peersOf }: Pick<Scope, 'nics' | 'peersOf'>, vni: number, nic: string): boolean {
  return nics.has(nic) || peersOf(vni).length > 0;
}

/**
 * Of a first state all interfaces of these networks, each a few map lookups once its rows have been looked at. `isSecond`: only those that `mayDiffer` from the first,
 * so a network without peers costs what differs in it.
 */
export async function endsIn(
  tables: RowTables,
  rows: RowIndex,
  scope: Scope,
  blocks: readonly Block[],
  isSecond: boolean,
): Promise<StateOfEnds> {
  const ends = new Map<string, EndState>();
  const targets = targetsIn(tables, scope.vnis);
  const features = { balancersOf: inverse(targets), publicOf: publicsIn(tables), natOf: natIn(tables) };
  for (const vni of scope.vnis) {
    const endpoints = tables.get(endpointsTable(vni));
    const viewers = [vni, ...scope.peersOf(vni)];
    for (const raw of membersOf(tables.get(policiesTable(vni)), isSecond && viewers.length === 1 ? scope.nics : undefined)) {
      const end = knownEnd(vni, raw, endpoints);
      if (end === undefined) continue;
      const { nic, addresses, host } = end.plain;
      const seen = viewers.length === 1 && !end.hasRanges ? '' : seenText(rows, viewers, nic, addresses);
      const text = textOf(end, features, blocks, seen, scope.hosts.has(host));
      ends.set(nic, text === end.plain.text ? end.plain : { ...end.plain, publics: features.publicOf.get(nic) ?? NONE, text });
      const turn = scope.breathe();
      if (turn !== undefined) await turn;
    }
  }
  return { ends, policies: new Map(scope.vnis.map((vni) => [vni, policiesIn(tables, vni)])), targets };
}

/** Rows of members: all, or those of these interfaces. */
function* membersOf(table: ReadonlyMap<string, JsonObject> | undefined, of: ReadonlySet<string> | undefined): Iterable<JsonObject> {
  if (table === undefined) return;
  if (of === undefined || of.size > table.size) {
    for (const [key, row] of table) if (key.startsWith(MEMBER) && of?.has(key.slice(MEMBER.length)) !== false) yield row;
    return;
  }
  for (const nic of of) {
    const row = table.get(memberKey(nic));
    if (row !== undefined) yield row;
  }
}

type Features = Readonly<{
  balancersOf: ReadonlyMap<string, ReadonlySet<string>>;
  publicOf: ReadonlyMap<string, readonly string[]>;
  natOf: ReadonlyMap<string, string>;
}>;

/** What its own rows say. `plain`: of one about which nothing else says anything. */
type KnownEnd = Readonly<{ plain: EndState & Readonly<{ host: string }>; hasRanges: boolean }>;

/** By the row of an endpoint, then that of the member: rows are made once, and stay while nothing in them differs. */
const known = new WeakMap<JsonObject, Readonly<{ member: JsonObject; end: KnownEnd }>>();

function knownEnd(vni: number, member: JsonObject, endpoints: ReadonlyMap<string, JsonObject> | undefined): KnownEnd | undefined {
  const { uid } = member;
  const endpoint = typeof uid === 'string' ? endpoints?.get(uid) : undefined;
  if (endpoint === undefined) return undefined;
  const found = known.get(endpoint);
  if (found?.member === member) return found.end;
  const end = endOf(vni, member, endpoint);
  if (end !== undefined) known.set(endpoint, { member, end });
  return end;
}

function endOf(vni: number, rawMember: JsonObject, rawEndpoint: JsonObject): KnownEnd | undefined {
  const [member, endpoint] = [decodeMemberRow(rawMember), decodeEndpointRow(rawEndpoint)];
  if (member === undefined || endpoint === undefined || member.kind !== 'NetworkInterface') return undefined;
  const { uid: nic, name, targets, groups } = member;
  const { host, ips, prefixes = [] } = endpoint;
  const addresses = addressesOf(endpoint);
  const text = shared(JSON.stringify([targets, groups, addresses.map(familyOfIp), ips.length]));
  return { plain: { nic, vni, name, targets, addresses, publics: NONE, host, text }, hasRanges: prefixes.length > 0 };
}

const texts = new Map<string, string>();
const TEXTS_MAX = 10_000;

/** One string for all that are equal: it is compared, and found in maps, for each of 100,000 interfaces. */
function shared(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= TEXTS_MAX) texts.clear();
  texts.set(text, text);
  return text;
}

const NONE: readonly string[] = [];

function textOf(
  { plain: { nic, text, addresses, host } }: KnownEnd,
  features: Features,
  blocks: readonly Block[],
  seen: string,
  isOfHost: boolean,
): string {
  const { balancersOf, publicOf, natOf } = features;
  const isPlain = blocks.length === 0 && seen === '' && !isOfHost && !publicOf.has(nic) && !natOf.has(nic) && !balancersOf.has(nic);
  if (isPlain) return text;
  const inBlocks =
    blocks.length === 0
      ? ''
      : addresses.map((address) => blocks.flatMap(({ range }, i) => (isIn(range, address) ? [i] : [])).join()).join('/');
  const publics = publicOf.get(nic)?.map(familyOfIp).join() ?? '';
  const balancers = balancersOf.has(nic) ? [...(balancersOf.get(nic) ?? [])].sort().join() : '';
  return `${text} ${inBlocks} ${seen} ${publics} ${natOf.get(nic) ?? ''} ${balancers} ${isOfHost ? `"${host}"` : ''}`;
}

/** Whether each of its addresses leads to it, from each network that may see it: networks that are bound may use the same ones. */
function seenText(rows: RowIndex, viewers: readonly number[], nic: string, addresses: readonly string[]): string {
  return viewers
    .map((viewer) => `${viewer}:${addresses.map((address) => (visibleFrom(rows, viewer, address).used?.nic === nic ? 1 : 0)).join('')}`)
    .join(' ');
}

export function policiesIn(tables: RowTables, vni: number): readonly PolicyRow[] {
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
    if (row?.ip === undefined || row.host === undefined || row.draining === true || row.pending === true) continue;
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
