/** What `policyEntries` should make, from all rows at once and without the engine. For tests. */
import type { JsonObject } from '@weft/api';
import type { EntryDraft } from '../kernel/feature.ts';
import {
  type BalancerRow,
  type MemberRow,
  type PlacementRow,
  POLICY_DIRECTIONS,
  type PolicyDirection,
  type PolicyRow,
} from '../rows/rows.ts';
import { type FamilySpan, spansWithout } from './address-spans.ts';
import {
  addressDraft,
  balancerAt,
  blockDrafts,
  classDraft,
  classText,
  identityText,
  numberDraft,
  numberOf,
  numbersOf,
  OPEN,
  ownDraft,
  pairDrafts,
  placesOf,
  rangeDraft,
  stagedDraft,
} from './policy.layout.ts';
import { decodePolicyTableRow } from './policy.table.ts';
import { isEmpty, type PortSet, portSetOf, textOfPorts, unionOf } from './port-set.ts';

/** `tables`: `policies.<vni>` by VNI; `balancers`: of all networks. O(classes · identities · rules). */
export function policyEntriesOf(
  placements: readonly Pick<PlacementRow, 'vni' | 'nic'>[],
  tables: ReadonlyMap<number, ReadonlyMap<string, JsonObject>>,
  balancers: Iterable<Pick<BalancerRow, 'vni' | 'number' | 'ips'>> = [],
): readonly EntryDraft[] {
  return [...new Set(placements.map(({ vni }) => vni))].flatMap((vni) => {
    const nics = placements.filter((each) => each.vni === vni).map(({ nic }) => nic);
    const numbered = [...balancers].filter((each) => each.vni === vni);
    return entriesOfNetwork(vni, nics, tables.get(vni) ?? new Map(), numbered);
  });
}

function entriesOfNetwork(
  vni: number,
  nics: readonly string[],
  table: ReadonlyMap<string, JsonObject>,
  balancers: readonly Pick<BalancerRow, 'number' | 'ips'>[],
): readonly EntryDraft[] {
  const rows = [...table].flatMap(([key, row]) => decodePolicyTableRow(row, key) ?? []);
  const members = rows.flatMap((row) => ('uid' in row ? [row] : []));
  const policies = rows.flatMap((row) => ('policy' in row ? [row] : []));
  const isUnclear = rows.some((row) => 'unclear' in row);

  const ports = isUnclear ? [] : nics.flatMap((nic) => classesOf(nic, members, policies) ?? []);
  const classes = unique(ports.flatMap(({ egress, ingress }) => [egress.text, ingress.text].filter((text) => text !== undefined)));
  const addresses = namedAddresses(members);
  const ranges = namedRanges(members);
  const grants = policies.flatMap((policy) => [policy, ...stagedOf(policy)]).flatMap(grantsOf);
  const identities = unique([...addresses, ...ranges].map(({ identity }) => identity));
  if (grants.some(({ group }) => group === '')) identities.push('');
  const numberIn = (texts: readonly string[], text: string): number =>
    numberOf(text, text === '' ? 1 : texts.filter((each) => numbersOf(each).first === numbersOf(text).first).length);
  const identityNumber = (text: string): number => numberIn(identities, text);

  return [
    ...(rows.length > 0 ? [ownDraft(vni)] : []),
    ...ports.flatMap(({ nic, ...classOf }) =>
      POLICY_DIRECTIONS.flatMap((direction) => {
        const { text, staged = [] } = classOf[direction];
        return [
          classDraft(vni, direction, nic, text === undefined ? OPEN : numberIn(classes, text)),
          ...(staged.length === 0 ? [] : [stagedDraft(vni, direction, nic, staged)]),
        ];
      }),
    ),
    ...addresses.map(({ section, address, identity, owner }) => addressDraft(vni, section, address, identityNumber(identity), owner)),
    ...balancers.flatMap(({ number, ips }) => {
      const named = ips.flatMap((ip) => addresses.find(({ section, address }) => `${section}/${address}` === balancerAt(ip)) ?? [])[0];
      return number === undefined || named === undefined ? [] : [numberDraft(vni, number, identityNumber(named.identity), named.owner)];
    }),
    ...ranges.map(({ span, identity, owner }) => rangeDraft(vni, span.family, span, identityNumber(identity), owner)),
    ...classes.flatMap((text) => {
      const [direction, ...targets] = text.split('\n');
      const own = grants.filter((grant) => grant.direction === direction && targets.includes(grant.target));
      const pairs = identities.flatMap((identity) => {
        const admitting = own.filter(({ group }) => identity.split('\n').includes(group));
        const admitted = unionOf(admitting.map((grant) => grant.ports));
        return isEmpty(admitted) ? [] : pairDrafts(vni, numberIn(classes, text), identityNumber(identity), admitted, ownerOf(admitting));
      });
      const blocks = policies
        .flatMap((policy) => [policy, ...stagedOf(policy)])
        .filter(({ target }) => targets.includes(target))
        .flatMap((policy) => blocksOf(policy, direction as PolicyDirection));
      const pieces = cut(blocks).flatMap(({ span, of }) =>
        blockDrafts(vni, numberIn(classes, text), span, unionOf(of.map((each) => each.ports)), ownerOf(of)),
      );
      return [...pairs, ...pieces];
    }),
  ];
}

