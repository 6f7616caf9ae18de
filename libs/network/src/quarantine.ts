/**
 * Who may still forward for something that is gone (DESIGN 3). A host tells the rev of each table that its kernel reflects; rows removed at or
 * before that rev are gone from it.
 */
import type { FactsView, Folded, JsonObject, JsonValue } from '@weft/api';
import { conditionOf } from '@weft/api';
import { networkKey } from './keys.ts';

export function vniOf(network: Folded | undefined): number | undefined {
  const vni = network?.status === 'live' ? network.facts['vni'] : undefined;
  return typeof vni === 'number' ? vni : undefined;
}

/** Also of a network that has ended: the number it had. */
export function lastVniOf(network: Folded | undefined): number | undefined {
  const vni = network?.facts['vni'];
  return typeof vni === 'number' ? vni : undefined;
}

export function isReady(host: Folded): boolean {
  return conditionOf(host.object, 'Ready')?.status === 'True';
}

/** Under this name a host's facts keep the position up to which its kernel reflects everything. */
export const EVERYTHING = '*';

/** True when the host's kernel reflects the table at `at` (decimal position) or later. */
export function hasApplied(host: Folded, table: string, at: string): boolean {
  const applied = (host.facts['applied'] ?? {}) as JsonObject;
  return reaches(applied[table], at) || reaches(applied[EVERYTHING], at);
}

function reaches(rev: JsonValue | undefined, at: string): boolean {
  return typeof rev === 'string' && BigInt(rev) >= BigInt(at);
}

/**
 * An address that was in use until `at`: the Ready hosts of its network have applied the removal. A network without a VNI had no rows. A view that
 * does not reach `at` cannot tell, and says no.
 */
export function addressHasRested(facts: FactsView, namespace: string, network: string, at: string): boolean {
  if (facts.position !== undefined && facts.position < BigInt(at)) return false;
  const vni = vniOf(facts.get(networkKey(namespace, network)));
  if (vni === undefined) return true;
  for (const host of facts.by('Host', 'vni', String(vni))) {
    if (isReady(host) && !hasApplied(host, `endpoints.${vni}`, at)) return false;
  }
  return true;
}

/**
 * What was in rows of the network with this VNI until `at`: every host that holds the network, Ready or not, has applied the removal. Without a VNI
 * (the network is gone too): every host at all has.
 */
export function rowsHaveGone(facts: FactsView, vni: number | undefined, at: string): boolean {
  if (facts.position === undefined || facts.position < BigInt(at)) return false;
  if (vni === undefined) {
    for (const host of facts.list('Host')) if (!hasApplied(host, EVERYTHING, at)) return false;
    return true;
  }
  for (const host of facts.by('Host', 'vni', String(vni))) if (!hasApplied(host, `endpoints.${vni}`, at)) return false;
  return true;
}

/** The same for the table of hosts, which every host mirrors. */
export function hostHasGone(facts: FactsView, at: string): boolean {
  if (facts.position === undefined || facts.position < BigInt(at)) return false;
  for (const host of facts.list('Host')) if (!hasApplied(host, 'hosts', at)) return false;
  return true;
}
