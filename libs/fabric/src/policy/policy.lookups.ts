/** What is asked about rows of policies. */
import { AnyVirtualIp, isSingleAddress, type JsonObject, nameText, parsePrefix, specOf } from '@weft/api';
import { LoadBalancer } from '@weft/lb';
import { NetworkInterface } from '@weft/network';
import { NetworkPolicy, targetsOf } from '@weft/policy';
import { interfacesUnder, networksOf } from '../routing/routing.lookups.ts';
import type { AskedFold, Lookup } from '../rows/row-index.ts';
import { decodeMemberRow, decodePolicyRow, memberKey, policyKey, type Table } from '../rows/rows.codec.ts';
import type { MemberRow, PolicyRow } from '../rows/rows.ts';
import { rowName } from './policy.rows.ts';

const isOfMember = (key: string): boolean => key.startsWith(memberKey(''));

/** A row under a key that is not its own counts as not understood. */
function policyUnder(row: JsonObject | undefined, key: string): PolicyRow | undefined {
  const policy = isOfMember(key) ? undefined : decodePolicyRow(row);
  return policy !== undefined && policyKey(policy.policy) === key ? policy : undefined;
}
function memberUnder(row: JsonObject | undefined, key: string): MemberRow | undefined {
  const member = decodeMemberRow(row);
  return member !== undefined && memberKey(member.uid) === key ? member : undefined;
}

/** Which policies select a member is derived ahead: they are those of its network. */
function readPolicies({ facts }: AskedFold, table: Table | undefined): void {
  for (const network of networksOf(facts, table)) for (const _ of facts.keys(NetworkPolicy, 'network', network));
}

const members = (kind: MemberRow['kind']) => `members of policies: ${kind}`;

/** By the name of whom they regulate. */
export const policiesByTarget: Lookup<PolicyRow> = {
  name: 'policies by target',
  kind: 'policies',
  decode: policyUnder,
  valuesOf: ({ target }) => [target],
  *origins({ facts }, target, table) {
    for (const network of networksOf(facts, table)) {
      for (const { key, object } of facts.by(NetworkPolicy, 'network', network)) {
        if (rowName(targetsOf(specOf(object)).key) === target) yield { rows: 'rows of policies', key: nameText(key) };
      }
    }
  },
};

/** By `memberKey` of an interface. */
export const memberByKey: Lookup<MemberRow> = {
  name: 'member by key',
  kind: 'policies',
  decode: memberUnder,
  rests: readPolicies,
  *origins({ facts }, key) {
    for (const name of facts.keys(NetworkInterface, 'uid', key.slice(memberKey('').length))) {
      yield { rows: members('NetworkInterface'), key: nameText(name) };
    }
  },
};

/** By what they stand for as peers, as canonical prefixes. */
export const membersByPrefix: Lookup<MemberRow> = {
  name: 'members by prefix',
  kind: 'policies',
  decode: memberUnder,
  rests: readPolicies,
  valuesOf: ({ prefixes }) => prefixes,
  *origins({ facts }, text, table) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) return;
    for (const network of networksOf(facts, table)) {
      yield* interfacesUnder(facts, network, prefix, text, members('NetworkInterface'));
      if (!isSingleAddress(prefix)) continue;
      for (const name of facts.keys(LoadBalancer, 'network', network)) yield { rows: members('LoadBalancer'), key: nameText(name) };
    }
    if (!isSingleAddress(prefix)) return;
    for (const name of facts.keys(AnyVirtualIp, 'address', prefix.address)) yield { rows: members('VirtualIP'), key: nameText(name) };
  },
};

/** Rows of policies that are not understood, under an empty value: they may be of a policy that restricts anybody. This version makes none. */
export const unclearPolicies: Lookup<JsonObject> = {
  name: 'unclear policies',
  kind: 'policies',
  decode: (row, key) => (isOfMember(key) || policyUnder(row, key) !== undefined ? undefined : row),
  valuesOf: () => [''],
  origins: () => [],
};
