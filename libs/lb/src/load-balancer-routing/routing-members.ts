/**
 * Where each interface is a target now. A loop compares that with where it should be, without a look at any list of targets.
 *
 *   LoadBalancerTargetJoined ──> routing-members[uid of the interface].routings[<balancer>]
 *   LoadBalancerTargetLeft, another balancer fills the routing, it ends ──> taken out again; a record without any is deleted
 */
import { changeOf, defineLedger, type Folded, type LedgerWriter, ledgerRef, membersIn } from '@weft/api';
import {
  LoadBalancerRouting,
  type LoadBalancerRoutingTypes,
  loadBalancerRoutingEvents,
  type RoutingTarget,
} from './load-balancer-routing.types.ts';

/** `routings`: by name of the balancer, what the interface is to it. */
export type RoutingMember = Readonly<{ namespace: string; name: string; routings: Readonly<Record<string, RoutingTarget>> }>;
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
        const routings = { ...records.get(uid)?.routings, [routing]: target };
        records.put(uid, { namespace, name: target.name, routings });
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
