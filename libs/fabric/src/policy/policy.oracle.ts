/**
 * Makes all rows of policies by asking of each policy which objects it selects: the projection must give the same rows on every history. Both share how a row
 * looks (`policy.rows.ts`), and nothing else: neither what is read, nor how it is found, nor the events behind it.
 */
import { type Folded, ofKind, selects } from '@weft/api';
import { Network, NetworkInterface } from '@weft/network';
import { groupKey, NetworkPolicy, type NetworkPolicyPeer, type PeerKind } from '@weft/policy';
import { inOrder, type RowCause } from '../rows/provenance.ts';
import type { Row, TableName, Tables } from '../rows/rows.ts';
import { memberRow, policyRow } from './policy.rows.ts';

type Named = Readonly<{ targets: Set<string>; groups: Set<string> }>;
type Status = Readonly<{ ips?: readonly string[]; ip?: string; prefixes?: readonly string[] }>;
type Number = Readonly<{ vni: number; since: readonly RowCause[] }>;

const FACETS: Readonly<Record<PeerKind, readonly string[]>> = {
  NetworkInterface: ['created', 'labels', 'addresses', 'prefixes', 'status'],
  LoadBalancer: ['created', 'labels', 'addresses', 'status'],
  VirtualIP: ['created', 'labels', 'wanted', 'publicAddresses', 'status'],
};

/** The rows of these states, given in any order; ended ones are ignored. O(policies · objects). */
export function policyTables(states: Iterable<Folded>): Tables {
  const living = [...states].filter(({ status }) => status === 'live');
  const tables = new Map<TableName, Map<string, Row>>();
  const put = (vni: number, key: string, row: Row): void => {
    const table: TableName = `policies.${vni}`;
    tables.set(table, (tables.get(table) ?? new Map<string, Row>()).set(key, row));
  };
  const numbers = new Map<string, Number>();
  for (const state of living) {
    const { vni } = ofKind(Network, state)?.facts ?? {};
    if (vni !== undefined) numbers.set(`${state.key.namespace}/${state.key.name}`, { vni, since: causes(state, 'vni') });
  }
  /** By VNI, then by uid. */
  const named = new Map<number, Map<string, Named>>();
  const nameIn = (vni: number, { object }: Folded): Named => {
    const members = named.get(vni) ?? new Map<string, Named>();
    named.set(vni, members);
    const found = members.get(object.metadata.uid) ?? { targets: new Set<string>(), groups: new Set<string>() };
    members.set(object.metadata.uid, found);
    return found;
  };
  const isOff = (state: Folded) => state.key.kind === 'NetworkInterface' && ofKind(NetworkInterface, state)?.facts.placement === undefined;
  for (const state of living) {
    const number = state.key.kind === 'NetworkInterface' && !isOff(state) ? numbers.get(networkOf(state)) : undefined;
    if (number !== undefined) nameIn(number.vni, state);
    const policy = ofKind(NetworkPolicy, state);
    const network = policy && numbers.get(networkOf(state));
    if (policy === undefined || network === undefined) continue;
    const { namespace = '', name } = policy.key;
    const { spec = {}, metadata } = policy.object;
    const behind = inOrder([...causes(policy, 'created', 'spec', 'annotations'), ...network.since]);
    put(
      network.vni,
      `policy/${metadata.uid}`,
      policyRow(
        { uid: metadata.uid, namespace, name, spec, isStaged: metadata.annotations?.['fabric.weft.dev/staged'] === 'true' },
        behind,
      ),
    );
    const within = (other: Folded) =>
      other.key.namespace === namespace && (other.key.kind === 'VirtualIP' || networkOf(other) === networkOf(state));
    for (const other of living) {
      if (!within(other) || isOff(other)) continue;
      const { labels } = other.object.metadata;
      const { networkInterfaceSelector = {} } = spec;
      if (other.key.kind === 'NetworkInterface' && selects(networkInterfaceSelector, labels)) {
        const target = groupKey({ kind: 'NetworkInterface', ...networkInterfaceSelector });
        if (target !== undefined) nameIn(network.vni, other).targets.add(target);
      }
      const peers: readonly NetworkPolicyPeer[] = [
        ...(spec.ingress ?? []).flatMap(({ from = [] }) => from),
        ...(spec.egress ?? []).flatMap(({ to = [] }) => to),
      ];
      for (const { objectSelector } of peers) {
        if (objectSelector?.kind !== other.key.kind || !selects(objectSelector, labels)) continue;
        const group = groupKey(objectSelector);
        if (group !== undefined) nameIn(network.vni, other).groups.add(group);
      }
    }
  }
  for (const [vni, members] of named) {
    for (const state of living) {
      const names = members.get(state.object.metadata.uid);
      const kind = state.key.kind as PeerKind;
      if (names === undefined) continue;
      const { ips = [], ip, prefixes = [] } = (state.object.status ?? {}) as Status;
      const addresses = [...ips, ...(ip === undefined ? [] : [ip])].map((each) => `${each}/${each.includes(':') ? 128 : 32}`);
      const number = kind === 'VirtualIP' ? undefined : numbers.get(networkOf(state));
      const { uid, name } = state.object.metadata;
      const row = memberRow(
        { kind, uid, name, prefixes: [...addresses, ...prefixes] },
        { targets: [...names.targets], groups: [...names.groups] },
        inOrder([...causes(state, ...FACETS[kind]), ...(number?.since ?? [])]),
      );
      put(vni, `member/${uid}`, row);
    }
  }
  return tables;
}

/** `<namespace>/<network>`. */
function networkOf({ key, object }: Folded): string {
  return `${key.namespace}/${(object.spec as { networkRef?: { name?: string } } | undefined)?.networkRef?.name ?? ''}`;
}

function causes({ facets }: Pick<Folded, 'facets'>, ...names: readonly string[]): readonly RowCause[] {
  return names.flatMap((name) => facets[name] ?? []);
}
