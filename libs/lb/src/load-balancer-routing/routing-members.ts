/**
 * Where each interface is a target now. A loop compares that with where it should be, without a look at any list of targets.
 *
 *   LoadBalancerTargetJoined ──> routing-members[uid of the interface].routings[<balancer>]
 *   LoadBalancerTargetFailed, …Recovered ──> whether it fails there
 *   LoadBalancerTargetLeft, another balancer fills the routing, it ends ──> taken out again; a record without any is deleted
 */
import { changeOf, defineLedger, type Folded, type LedgerWriter, ledgerRef, membersIn, type Position } from '@weft/api';
import {
  LoadBalancerRouting,
  type LoadBalancerRoutingTypes,
  loadBalancerRoutingEvents,
  type RoutingTarget,
} from './load-balancer-routing.types.ts';

/** What an interface is to a balancer, and the last event that says so. */
export type RoutingMembership = Readonly<{
  target: RoutingTarget;
  failed?: true;
  since: Readonly<{ position: Position; eventId: string }>;
}>;
/** `routings`: by name of the balancer. */
export type RoutingMember = Readonly<{ namespace: string; name: string; routings: Readonly<Record<string, RoutingMembership>> }>;
/** Key: uid of the interface. */
export const routingMembers = ledgerRef<RoutingMember>('routing-members');

export const routingMembersLedger = defineLedger(
  routingMembers,
  (change, records) => {
    const { before, after } = changeOf(LoadBalancerRouting, change) ?? {};
    const isSuccessor = before !== undefined && before.object.metadata.uid !== after?.object.metadata.uid;
    if (before !== undefined && (isSuccessor || before.facts.balancer !== after?.facts.balancer)) forget(before, records);
    if (after === undefined) return;
    const { namespace = '', name: routing } = after.key;
    for (const event of loadBalancerRoutingEvents.in(change.append)) {
      if (event.type === 'LoadBalancerTargetJoined.v1') {
        const { uid, ...target } = event.data;
        const before = records.get(uid)?.routings;
        const failed = before?.[routing]?.failed;
        const membership = { target, ...(failed && { failed }), since: { position: event.position, eventId: event.id } };
        records.put(uid, { namespace, name: target.name, routings: { ...before, [routing]: membership } });
      } else if (event.type === 'LoadBalancerTargetFailed.v1' || event.type === 'LoadBalancerTargetRecovered.v1') {
        const { uid } = event.data;
        const member = records.get(uid);
        const target = member?.routings[routing]?.target;
        if (member === undefined || target === undefined) continue;
        const failed = event.type === 'LoadBalancerTargetFailed.v1' && ({ failed: true } as const);
        const membership = { target, ...failed, since: { position: event.position, eventId: event.id } };
        records.put(uid, { ...member, routings: { ...member.routings, [routing]: membership } });
      } else if (event.type === 'LoadBalancerTargetLeft.v1') drop(event.data.uid, routing, records);
    }
  },
  [LoadBalancerRouting.kind],
);

function drop(uid: string, routing: string, records: LedgerWriter<RoutingMember>): void {
  const member = records.get(uid);
  if (member === undefined) return;
  const { [routing]: _, ...routings } = member.routings;
  if (Object.keys(routings).length > 0) records.put(uid, { ...member, routings });
  else records.delete(uid);
}

function forget({ key, facts: { targets } }: Folded<LoadBalancerRoutingTypes>, records: LedgerWriter<RoutingMember>): void {
  for (const [uid] of membersIn(targets)) drop(uid, key.name, records);
}
