/**
 * Finds out whether a host may still forward for something that is gone (DESIGN 3). A host reports the rev of each table that its kernel reflects;
 * rows removed at or before that rev are gone from its kernel.
 */
import { EVERYTHING, type Facts, type Folded, type NameIn, type View } from '@weft/api';
import { isReady } from './host/host.health.ts';
import { Host, type HostTypes } from './host/host.types.ts';
import { Network, type NetworkTypes } from './network/network.types.ts';

/** Number of a living network. */
export const vniOfNetwork: View<NetworkTypes, number> = { kind: Network, name: 'vni', facets: () => ['vni'], of: ({ facts }) => facts.vni };

/** True when the host's kernel reflects the table at `at` (decimal position) or later. */
export function hasApplied({ facts: { applied = {} } }: Folded<HostTypes>, table: string, at: string): boolean {
  return reaches(applied[table], at) || reaches(applied[EVERYTHING], at);
}

function reaches(rev: string | undefined, at: string): boolean {
  return rev !== undefined && BigInt(rev) >= BigInt(at);
}

/**
 * For `<vni> <position>`: whether the host has applied what became of an address until then, or is not Ready, so that nobody waits for it. A host that holds
 * the network knows an address as that of an endpoint, and as one that policies admit: both rows go at one position. One that imports it filters by the
 * policies of its own networks.
 */
const appliedOrSilent: View<HostTypes, boolean> = {
  kind: Host,
  name: 'applied-or-silent',
  of: (host, arg) => !isReady(host) || hasLetGo(host, arg),
};

function hasLetGo(host: Folded<HostTypes>, arg: string): boolean {
  const space = arg.indexOf(' ');
  const [vni, at] = [arg.slice(0, space), arg.slice(space + 1)];
  if (!hasApplied(host, `endpoints.${vni}`, at)) return false;
  return host.facts.held?.[vni] === undefined || hasApplied(host, `policies.${vni}`, at);
}

/** For `<table> <position>`: whether the host, Ready or not, has applied it. */
const appliedAt: View<HostTypes, boolean> = { kind: Host, name: 'applied', of: appliedArg };

function appliedArg(host: Folded<HostTypes>, arg: string): boolean {
  const space = arg.lastIndexOf(' ');
  return hasApplied(host, arg.slice(0, space), arg.slice(space + 1));
}

/**
 * Whether an address that was in use until `at` has rested: the Ready hosts of its network have applied the removal. A network without a VNI had no
 * rows. The answer is no when the view does not reach `at`.
 */
export function addressHasRested(facts: Facts, network: NameIn, at: string): boolean {
  if (facts.position < BigInt(at)) return false;
  const vni = facts.see(vniOfNetwork, network);
  if (vni === undefined) return true;
  for (const done of facts.seeAll(appliedOrSilent, 'vni', String(vni), `${vni} ${at}`)) if (!done) return false;
  return true;
}

/**
 * Whether something that was in rows of a network until `at` has rested: every host that holds the network, Ready or not, has applied the removal. When
 * the network has no VNI (any more), all hosts must have applied it.
 */
export function rowsHaveGone(facts: Facts, network: NameIn, at: string): boolean {
  if (facts.position < BigInt(at)) return false;
  const vni = facts.see(vniOfNetwork, network);
  if (vni === undefined) return everyHost(facts, (host) => hasApplied(host, EVERYTHING, at));
  for (const done of facts.seeAll(appliedAt, 'vni', String(vni), `endpoints.${vni} ${at}`)) if (!done) return false;
  return true;
}

/** For `<table> <position>`: whether the host has applied it, or is not Ready. */
const appliedAtOrSilent: View<HostTypes, boolean> = {
  kind: Host,
  name: 'applied-table-or-silent',
  of: (host, arg) => !isReady(host) || appliedArg(host, arg),
};

/**
 * Whether something that a balancer of the network gave back at `at` has rested: these hosts have applied the removal. Each release changes the table of
 * balancers at its own position. A network without a VNI has no rows.
 */
export function balancerHasGone(facts: Facts, network: NameIn, at: string, from: 'all hosts' | 'Ready hosts'): boolean {
  if (facts.position < BigInt(at)) return false;
  const vni = facts.see(vniOfNetwork, network);
  if (vni === undefined) return true;
  const view = from === 'all hosts' ? appliedAt : appliedAtOrSilent;
  for (const done of facts.seeAll(view, 'vni', String(vni), `balancers.${vni} ${at}`)) if (!done) return false;
  return true;
}

/** The same for the table of hosts, which every host mirrors. */
export function hostHasGone(facts: Facts, at: string): boolean {
  return facts.position >= BigInt(at) && everyHost(facts, (host) => hasApplied(host, 'hosts', at));
}

function everyHost(facts: Facts, test: (host: Folded<HostTypes>) => boolean): boolean {
  for (const host of facts.all(Host)) if (!test(host)) return false;
  return true;
}
