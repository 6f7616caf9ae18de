/**
 * Policies: from the fold to the rows that say who may send what to whom (`policies.<vni>`; ADR 34).
 *
 *   NetworkPolicy -- spec ------------------------------> policy/<uid>   its rules; whom it regulates and who its peers are, by name
 *        └── selectors ──> selections: each once, ──┐
 *                          however many policies    │
 *   NetworkInterface -- labels, addresses ──────────┴──> member/<uid>    by which names it is selected; an interface has a row while it is placed, as
 *   LoadBalancer, VirtualIP -- likewise ────────────┘                    in the tables of endpoints, others have one while a policy names them
 *
 * They follow from the policies and the labels themselves and not from NetworkPolicyRules, which loops fill later: an interface that exists at a position is
 * resolved at that position, so nothing that was placed at it can come up unregulated (provider R-21).
 */
import { AnyLoadBalancer, AnyVirtualIp, anchorValues, type KindTypes, nameFrom, selects, type View } from '@weft/api';
import type { Collection, Read } from '@weft/derive';
import { Network, NetworkInterface } from '@weft/network';
import {
  type Candidate,
  interfaceCandidate,
  loadBalancerCandidate,
  NetworkPolicy,
  type PeerKind,
  type Selection,
  scopeOf,
  selectionOf,
  virtualIpCandidate,
} from '@weft/policy';
import { networkNumber, placedInterfaces } from '../routing/routing.reads.ts';
import type { PlacedRow, RowMaker, RowsOf } from '../rows/row-projection.ts';
import { memberKey, policiesTable, policyKey } from '../rows/rows.codec.ts';
import { isPlaced, policyInEffect } from './policy.reads.ts';
import { memberRow, policyRow } from './policy.rows.ts';

export const policies: RowsOf = {
  name: 'policies',
  version: 2,
  kinds: [Network, NetworkInterface, AnyLoadBalancer, AnyVirtualIp, NetworkPolicy],
  declare: (maker) => {
    const { map, from } = maker;
    map('rows of policies', from.kind('NetworkPolicy'), (key, facts, read) => {
      const policy = facts.see(policyInEffect, nameFrom(key));
      const vni = policy && facts.see(networkNumber, { namespace: policy.namespace, name: policy.spec.networkRef?.name ?? '' });
      if (policy === undefined || vni === undefined) return [];
      return [{ table: policiesTable(vni), key: policyKey(policy.uid), row: policyRow(policy, read.causes()) }];
    });
    const selected = selectedBy(maker);
    members(maker, 'NetworkInterface', from.some(placedInterfaces), interfaceCandidate, selected);
    members(maker, 'LoadBalancer', from.kind('LoadBalancer'), loadBalancerCandidate, selected);
    members(maker, 'VirtualIP', from.kind('VirtualIP'), virtualIpCandidate, selected);
  },
};

/** What selects an object with these labels. */
type SelectedBy = (read: Read, kind: PeerKind, namespace: string, candidate: Candidate) => Iterable<Selection>;

/** Each selection is derived once, however many policies share it, and from its text alone: what else changes in a policy concerns no member. */
function selectedBy({ engine, from }: RowMaker): SelectedBy {
  const selections = engine.group('selections of policies', from.kind('NetworkPolicy').index('selection'), selectionOf);
  const anchored = selections.index('anchor', ({ places }) => places);
  return function* (read, kind, namespace, { network, labels }) {
    for (const place of anchorValues(scopeOf(kind, namespace, network), labels)) {
      for (const selection of read.rows(anchored, place)) if (selects(selection.selector, labels)) yield selection;
    }
  };
}

/**
 * Rows of one kind of objects. Behind them are the object and its Network, and not the policies: these have rows of their own. So a policy that comes or goes
 * changes the rows of those that it alone selects.
 */
function members<T extends KindTypes>(
  { map }: RowMaker,
  kind: PeerKind,
  over: Collection<unknown>,
  view: View<T, Candidate>,
  selected: SelectedBy,
): void {
  map(`members of policies: ${kind}`, over, (key, facts, read) => {
    const { namespace = '', name } = nameFrom(key);
    const candidate = facts.see(view, { namespace, name });
    if (candidate === undefined) return [];
    const { uid, network: ownNetwork, prefixes } = candidate;
    if (ownNetwork !== '') facts.see(networkNumber, { namespace, name: ownNetwork });
    const causes = read.causes();
    // Where it is placed makes no difference to the row, so its placement is none of the causes.
    if (kind === 'NetworkInterface' && facts.see(isPlaced, { namespace, name }) !== true) return [];
    const selections = [...selected(read, kind, namespace, candidate)];
    // A VirtualIP is in no Network: it has a row in each whose policies name it.
    const networks = kind === 'VirtualIP' ? new Set(selections.map(({ network }) => network)) : [ownNetwork];
    const rows: PlacedRow[] = [];
    for (const network of networks) {
      const vni = facts.see(networkNumber, { namespace, name: network });
      if (vni === undefined) continue;
      const here = selections.filter((selection) => selection.network === network);
      if (here.length === 0 && kind !== 'NetworkInterface') continue;
      const names = (as: Selection['as']) => here.filter((selection) => selection.as === as).map((selection) => selection.name);
      const row = memberRow({ kind, uid, name, prefixes }, { targets: names('target'), groups: names('peer') }, causes);
      rows.push({ table: policiesTable(vni), key: memberKey(uid), row });
    }
    return rows;
  });
}
