/** Rows of `policies.<vni>` as compile finds them. */
import type { JsonObject } from '@weft/api';
import type { ValuesOf } from '@weft/derive';
import { inNetwork, restOf } from '../compile/network-key.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import { decodeMemberRow, decodePolicyRow } from '../rows/rows.codec.ts';
import {
  type MemberRow,
  POLICY_DIRECTIONS,
  type PolicyDirection,
  type PolicyPeer,
  type PolicyRow,
  type PolicyRule,
  type PolicyRules,
} from '../rows/rows.ts';
import { placesOf } from './policy.layout.ts';

/** A row that is not understood: it may be of a policy that restricts anybody. */
export type UnclearRow = Readonly<{ unclear: true; position: string; because: readonly string[] }>;
export type PolicyTableRow = PolicyRow | MemberRow | UnclearRow;
type Found = InNetwork<PolicyTableRow>;

/** Undefined for a member that is not understood: nothing is known of it then, so it neither sends nor receives. */
export function decodePolicyTableRow(found: JsonObject, key: string): PolicyTableRow | undefined {
  if (key.startsWith('member/')) {
    const member = decodeMemberRow(found);
    return member !== undefined && key === `member/${member.uid}` && [...member.targets, ...member.groups].every(isName)
      ? member
      : undefined;
  }
  const policy = decodePolicyRow(found);
  return policy !== undefined && key === `policy/${policy.policy}` && namesIn(policy).every(isName)
    ? policy
    : { unclear: true, position: '0', because: [] };
}

/** Sets of names are known by their names joined: one that could be taken for two is not understood. */
function isName(text: string): boolean {
  return text !== '' && !/[\n\t]/.test(text);
}

function namesIn({ target, egress, ingress, staged }: PolicyRow): readonly string[] {
  const groups = [...egress, ...ingress, ...(staged?.egress ?? []), ...(staged?.ingress ?? [])].flatMap(({ peers }) =>
    peers === 'any' ? [] : peers.flatMap((peer) => ('group' in peer ? [peer.group] : [])),
  );
  return [target, ...groups];
}

/** What a policy says, and under which name of whom. */
export function regulationOf(row: PolicyRow): PolicyRules & Pick<PolicyRow, 'target'> {
  const { staged } = row;
  return staged === undefined ? row : { ...staged, target: stagedTarget(row.target) };
}

/** The same interfaces, as staged policies regulate them. A name begins with a kind, so none begins like this. */
export function stagedTarget(target: string): string {
  return `staged ${target}`;
}

/** The group that stands for anybody. */
export const ANYBODYS_GROUP = '';

/** What a policy says of its target in a direction, by group. */
export function grantKey(vni: number, direction: PolicyDirection, target: string, group: string): string {
  return inNetwork(vni, [direction, target, group].join('\n'));
}
export function partsOfGrant(key: string): Readonly<{ direction: PolicyDirection; target: string; group: string }> {
  const [direction, target = '', group = ''] = restOf(key).split('\n') as [PolicyDirection, string?, string?];
  return { direction, target, group };
}

export function blockKey(vni: number, direction: PolicyDirection, target: string): string {
  return inNetwork(vni, [direction, target].join('\n'));
}

const ofMember =
  (valuesOf: (vni: number, row: MemberRow) => readonly string[]): ValuesOf<Found> =>
  ({ vni, row }) =>
    'uid' in row ? valuesOf(vni, row) : [];
const ofPolicy =
  (valuesOf: (vni: number, row: PolicyRow) => readonly string[]): ValuesOf<Found> =>
  ({ vni, row }) =>
    'policy' in row ? valuesOf(vni, row) : [];

export const POLICY_INDEXES = {
  /** Where a single address of a member stands: `<vni>/<section>/<address>`. */
  address: ofMember((vni, row) =>
    row.groups.length === 0
      ? []
      : placesOf(row).flatMap(({ section, address, range }) => (range ? [] : [inNetwork(vni, `${section}/${address}`)])),
  ),
  /** Members with ranges of a family: `<vni>/<family>`. */
  ranges: ofMember((vni, row) =>
    row.groups.length === 0 ? [] : distinct(placesOf(row).flatMap(({ range }) => (range ? [inNetwork(vni, range.family)] : []))),
  ),
  target: ofPolicy((vni, { target }) => [inNetwork(vni, target)]),
  grant: ofPolicy((vni, row) =>
    POLICY_DIRECTIONS.flatMap((direction) => {
      const { target, [direction]: rules } = regulationOf(row);
      return groupsIn(rules).map((group) => grantKey(vni, direction, target, group));
    }),
  ),
  block: ofPolicy((vni, row) =>
    POLICY_DIRECTIONS.flatMap((direction) => {
      const { target, [direction]: rules } = regulationOf(row);
      return rules.some(hasBlock) ? [blockKey(vni, direction, target)] : [];
    }),
  ),
  /** By VNI. */
  unclear: (({ vni, row }) => ('unclear' in row ? [String(vni)] : [])) as ValuesOf<Found>,
} as const;

/** Groups that rules name, each once. */
function groupsIn(rules: readonly PolicyRule[]): readonly string[] {
  return distinct(
    rules.flatMap(({ peers }) => (peers === 'any' ? [ANYBODYS_GROUP] : peers.flatMap((peer) => ('group' in peer ? [peer.group] : [])))),
  );
}

export function admitsGroup({ peers }: PolicyRule, group: string): boolean {
  if (peers === 'any') return group === ANYBODYS_GROUP;
  return peers.some((peer) => 'group' in peer && peer.group === group);
}

export function blocksOf({ peers }: PolicyRule): readonly Extract<PolicyPeer, { cidr: string }>[] {
  return peers === 'any' ? [] : peers.flatMap((peer) => ('cidr' in peer ? [peer] : []));
}

function hasBlock(rule: PolicyRule): boolean {
  return blocksOf(rule).length > 0;
}

function distinct(texts: readonly string[]): readonly string[] {
  return texts.length < 2 ? texts : [...new Set(texts)];
}
