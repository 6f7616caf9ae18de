/**
 * Entries of policies as functions of rows (`policy.layout.ts` says what they mean).
 *
 *   policies ── by target ──> targets ──┐
 *   members ──────────────────┬─────────┴──> ports ── by class ──> classes ──┐
 *   placements here ──────────┘                └──> entries of ports         │
 *   members ── by address ──> addresses ──> entries of addresses             │
 *            └─ with ranges ─> ranges ─┐                                     │
 *                  by identity of both ┴──> identities ──┐                   │
 *   policies ── by target and group ──> grants ──────────┴──> pairs ──< ─────┤
 *            └─ by target ───────────> blocks ──────────────> pieces ──< ────┘
 *
 * One more member of known groups is an address; nothing else is asked. A member of groups that nobody else is in asks for what the classes here admit of them.
 * A changed rule asks all identities in its group. What a network has of ranges is cut anew when one of them changes.
 */
import { type Derived, type Engine, type Lens, type Read, sameValue } from '@weft/derive';
import { later } from '../compile/compile.rules.ts';
import type { Stay } from '../compile/followed-rows.ts';
import type { Here } from '../compile/here.ts';
import { inNetwork, networkOf, restOf } from '../compile/network-key.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import type { EntryDraft } from '../kernel/feature.ts';
import { causesOf, type RowCause } from '../rows/provenance.ts';
import { POLICY_DIRECTIONS, type PolicyDirection, type PolicyRow, type PolicyRule } from '../rows/rows.ts';
import { type FamilySpan, piecesOf, spansWithout, textOfSpan } from './address-spans.ts';
import {
  addressDraft,
  balancerAt,
  blockDrafts,
  classDraft,
  classText,
  groupsOf,
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
import {
  ANYBODYS_GROUP,
  admitsGroup,
  blockKey,
  blocksOf,
  type PolicyTableRow,
  partsOfGrant,
  regulationOf,
  stagedTarget,
} from './policy.table.ts';
import { isEmpty, type PortSet, portSetOf, textOfPorts, unionOf } from './port-set.ts';

type Row = InNetwork<PolicyTableRow>;
/** What policies of one target restrict. `isEnforced`: not all of them are staged. `staged`: the staged ones, as `stagedDraft` takes them. */
type Isolation = Readonly<Record<PolicyDirection, boolean>> &
  Readonly<{ isEnforced: boolean; isStaged: boolean; staged: Readonly<Record<PolicyDirection, readonly string[]>> }>;
/** Text of a class; undefined: no policy restricts this direction. `staged`: those that do, where all of them are staged. */
type PortClass = Readonly<{ text?: string; staged?: readonly string[] }>;
type PortClasses = Readonly<{ vni: number }> & Readonly<Record<PolicyDirection, PortClass>>;
type Class = Readonly<{ direction: PolicyDirection; targets: readonly string[] }>;
/** Who has an address or a range, as one identity. */
type Named = Readonly<{ identity: string; owner: string }>;
type Grant = Readonly<{ ports: PortSet; owner: string }>;
/** `position`: of the newest policy behind it. */
type Block = FamilySpan & Readonly<{ ports: PortSet; owner: string; position: string }>;
type Range = FamilySpan & Named & Readonly<{ position: string }>;
/** Many values of one key, each of which is made into entries by itself. */
type Parts<T> = ReadonlyMap<string, T>;

const networkOfStay: Lens<Stay, number> = { name: 'network', of: ({ row }) => row.vni };
const targetsOfMember: Lens<Row, readonly string[]> = {
  name: 'targets',
  of: ({ row }) => ('uid' in row ? distinct(row.targets) : undefined),
};

export function policyEntries(engine: Engine, { stays, rows }: Here): readonly Derived<readonly EntryDraft[]>[] {
  const { policies } = rows;
  const byTarget = policies.index('target');
  const byAddress = policies.index('address');
  const byRanges = policies.index('ranges');
  const byGrant = policies.index('grant');
  const byBlock = policies.index('block');
  const unclear = policies.index('unclear');

  const targets = engine.group<Isolation>('policy targets', byTarget, (key, read) => {
    const rows = [...read.rows(byTarget, key)].flatMap(({ row }) => ('policy' in row ? [row] : []));
    const isolates = (direction: PolicyDirection) => rows.some((row) => row.isolates.includes(direction));
    const stagedIn = (direction: PolicyDirection) =>
      rows.flatMap(({ policy, position, staged }) => (staged?.isolates.includes(direction) ? [`${policy} ${position}`] : []));
    return {
      ...{ egress: isolates('egress'), ingress: isolates('ingress') },
      isEnforced: rows.some(({ staged }) => staged === undefined),
      isStaged: rows.some(({ staged }) => staged !== undefined),
      staged: { egress: stagedIn('egress'), ingress: stagedIn('ingress') },
    };
  });

  /** Of interfaces here of which all is known that may restrict them. */
  const ports = engine.map<PortClasses>('policy ports', stays, (nic, read) => {
    const vni = read.see(stays, networkOfStay, nic);
    if (vni === undefined || read.any(unclear, String(vni))) return undefined;
    const names = read.see(policies, targetsOfMember, inNetwork(vni, `member/${nic}`));
    if (names === undefined) return undefined;
    const found = new Map<string, Isolation>();
    for (const name of names) {
      const isolation = read.get(targets, inNetwork(vni, name));
      if (isolation === undefined) return undefined;
      found.set(name, isolation);
    }
    return { vni, egress: classIn('egress', found), ingress: classIn('ingress', found) };
  });
  const portsByClass = ports.index('class', ({ vni, egress, ingress }) =>
    [egress, ingress].flatMap(({ text }) => (text === undefined ? [] : [inNetwork(vni, text)])),
  );
  const classes = engine.group<Class>('policy classes', portsByClass, (key) => {
    const [direction, ...names] = restOf(key).split('\n');
    return { direction: direction as PolicyDirection, targets: names };
  });
  const numberOfClass = numbered(engine, 'policy numbers of classes', classes);
  const classesByTarget = classes.index('target', ({ direction, targets: names }, key) =>
    names.map((name) => blockKey(Number(networkOf(key)), direction, name)),
  );

  const addresses = engine.group<Named>('policy addresses', byAddress, (at, read) => namedBy(read.rows(byAddress, at)));
  const ranges = engine.group<Parts<Range>>('policy ranges', byRanges, (key, read) => cutRanges(key, read.rows(byRanges, key)), {
    same: sameParts,
  });

  const grants = engine.group<Grant>('policy grants', byGrant, (key, read) => {
    const { direction, group } = partsOfGrant(key);
    const found = [...read.rows(byGrant, key)].flatMap(({ row }) => {
      if (!('policy' in row)) return [];
      const ports = unionOf(regulationOf(row)[direction].flatMap((rule) => (admitsGroup(rule, group) ? [portSetOf(rule.ports)] : [])));
      return isEmpty(ports) ? [] : [{ ports, policy: row.policy }];
    });
    if (found.length === 0) return undefined;
    return {
      ports: unionOf(found.map(({ ports }) => ports)),
      owner: ownerOf(
        'NetworkPolicy',
        found.map(({ policy }) => policy),
      ),
    };
  });
  const grantsByGroup = grants.index('group', (_, key) => [inNetwork(Number(networkOf(key)), partsOfGrant(key).group)]);

  const byIdentity = engine.join<unknown>(
    'policy members by identity',
    addresses.index('identity', ({ identity }, at) => [inNetwork(Number(networkOf(at)), identity)]),
    ranges.index('identity', (parts, at) =>
      distinct([...parts.values()].map(({ identity }) => inNetwork(Number(networkOf(at)), identity))),
    ),
    grants.index('anybody', (_, key) => (partsOfGrant(key).group === ANYBODYS_GROUP ? [inNetwork(Number(networkOf(key)), '')] : [])),
  );
  const identities = engine.group<readonly string[]>('policy identities', byIdentity, (key) => groupsOf(restOf(key)));
  const numberOfIdentity = numbered(engine, 'policy numbers of identities', identities);

  /** Classes here that admit something of an identity, with the grants that say what. */
  const pairs = engine.map<Parts<readonly string[]>>(
    'policy pairs',
    identities,
    (identity, read) => {
      const vni = Number(networkOf(identity));
      const byClass = new Map<string, string[]>();
      for (const group of groupsOf(restOf(identity))) {
        for (const grant of read.keys(grantsByGroup, inNetwork(vni, group))) {
          const { direction, target } = partsOfGrant(grant);
          for (const key of read.keys(classesByTarget, blockKey(vni, direction, target))) append(byClass, key, grant);
        }
      }
      return new Map([...byClass].map(([classOf, found]) => [`${classOf}\t${restOf(identity)}`, found.sort()]));
    },
    { same: sameParts },
  );

  const blocks = engine.group<readonly Block[]>('policy blocks', byBlock, (key, read) => {
    const [direction] = restOf(key).split('\n') as [PolicyDirection];
    return [...read.rows(byBlock, key)].flatMap(({ row }) => ('policy' in row ? blocksIn(row, regulationOf(row)[direction]) : []));
  });
  const pieces = engine.map<Parts<Block>>(
    'policy pieces',
    classes,
    (classOf, read) => {
      const { direction, targets: names = [] } = read.get(classes, classOf) ?? {};
      if (direction === undefined) return undefined;
      const found = names.flatMap((name) => read.get(blocks, blockKey(Number(networkOf(classOf)), direction, name)) ?? []);
      return new Map(cutBlocks(found).map((block) => [`${classOf}\t${block.family}/${textOfSpan(block, block.family)}`, block]));
    },
    { same: sameParts },
  );

  const classNumber = (key: string, read: Read): number => known(read.get(numberOfClass, key), key);
  const identityNumber = (at: string, identity: string, read: Read): number => {
    const key = inNetwork(Number(networkOf(at)), identity);
    return known(read.get(numberOfIdentity, key), key);
  };

  return [
    engine.map('policy entries of ports', ports, (nic, read) => {
      const port = read.get(ports, nic);
      return (
        port &&
        POLICY_DIRECTIONS.flatMap((direction) => {
          const { text, staged } = port[direction];
          const number = text === undefined ? OPEN : classNumber(inNetwork(port.vni, text), read);
          return [
            classDraft(port.vni, direction, nic, number),
            ...(staged === undefined ? [] : [stagedDraft(port.vni, direction, nic, staged)]),
          ];
        })
      );
    }),
    engine.group('policy entries of networks', policies.index('network'), (vni) => [ownDraft(Number(vni))]),
    engine.map('policy entries of addresses', addresses, (at, read) => {
      const named = read.get(addresses, at);
      const [section = '', address = ''] = restOf(at).split('/');
      return named && [addressDraft(Number(networkOf(at)), section, address, identityNumber(at, named.identity, read), named.owner)];
    }),
    engine.map('policy entries of balancers', rows.balancers, (key, read) => {
      const { row: { number, ips } = {} } = read.get(rows.balancers, key) ?? {};
      if (number === undefined || ips === undefined) return undefined;
      for (const ip of ips) {
        const at = inNetwork(Number(networkOf(key)), balancerAt(ip));
        const named = read.get(addresses, at);
        if (named !== undefined) return [numberDraft(Number(networkOf(at)), number, identityNumber(at, named.identity, read), named.owner)];
      }
      return undefined;
    }),
    eachPart(engine, 'policy entries of ranges', ranges, causesOf, (at, { identity, owner, family, first, last }, read) => [
      rangeDraft(Number(networkOf(at)), family, { first, last }, identityNumber(at, identity, read), owner),
    ]),
    eachPart(engine, 'policy entries of pairs', pairs, noCauses, (at, admitting, read) => {
      const [classOf, identity] = [at.slice(0, at.indexOf('\t')), at.slice(at.indexOf('\t') + 1)];
      const found = admitting.flatMap((key) => read.get(grants, key) ?? []);
      const admitted = unionOf(found.map((grant) => grant.ports));
      const numbers = [classNumber(classOf, read), identityNumber(at, identity, read)] as const;
      return pairDrafts(Number(networkOf(at)), ...numbers, admitted, lowest(found.map(({ owner }) => owner)));
    }),
    eachPart(engine, 'policy entries of blocks', pieces, causesOf, (at, { ports: admitted, owner, ...span }, read) => {
      const classOf = at.slice(0, at.indexOf('\t'));
      return blockDrafts(Number(networkOf(at)), classNumber(classOf, read), span, admitted, owner);
    }),
  ];
}

/** `found`: what its names come to. Of staged policies the class is that which it would have if they were enforced. */
function classIn(direction: PolicyDirection, found: ReadonlyMap<string, Isolation>): PortClass {
  const enforced = [...found].flatMap(([name, { isEnforced }]) => (isEnforced ? [name] : []));
  if ([...found.values()].some((each) => each[direction])) return { text: classText(direction, enforced) };
  const staged = [...found.values()].flatMap((each) => each.staged[direction]);
  if (staged.length === 0) return {};
  const names = [...found].flatMap(([name, { isStaged }]) => (isStaged ? [stagedTarget(name)] : []));
  return { text: classText(direction, [...enforced, ...names]), staged: distinct(staged) };
}

/** The numbers of classes, or of identities, by their keys. */
function numbered(engine: Engine, name: string, of: Derived<unknown>): Derived<number> {
  const claims = of.index('number', (_, key) => [firstNumber(key)]);
  return engine.map(name, of, (key, read) => numberOf(restOf(key), restOf(key) === '' ? 1 : read.count(claims, firstNumber(key))));
}

/** Each class and identity that somebody reads is there. */
function known(number: number | undefined, key: string): number {
  if (number === undefined) throw new Error(`nobody has the number of ${JSON.stringify(key)}`);
  return number;
}

/** Entries of each part by itself, so that a part that changes asks for no other. */
function eachPart<T>(
  engine: Engine,
  name: string,
  of: Derived<Parts<T>>,
  causes: (part: T) => readonly RowCause[],
  entriesOf: (at: string, part: T, read: Read) => readonly EntryDraft[],
): Derived<readonly EntryDraft[]> {
  const index = of.index('part', (parts) => [...parts.keys()]);
  const partAt: Lens<Parts<T>, T> = {
    name: 'part',
    of: (parts, at) => parts.get(at),
    causes: (parts, at) => {
      const part = parts.get(at);
      return part === undefined ? [] : causes(part);
    },
  };
  return engine.group(name, index, (at, read) => {
    for (const part of read.seeAll(index, partAt, at, at)) return entriesOf(at, part, read);
    return undefined;
  });
}

function sameParts<T>(a: Parts<T>, b: Parts<T>): boolean {
  if (a.size !== b.size) return false;
  for (const [at, part] of a) if (!sameValue(part, b.get(at))) return false;
  return true;
}

/** What a pair rests on is in its grants. */
function noCauses(): readonly RowCause[] {
  return [];
}

/** Several have one address for an instant at most, or as objects of several kinds: then it is in the groups of all of them. */
function namedBy(rows: Iterable<Row>): Named | undefined {
  const groups: string[] = [];
  const uids: string[] = [];
  let kind = '';
  for (const { row } of rows) {
    if (!('uid' in row)) continue;
    groups.push(...row.groups);
    uids.push(row.uid);
    kind = row.kind;
  }
  return groups.length === 0 ? undefined : { identity: identityText(distinct(groups)), owner: ownerOf(kind, uids) };
}

function cutRanges(key: string, rows: Iterable<Row>): Parts<Range> {
  const [vni, family] = [networkOf(key), restOf(key)];
  const spans = [...rows].flatMap((found) =>
    'uid' in found.row
      ? placesOf(found.row).flatMap(({ range }) => (range?.family === family ? [{ first: range.first, last: range.last, of: found }] : []))
      : [],
  );
  const identityOf = (of: readonly Row[]): string | undefined => namedBy(of)?.identity;
  const cut = piecesOf(spans, (a, b) => identityOf(a) === identityOf(b)).flatMap(({ first, last, of }) => {
    const named = namedBy(of);
    return named === undefined
      ? []
      : [{ ...named, family: family as FamilySpan['family'], first, last, position: newest(of.map(({ row }) => row)) }];
  });
  return new Map(cut.map((piece) => [`${vni}/${textOfSpan(piece, piece.family)}`, piece]));
}

function blocksIn({ policy, position }: PolicyRow, rules: readonly PolicyRule[]): readonly Block[] {
  const owner = ownerOf('NetworkPolicy', [policy]);
  return rules.flatMap((rule) => {
    const ports = portSetOf(rule.ports);
    if (isEmpty(ports)) return [];
    return blocksOf(rule).flatMap(({ cidr, except }) => spansWithout(cidr, except).map((span) => ({ ...span, ports, owner, position })));
  });
}

function cutBlocks(found: readonly Block[]): readonly Block[] {
  const admitted = (of: readonly Block[]): PortSet => unionOf(of.map(({ ports }) => ports));
  const same = (a: readonly Block[], b: readonly Block[]): boolean => textOfPorts(admitted(a)) === textOfPorts(admitted(b));
  return (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const spans = found.flatMap((block) => (block.family === family ? [{ first: block.first, last: block.last, of: block }] : []));
    return piecesOf(spans, same).map(({ first, last, of }) => ({
      ...{ family, first, last, ports: admitted(of) },
      ...{ owner: lowest(of.map(({ owner }) => owner)), position: newest(of) },
    }));
  });
}

function newest(of: readonly Readonly<{ position: string }>[]): string {
  return of.reduce((best, { position }) => (later(position, best) ? position : best), '0');
}

/** `<vni>/<first number>` of a class or identity. */
function firstNumber(key: string): string {
  return inNetwork(Number(networkOf(key)), numbersOf(restOf(key)).first);
}

function ownerOf(kind: string, uids: readonly string[]): string {
  return `${kind}/${lowest(uids)}`;
}

function lowest(texts: readonly string[]): string {
  return [...texts].sort()[0] ?? '';
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

function append<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
