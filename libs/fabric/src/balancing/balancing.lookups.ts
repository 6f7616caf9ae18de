/** What is asked about rows of balancers. */
import { membersIn } from '@weft/api';
import { LoadBalancer, LoadBalancerRouting } from '@weft/lb';
import { networksOf } from '../routing/routing.lookups.ts';
import type { AskedFold, Lookup } from '../rows/row-index.ts';
import { decodeBalancerRow, decodePublicTargetRow, decodeTargetRow, type Table } from '../rows/rows.codec.ts';
import { type BalancerRow, PUBLIC_VNI, type PublicTargetRow, type TargetRow } from '../rows/rows.ts';
import { isPublic, targetKey } from './balancing.reads.ts';

/** By address. */
export const balancersByAddress: Lookup<BalancerRow> = {
  name: 'balancers by address',
  kind: 'balancers',
  decode: decodeBalancerRow,
  valuesOf: ({ ips }) => ips,
  *origins({ facts }, _, table) {
    for (const { object } of balancersIn(facts, table)) yield { rows: 'rows of balancers', key: object.metadata.uid };
  },
};

/** By the uid of their balancer. */
export const targetsOfBalancer: Lookup<TargetRow> = {
  name: 'targets of a balancer',
  kind: 'targets',
  decode: decodeTargetRow,
  valuesOf: ({ balancer }) => [balancer],
  *origins({ facts }, uid, table) {
    for (const { key, object } of balancersIn(facts, table)) {
      if (object.metadata.uid !== uid) continue;
      const routing = facts.get(LoadBalancerRouting, key);
      if (routing === undefined) continue;
      const named = membersIn(routing.facts.targets).map(([target]) => target);
      const written = (routing.object.destinations ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
      const { namespace = '', name } = key;
      for (const target of new Set([...named, ...written])) yield { rows: 'rows of targets', key: targetKey(namespace, name, target) };
    }
  },
};

/** The same in the table of `PUBLIC_VNI`. */
export const publicTargetsOfBalancer: Lookup<PublicTargetRow> = {
  ...targetsOfBalancer,
  name: 'public targets of a balancer',
  decode: decodePublicTargetRow,
};

function* balancersIn(facts: AskedFold['facts'], table: Table | undefined) {
  if (table === undefined || !('vni' in table)) return;
  if (table.vni === PUBLIC_VNI) {
    for (const balancer of facts.all(LoadBalancer)) if (isPublic.of(balancer, '') === true) yield balancer;
  } else for (const network of networksOf(facts, table)) yield* facts.by(LoadBalancer, 'network', network);
}
