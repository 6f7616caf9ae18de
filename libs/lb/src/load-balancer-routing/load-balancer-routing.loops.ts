/**
 * Control loops of LoadBalancerRoutings (resources 3.9): a balancer with a selector has one; interfaces that it selects and that are Available join it.
 *
 *   NetworkInterface ── labels, Network ──> anchors of selectors (an index of LoadBalancers) ──> those that select it
 *        routing-members[uid] says where it is a target now                            ──> SetTarget, DropTarget where these differ
 *
 * So one interface that changes costs what it touches, however many balancers there are. When a balancer has no selector any more, its routing stays as it
 * is (E-20). It ends with its balancer, which owns it.
 */
import {
  AnyNetworkInterface,
  act,
  anchorValues,
  type Draft,
  isDeleting,
  type LabelSelectorModel,
  type Loop,
  type LoopFacts,
  loopOverRecords,
  type NameIn,
  nameFrom,
  nameText,
  type SeenNetworkInterface,
  sameJson,
  selects,
  specOf,
  statusOf,
  uidOfNetwork,
  type View,
} from '@weft/api';
import { networkOf } from '../load-balancer/load-balancer.kind.ts';
import { LoadBalancer, type LoadBalancerTypes } from '../load-balancer/load-balancer.types.ts';
import type { RoutingDestination } from './load-balancer-routing.model.ts';
import { LoadBalancerRouting, type RoutingTarget } from './load-balancer-routing.types.ts';
import { incompleteRouting, managedRouting } from './load-balancer-routing.views.ts';
import { type RoutingMember, routingMembers } from './routing-members.ts';

type Selecting = Readonly<{ name: string; uid: string; network: string; selector: LabelSelectorModel }>;

/** A balancer with a selector. */
const selecting: View<LoadBalancerTypes, Selecting> = {
  kind: LoadBalancer,
  name: 'selecting',
  facets: () => ['created', 'deletion', 'spec.networkInterfaceSelector'],
  of: (balancer) => {
    const { networkInterfaceSelector: selector } = specOf(balancer.object);
    if (selector === undefined || isDeleting(balancer)) return undefined;
    return { name: balancer.key.name, uid: balancer.object.metadata.uid, network: networkOf(balancer), selector };
  },
};

type Candidate = Readonly<{ uid: string; network: string; labels: Readonly<Record<string, string>>; ips: string[]; providerID?: string }>;

/** An interface that is Available and has addresses. */
const candidate: View<SeenNetworkInterface, Candidate> = {
  kind: AnyNetworkInterface,
  name: 'balancer-candidate',
  of: ({ key, object }) => {
    const { state, ips = [] } = statusOf(object);
    if (state !== 'Available' || ips.length === 0) return undefined;
    const { networkRef, providerID = '' } = specOf(object);
    const network = nameText({ namespace: key.namespace ?? '', name: networkRef?.name ?? '' });
    return {
      uid: object.metadata.uid,
      network,
      labels: object.metadata.labels ?? {},
      ips: [...ips],
      ...(providerID !== '' && { providerID }),
    };
  },
};

/** A balancer with a selector has a routing in its Network, as soon as that exists. */
const manageRoutings: Loop = {
  name: 'manage-routings',
  context: 'lb',
  over: { kind: LoadBalancer.kind },
  owed: (key, facts) => {
    const named = nameFrom(key);
    const balancer = facts.see(selecting, named);
    if (balancer === undefined) return [];
    const network = nameFrom(balancer.network);
    const uid = facts.see(uidOfNetwork, network);
    if (uid === undefined) return [];
    const routing = facts.see(managedRouting, named);
    const isManaged = routing?.balancer === balancer.uid && routing.networkUid === uid;
    if (isManaged || routing?.isDeleting === true) return [];
    return [act(LoadBalancerRouting, named, 'Manage', { balancer: balancer.uid, network: { name: network.name, uid } })];
  },
};