function classesOf(nic: string, members: readonly MemberRow[], policies: readonly PolicyRow[]) {
  const member = members.find(({ uid }) => uid === nic);
  if (member === undefined) return undefined;
  const regulating = member.targets.map((name) => policies.filter(({ target }) => target === name));
  if (regulating.some((each) => each.length === 0)) return undefined;
  const all = regulating.flat();
  const enforced = all.filter(({ staged }) => staged === undefined);
  const classOf = (direction: PolicyDirection): Readonly<{ text?: string; staged?: readonly string[] }> => {
    const names = unique(enforced.map(({ target }) => target));
    if (enforced.some(({ isolates }) => isolates.includes(direction))) return { text: classText(direction, names) };
    const staged = all.flatMap(stagedOf);
    const isolating = staged.filter(({ isolates }) => isolates.includes(direction));
    if (isolating.length === 0) return {};
    const text = classText(direction, [...names, ...unique(staged.map(({ target }) => target))]);
    return { text, staged: unique(isolating.map(({ policy, position }) => `${policy} ${position}`)) };
  };
  return { nic, egress: classOf('egress'), ingress: classOf('ingress') };
}

/** A staged policy as one that is enforced, of another target. */
function stagedOf(policy: PolicyRow): readonly PolicyRow[] {
  return policy.staged === undefined ? [] : [{ ...policy, ...policy.staged, target: `staged ${policy.target}` }];
}

type Grant = Readonly<{ direction: PolicyDirection; target: string; group: string; ports: PortSet; policy: string }>;

/** One for each group and rule that admits something. */
function grantsOf(policy: PolicyRow): readonly Grant[] {
  return POLICY_DIRECTIONS.flatMap((direction) =>
    policy[direction].flatMap(({ peers, ports }) => {
      const groups = peers === 'any' ? [''] : peers.flatMap((peer) => ('group' in peer ? [peer.group] : []));
      return groups.map((group): Grant => ({ direction, target: policy.target, group, ports: portSetOf(ports), policy: policy.policy }));
    }),
  ).filter(({ ports }) => !isEmpty(ports));
}

function namedAddresses(members: readonly MemberRow[]) {
  const places = members.flatMap((row) => placesOf(row).flatMap((place) => (place.range === undefined ? [{ ...place, row }] : [])));
  return unique(places.map(({ section, address }) => `${section}/${address}`)).flatMap((at) => {
    const own = places.filter(({ section, address, row }) => `${section}/${address}` === at && row.groups.length > 0).map(({ row }) => row);
    const [section = '', address = ''] = at.split('/');
    return own.length === 0
      ? []
      : [{ section, address, identity: identityOf(own), owner: `${own[0]?.kind}/${lowest(own.map(({ uid }) => uid))}` }];
  });
}

function namedRanges(members: readonly MemberRow[]) {
  const spans = members.flatMap((row) =>
    row.groups.length === 0 ? [] : placesOf(row).flatMap(({ range }) => (range === undefined ? [] : [{ span: range, of: row }])),
  );
  const pieces = cutAt(spans, (of) => identityOf(of));
  return pieces.map(({ span, of }) => ({ span, identity: identityOf(of), owner: `NetworkInterface/${lowest(of.map(({ uid }) => uid))}` }));
}

type Block = Readonly<{ span: FamilySpan; ports: PortSet; policy: string }>;

function blocksOf(policy: PolicyRow, direction: PolicyDirection): readonly Block[] {
  return policy[direction].flatMap(({ peers, ports }) =>
    peers === 'any' || isEmpty(portSetOf(ports))
      ? []
      : peers.flatMap((peer) =>
          'cidr' in peer
            ? spansWithout(peer.cidr, peer.except).map((span) => ({ span, ports: portSetOf(ports), policy: policy.policy }))
            : [],
        ),
  );
}

function cut(blocks: readonly Block[]) {
  return cutAt(
    blocks.map((block) => ({ span: block.span, of: block })),
    (of) => textOfPorts(unionOf(of.map(({ ports }) => ports))),
  );
}

/** By brute force: every address at which something begins or ends, one after another. */
function cutAt<T>(spans: readonly Readonly<{ span: FamilySpan; of: T }>[], nameOf: (of: readonly T[]) => string) {
  return (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const own = spans.filter(({ span }) => span.family === family);
    const bounds = [...new Set(own.flatMap(({ span }) => [span.first, span.last + 1n]))].sort((a, b) => (a < b ? -1 : 1));
    const pieces: { span: FamilySpan; of: readonly T[] }[] = [];
    for (const [index, first] of bounds.entries()) {
      const next = bounds[index + 1];
      const of = own.filter(({ span }) => span.first <= first && first <= span.last).map((each) => each.of);
      if (next === undefined || of.length === 0) continue;
      const before = pieces.at(-1);
      const joins = before !== undefined && before.span.last + 1n === first && nameOf(before.of) === nameOf(of);
      if (joins) pieces[pieces.length - 1] = { span: { ...before.span, last: next - 1n }, of: before.of };
      else pieces.push({ span: { family, first, last: next - 1n }, of });
    }
    return pieces;
  });
}

function identityOf(rows: readonly MemberRow[]): string {
  return identityText(unique(rows.flatMap(({ groups }) => groups)));
}

function ownerOf(of: readonly Readonly<{ policy: string }>[]): string {
  return `NetworkPolicy/${lowest(of.map(({ policy }) => policy))}`;
}

function lowest(texts: readonly string[]): string {
  return [...texts].sort()[0] ?? '';
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
