/**
 * A NetworkPolicyRule as it is served: the policy's rules with the addresses of its members in place of selectors (provider 1.10; ADR 27).
 *
 * A rule whose peers come to no address is left out. It allows nothing, whereas a rule without peers allows every peer: the two must not look alike. A rule
 * with many addresses is given in several rules with the same ports, which allow the same together, so that each served part is right by itself.
 */
import { type ApiObject, assembly, type Folded, familyOfIp, membersByName, membersIn } from '@weft/api';
import type { NetworkPolicyPeer, NetworkPolicyPort } from '../network-policy/network-policy.model.ts';
import { groupKey } from './groups.ts';
import type { PolicyPrefix, PolicyTarget, ResolvedRule } from './network-policy-rule.model.ts';
import type { NetworkPolicyRuleTypes } from './network-policy-rule.types.ts';

type Rule = Folded<NetworkPolicyRuleTypes>;
type Peers = NetworkPolicyRuleTypes['facts']['peers'];
type Piece = Readonly<{ target: PolicyTarget } | { ingress: ResolvedRule } | { egress: ResolvedRule }>;

/** Peers in one served rule. */
const PEERS_MAX = 1_000;

/** As upstream's reference sets it for every policy. */
export const PRIORITY = 1_000;

export const policyRuleAssembly = assembly<NetworkPolicyRuleTypes>()<Piece>({ pieces, assemble });

function pieces({ facts: { targets, rules, peers } }: Rule): readonly Piece[] {
  const { ingress = [], egress = [] } = rules;
  return [
    ...membersByName(targets).flatMap(([uid, { name, ips }]) => ips.map((ip) => ({ target: { ip, targetRef: { name, uid } } }))),
    ...ingress.flatMap(({ from, ports }) => resolved(from, ports, peers).map((rule) => ({ ingress: rule }))),
    ...egress.flatMap(({ to, ports }) => resolved(to, ports, peers).map((rule) => ({ egress: rule }))),
  ];
}

function assemble(object: ApiObject<NetworkPolicyRuleTypes>, of: readonly Piece[]): ApiObject<NetworkPolicyRuleTypes> {
  const targets: PolicyTarget[] = [];
  const ingressRule: ResolvedRule[] = [];
  const egressRule: ResolvedRule[] = [];
  for (const piece of of) {
    if ('target' in piece) targets.push(piece.target);
    else if ('ingress' in piece) ingressRule.push(piece.ingress);
    else egressRule.push(piece.egress);
  }
  return { ...object, targets, ingressRule, egressRule };
}

function resolved(of: readonly NetworkPolicyPeer[] = [], ports: readonly NetworkPolicyPort[] = [], peers: Peers): readonly ResolvedRule[] {
  const withPorts = ports.length > 0 && { networkPolicyPorts: [...ports] };
  if (of.length === 0) return [{ ...withPorts }];
  const blocks = of.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock]));
  const groups = new Set(of.flatMap(({ objectSelector }) => (objectSelector === undefined ? [] : [groupKey(objectSelector)])));
  const prefixes = new Set<string>();
  for (const group of groups) {
    const members = group === undefined ? undefined : peers[group];
    if (members !== undefined) for (const [, { prefixes: each }] of membersIn(members)) for (const prefix of each) prefixes.add(prefix);
  }
  const ips = [...prefixes].sort().map(policyPrefix);
  const count = Math.ceil(Math.max(blocks.length, ips.length) / PEERS_MAX);
  return Array.from({ length: count }, (_, i) => {
    const [ipBlock, some] = [chunk(blocks, i), chunk(ips, i)];
    return { ...(ipBlock.length > 0 && { ipBlock }), ...(some.length > 0 && { ips: some }), ...withPorts };
  });
}

function policyPrefix(prefix: string): PolicyPrefix {
  return { ipFamily: familyOfIp(prefix), prefix };
}

const chunk = <V>(values: readonly V[], i: number): V[] => values.slice(i * PEERS_MAX, (i + 1) * PEERS_MAX);
