/** Makes each row of a policy by a pure function of what it reads. What cannot be understood allows nothing. */
import { maskedPrefix, parsePrefix, uuidv5 } from '@weft/api';
import { groupKey, type NetworkPolicyPeer, type NetworkPolicyPort, type PeerKind, targetsOf } from '@weft/policy';
import { provenance, type RowCause } from '../rows/provenance.ts';
import type { MemberRow, PolicyPeer, PolicyPort, PolicyRow, PolicyRule, PolicyRules } from '../rows/rows.ts';
import type { PolicyRead } from './policy.reads.ts';

export function policyRow({ uid, namespace, name, spec, isStaged }: PolicyRead, causes: readonly RowCause[]): PolicyRow {
  const { ingress = [], egress = [], policyTypes = [] } = spec;
  const rules: PolicyRules = {
    isolates: [
      ...(policyTypes.includes('Egress') ? ['egress' as const] : []),
      ...(policyTypes.includes('Ingress') ? ['ingress' as const] : []),
    ],
    egress: egress.map(({ to, ports }) => ruleOf(to, ports)),
    ingress: ingress.map(({ from, ports }) => ruleOf(from, ports)),
  };
  const target = rowName(targetsOf(spec).key);
  return { policy: uid, namespace, name, target, ...(isStaged ? { ...NO_RULES, staged: rules } : rules), ...provenance(causes) };
}

const NO_RULES: PolicyRules = { isolates: [], egress: [], ingress: [] };

export type Member = Readonly<{ kind: PeerKind; uid: string; name: string; prefixes: readonly string[] }>;

/** `targets`, `groups`: names of selections, in any order. */
export function memberRow(
  { kind, uid, name, prefixes }: Member,
  { targets, groups }: Readonly<{ targets: readonly string[]; groups: readonly string[] }>,
  causes: readonly RowCause[],
): MemberRow {
  return {
    kind,
    uid,
    name,
    prefixes: prefixes.flatMap((prefix) => canonicalPrefix(prefix) ?? []),
    targets: targets.map(rowName).sort(),
    groups: groups.map(rowName).sort(),
    ...provenance(causes),
  };
}

const NAME_CHARACTERS_MAX = 128;
const NAMES = '6f1d3c5e-0000-5000-8000-000000000002';

/** The name of a selection stands in the row of each member, so a long one is cut short. */
export function rowName(name: string): string {
  return name.length <= NAME_CHARACTERS_MAX ? name : `${name.slice(0, name.indexOf(' '))} #${uuidv5(NAMES, name)}`;
}

/** No peers, or no ports, mean any (resources 2.7); no peers that are understood mean none. */
function ruleOf(peers: readonly NetworkPolicyPeer[] = [], ports: readonly NetworkPolicyPort[] = []): PolicyRule {
  return {
    peers: peers.length === 0 ? 'any' : peers.flatMap((peer) => peerOf(peer) ?? []),
    ports: ports.length === 0 ? 'any' : ports.flatMap((port) => portOf(port) ?? []),
  };
}

function peerOf({ objectSelector, ipBlock }: NetworkPolicyPeer): PolicyPeer | undefined {
  if (objectSelector !== undefined) {
    const group = groupKey(objectSelector);
    return group === undefined ? undefined : { group: rowName(group) };
  }
  const cidr = canonicalPrefix(ipBlock?.cidr ?? '');
  const except = (ipBlock?.except ?? []).map(canonicalPrefix);
  if (cidr === undefined || !except.every((prefix) => prefix !== undefined)) return undefined;
  return { cidr, except };
}

function portOf({ protocol = 'TCP', port = 0, endPort }: NetworkPolicyPort): PolicyPort | undefined {
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') return undefined;
  return port === 0 ? { protocol } : { protocol, ports: { first: port, last: endPort ?? port } };
}

/** Without the bits of the host; undefined for what is no prefix. */
function canonicalPrefix(text: string): string | undefined {
  const prefix = parsePrefix(text);
  return prefix && maskedPrefix(prefix);
}
