/** Which resource a row is about, for people: rows name interfaces by uid. */
import { AnyVirtualIp, type Facts, type NameIn, nameFrom } from '@weft/api';
import { Network, NetworkInterface } from '@weft/network';
import type { DecidingRow } from '../evaluate/packet.ts';
import { networksNumbered } from '../routing/routing.lookups.ts';
import { parseTable } from './rows.codec.ts';

export type RowResource = Readonly<{ kind: string; namespace?: string; name?: string; uid?: string }>;

/** What is not known any more has no name. */
export function resourceOfRow(facts: Facts, { table, row }: DecidingRow): RowResource {
  const parsed = parseTable(table);
  if ('policy' in row) return { kind: 'NetworkPolicy', namespace: row.namespace, name: row.name, uid: row.policy };
  if ('groups' in row) {
    const { kind, uid, name } = row;
    if (kind === 'NetworkInterface') return interfaceOf(facts, uid);
    const [network] = parsed !== undefined && 'vni' in parsed ? networksNumbered(facts, String(parsed.vni)) : [];
    const { namespace } = network === undefined ? {} : nameFrom(network);
    return { kind, ...(namespace !== undefined && { namespace }), name, uid };
  }
  if ('placedAt' in row) return { kind: 'NetworkInterface', namespace: row.namespace, name: row.name, uid: row.nic };
  if ('virtualIp' in row) return { kind: 'VirtualIP', ...nameWithin(facts.keys(AnyVirtualIp, 'address', row.ip)), uid: row.virtualIp };
  if ('scheme' in row) return { kind: 'LoadBalancer', namespace: row.namespace, name: row.name, uid: row.balancer };
  if ('target' in row) return interfaceOf(facts, row.target);
  if ('nic' in row) return interfaceOf(facts, row.nic);
  if ('network' in row) return { kind: 'Network', ...nameFrom(row.network) };
  if ('host' in row) return { kind: 'Host', name: row.host };
  return { kind: 'Network', ...nameWithin(facts.keys(Network, 'vni', String(row.vni))) };
}

function interfaceOf(facts: Facts, uid: string): RowResource {
  return { kind: 'NetworkInterface', ...nameWithin(facts.keys(NetworkInterface, 'uid', uid)), uid };
}

function nameWithin(names: Iterable<NameIn>): Partial<NameIn> {
  for (const name of names) return name;
  return {};
}