/** An interface is a target of the balancers that select it. */
const joinRoutings: Loop = {
  name: 'join-routings',
  context: 'lb',
  over: { kind: AnyNetworkInterface.kind },
  awaits: [LoadBalancer, routingMembers],
  awaitsWithin: { index: 'network', of: networkOf },
  owed: (key, facts) => {
    const { namespace = '', name } = nameFrom(key);
    const seen = facts.see(candidate, { namespace, name });
    if (seen === undefined) return [];
    const { uid, ips, providerID } = seen;
    const member = facts.record(routingMembers, uid);
    const target: RoutingTarget = { name, ips, ...(providerID !== undefined && { providerID }) };
    const wanted = new Set<string>();
    const drafts: Draft[] = [];
    for (const place of anchorValues(seen.network, seen.labels)) {
      for (const balancer of facts.seeAll(selecting, 'anchor', place)) {
        if (balancer.network !== seen.network || !selects(balancer.selector, seen.labels)) continue;
        wanted.add(balancer.name);
        const routing = { namespace, name: balancer.name };
        const managed = facts.see(managedRouting, routing);
        if (managed?.balancer !== balancer.uid || sameJson(member?.routings[balancer.name]?.target, target)) continue;
        drafts.push(act(LoadBalancerRouting, routing, 'SetTarget', { uid: managed.uid, target: { uid, ...target, ips: [...ips] } }));
      }
    }
    return [...drafts, ...leave(member, uid, facts, (routing) => !wanted.has(routing))];
  },
};

/** An interface that has gone or is not Available is a target of nothing. */
const leaveRoutings = loopOverRecords(routingMembers, {
  name: 'leave-routings',
  context: 'lb',
  owed: (member, uid, facts) => {
    const { namespace, name } = member;
    return facts.see(candidate, { namespace, name })?.uid === uid ? [] : leave(member, uid, facts, () => true);
  },
});

/** Takes an interface out of routings whose balancers have a selector. */
function leave(member: RoutingMember | undefined, uid: string, facts: LoopFacts, of: (routing: string) => boolean): readonly Draft[] {
  if (member === undefined) return [];
  return Object.keys(member.routings)
    .filter(of)
    .flatMap((name) => {
      const routing: NameIn = { namespace: member.namespace, name };
      const managed = facts.see(managedRouting, routing);
      const balancer = facts.see(selecting, routing);
      const isFilled = managed !== undefined && balancer !== undefined && managed.balancer === balancer.uid;
      return isFilled ? [act(LoadBalancerRouting, routing, 'DropTarget', { uid: managed.uid, target: uid })] : [];
    });
}

const addressesOfNic: View<SeenNetworkInterface, Readonly<{ uid: string; ips: readonly string[] }>> = {
  kind: AnyNetworkInterface,
  name: 'addresses-for-a-routing',
  facets: () => ['created', 'addresses', 'status'],
  of: ({ object }) => ({ uid: object.metadata.uid, ips: statusOf(object).ips ?? [] }),
};

/** Destinations that were written by name get the addresses of the interface of that name and uid (S-23). */
const completeRoutings: Loop = {
  name: 'complete-routings',
  context: 'lb',
  over: { kind: LoadBalancerRouting.kind },
  owed: (key, facts) => {
    const named = nameFrom(key);
    const routing = facts.see(incompleteRouting, named);
    if (routing === undefined) return [];
    const destinations = routing.destinations.flatMap((each) => completed(each, named.namespace ?? '', facts));
    if (sameJson(destinations, routing.destinations)) return [];
    return [act(LoadBalancerRouting, named, 'Complete', { uid: routing.uid, destinations })];
  },
};

function completed(destination: RoutingDestination, namespace: string, facts: LoopFacts): readonly RoutingDestination[] {
  const { ip, targetRef } = destination;
  if (ip !== undefined) return [destination];
  const nic = facts.see(addressesOfNic, { namespace, name: targetRef?.name ?? '' });
  const isIt = nic !== undefined && nic.ips.length > 0 && (targetRef?.uid ?? nic.uid) === nic.uid;
  return isIt ? nic.ips.map((each) => ({ ip: each, targetRef: { ...targetRef, uid: nic.uid } })) : [destination];
}

export const loadBalancerRoutingLoops: readonly Loop[] = [manageRoutings, joinRoutings, leaveRoutings, completeRoutings];
