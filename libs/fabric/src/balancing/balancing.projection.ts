/**
 * Balancing: from the fold to the rows that say where LoadBalancers send traffic (`balancers.<vni>`, `targets.<vni>`), and where public ones do
 * (`balancers.1`, `targets.1`, ADR 31).
 *
 *   balancer-grants -- number,                       |
 *       addresses ----------------+                  |
 *   Network -- uid, vni ----------+------------------+
 *   LoadBalancer -- uid, Network -+                  |
 *       ports, check, addresses --+--> balancers.<vni>, of a Public one balancers.1 too
 *       is public ----------------+                  |
 *   LoadBalancerRouting, routing-members ------------+--> targets.<vni>
 *   NetworkInterface -- addresses, placement --------+--> targets.1, of a Public one and an interface with a place
 *
 * A target of a routing that names another Network, by uid, is none (provider C-41). One target more is one row, or two, whatever the number of targets: a
 * membership has an event of its own behind it, which the ledger keeps.
 *
 * A balancer has a row while it has a number of its Network, so each release of what it has changes the table at its own position: hosts confirm it by that.
 */
import { balancerGrants, nameFrom, nameText } from '@weft/api';
import { TrackedFacts } from '@weft/derive';
import { isRoutingIn, LoadBalancer, LoadBalancerRouting, routingMembers } from '@weft/lb';
import { Network, NetworkInterface } from '@weft/network';
import { macOfNic, type NicRead, placedNic } from '../routing/routing.reads.ts';
import type { PlacedRow, RowsOf } from '../rows/row-projection.ts';
import { PUBLIC_VNI } from '../rows/rows.ts';
import {
  addressesOf,
  type BalancerRead,
  balancer,
  checkOf,
  filledRouting,
  isPublic,
  membership,
  numberedBalancer,
  numberedNetwork,
  parseTargetKey,
  portsOf,
  routingsOf,
  targetKey,
  type WrittenRouting,
  writtenDestination,
  writtenNetwork,
  writtenRouting,
} from './balancing.reads.ts';
import { balancerRow, publicTargetRow, type TargetRead, targetRow } from './balancing.rows.ts';

const NO_KEYS: readonly string[] = [];

export const balancing: RowsOf = {
  name: 'balancing',
  version: 3,
  kinds: [LoadBalancer, LoadBalancerRouting, Network, NetworkInterface],
  ledgers: [balancerGrants, routingMembers],
  declare: ({ engine, from, map, group }) => {
    const grants = from.ledger(balancerGrants.ledger);
    const members = from.ledger(routingMembers.ledger);

    map('rows of balancers', grants, (uid, facts, read) => {
      const grant = read.see(grants, numberedBalancer, uid);
      const network = grant && facts.see(numberedNetwork, networkOf(grant));
      if (grant === undefined || network === undefined) return [];
      const named = { namespace: grant.namespace, name: grant.name };
      const seen = facts.see(balancer, named);
      const isLiving = seen?.uid === uid;
      const scheme = isLiving && facts.see(isPublic, named) === true ? 'Public' : 'Internal';
      const ips = isLiving ? addressesOf(seen, grant.ips, facts) : [];
      const ports = isLiving ? (facts.see(portsOf, named) ?? []) : [];
      const check = isLiving ? facts.see(checkOf, named) : undefined;
      const of = { ...named, uid, vni: network.vni, number: grant.number, scheme, ips, ports, ...(check && { check }) } as const;
      const row = balancerRow(of, read.causes());
      const tables = scheme === 'Public' && ips.length > 0 ? [network.vni, PUBLIC_VNI] : [network.vni];
      return tables.map((vni): PlacedRow => ({ table: `balancers.${vni}`, key: uid, row }));
    });

    const filled = engine.map<readonly string[]>('targets of interfaces', members, (uid, read) => {
      const member = new TrackedFacts(from, read).record(routingMembers, uid);
      return member && routingsOf(member).map((routing) => targetKey(member.namespace, routing, uid));
    });
    const written = engine.map<WrittenRouting>('written routings', from.kind(LoadBalancerRouting.kind), (key, read) =>
      new TrackedFacts(from, read).see(writtenRouting, nameFrom(key)),
    );
    const destinations = written.index('target', ({ destinations: found }, routing) => {
      const { namespace = '', name } = nameFrom(routing);
      const ips = Object.keys(found);
      return ips.length === 0 ? NO_KEYS : ips.map((ip) => targetKey(namespace, name, ip));
    });
    const targets = engine.join<unknown>(
      'targets',
      filled.index('target', (keys) => keys),
      destinations,
    );

    group('rows of targets', targets, (key, facts, read) => {
      const { routing, target } = parseTargetKey(key);
      const of = facts.see(balancer, routing);
      const network = of && facts.see(numberedNetwork, networkOf(of));
      if (of === undefined || network === undefined) return [];
      let found: TargetRead | undefined;
      let place: () => NicRead | undefined;
      const member = read.see(members, membership, target, routing.name);
      if (member !== undefined) {
        const { balancer: fills, networkUid } = facts.see(filledRouting, routing) ?? {};
        if (fills !== of.uid || networkUid !== network.uid) return [];
        // What a check said counts as long as there is one.
        const failed = member.failed && facts.see(checkOf, routing) && member.failed;
        found = { balancer: of.uid, target, name: member.name, ips: member.ips, ...(failed && { failed }) };
        place = () => facts.see(placedNic, { ...routing, name: member.name });
      } else {
        const named = read.see(written, writtenNetwork, nameText(routing));
        const destination = read.see(written, writtenDestination, nameText(routing), target);
        if (named === undefined || destination === undefined || !isRoutingIn(named, { name: of.network, uid: network.uid })) return [];
        found = { balancer: of.uid, target, name: destination.name ?? target, ips: [target] };
        place = () => {
          const nics = [...facts.seeAll(placedNic, 'address', `${nameText(networkOf(of))} ${target}`)];
          return nics.find(({ uid }) => uid === (destination.uid ?? uid));
        };
      }
      const rowKey = `${of.uid}/${target}`;
      const rows: PlacedRow[] = [{ table: `targets.${network.vni}`, key: rowKey, row: targetRow(found, read.causes()) }];
      if (facts.see(isPublic, routing) !== true) return rows;
      const nic = place();
      const isIt = nic !== undefined && (member === undefined || nic.uid === target);
      const mac = isIt ? macOfNic(nic, network.vni) : undefined;
      if (!isIt || mac === undefined) return rows;
      const where = { vni: network.vni, nic: nic.uid, host: nic.host, mac };
      return [...rows, { table: `targets.${PUBLIC_VNI}`, key: rowKey, row: publicTargetRow({ ...found, ...where }, read.causes()) }];
    });
  },
};

function networkOf({ namespace, network }: Pick<BalancerRead, 'namespace' | 'network'>): Readonly<{ namespace: string; name: string }> {
  return { namespace, name: network };
}
