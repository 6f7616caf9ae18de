/**
 * Imports (ADR 29): a host follows where the interfaces of a Network are, although none of them is placed on it, since a Network that is on it is
 * peered with that one. It may then forward for both, so the number of either rests until the host has let go of it.
 *
 *   -- ImportNetwork --> used -- IdleImport --> idle -- ReportApplied or Reached past that --> released
 *                         ^____ ImportNetwork ___|
 *
 * The row by which the host follows it (`imports.<host>`) is there while it is used: so not before the host's own stream says so.
 */
import { act, type Facts, type Folded, type Loop, loopOverIndex, type NameIn, nameFrom, type View } from '@weft/api';
import { Network } from '../network/network.types.ts';
import { boundPeers, exposedTo, peerText } from '../network/peering.views.ts';
import { NetworkInterface } from '../network-interface/network-interface.types.ts';
import { hasApplied } from '../quarantine.ts';
import { type HostFact, importFacet } from './host.facts.ts';
import { Host, type HostTypes } from './host.types.ts';

type HostState = Folded<HostTypes>;
type Imported = NonNullable<HostTypes['facts']['imported']>;

/** Whether the host imports the network with the VNI `arg`. */
const imports: View<HostTypes, boolean> = {
  kind: Host,
  name: 'imports',
  facets: (vni) => ['created', importFacet(vni)],
  of: ({ facts }, vni) => facts.imported?.[vni] === 'used',
};

/** A host imports the peers of each network that has interfaces there. */
const importNetworks = loopOverIndex(NetworkInterface, 'hostNetwork', {
  name: 'import-networks',
  context: 'network',
  owed: (value, facts) => {
    const [host, network] = pairOf(value);
    const own = facts.see(boundPeers, nameFrom(network));
    return (own?.peers ?? []).flatMap((peer) => {
      const vni = facts.see(exposedTo, nameFrom(peer), peerText(network, own?.uid ?? ''))?.vni;
      if (vni === undefined || facts.see(imports, { name: host }, `${vni}`) !== false) return [];
      return [act(Host, { name: host }, 'ImportNetwork', { vni, network: peer })];
    });
  },
});

/** An import becomes idle when no network that is on the host is peered with it (any more), or when it has gone itself. */
const idleImports = loopOverIndex(Host, 'import', {
  name: 'idle-imports',
  context: 'network',
  owed: (value, facts) => {
    const [host, vni] = pairOf(value);
    return isImported(host, vni, facts) ? [] : [act(Host, { name: host }, 'IdleImport', { vni: Number(vni) })];
  },
});

export const importLoops: readonly Loop[] = [importNetworks, idleImports];

/** Whether the view shows a network on the host that is peered with the one with this VNI. O(peers of that one). */
function isImported(host: string, vni: string, facts: Facts): boolean {
  for (const peer of facts.keys(Network, 'vni', vni)) if (isImportedTo(host, peer, facts)) return true;
  return false;
}

function isImportedTo(host: string, peer: NameIn, facts: Facts): boolean {
  const { peers = [] } = facts.see(boundPeers, peer) ?? {};
  return peers.some((network) => facts.any(NetworkInterface, 'hostNetwork', `${host} ${network}`));
}

/** A view that does not include the import proves nothing: what it was made for may be missing from it too. */
export function idleImportFacts(before: HostState, vni: number, facts: Facts): readonly HostFact[] {
  const { name } = before.key;
  if (before.status !== 'live' || before.facts.imported?.[vni] !== 'used') return [];
  if (facts.position < importedAt(before, vni) || isImported(name, `${vni}`, facts)) return [];
  return [{ type: 'NetworkImportIdle.v1', data: { vni } }];
}

/** Releases imports whose rows the host has let go of. `tables`, `position`: what it reports now. */
export function importsLeftBehind(before: HostState, tables: Readonly<Record<string, string>>, position: string): readonly HostFact[] {
  const table = `imports.${before.key.name}`;
  const reached = BigInt(tables[table] ?? '0') > BigInt(position) ? (tables[table] as string) : position;
  return idleImportsOf(before.facts.imported).flatMap((vni): readonly HostFact[] => {
    const at = importedAt(before, vni);
    const isGone = at <= BigInt(reached) || hasApplied(before, table, at.toString());
    return isGone ? [{ type: 'NetworkImportReleased.v1', data: { vni: Number(vni) } }] : [];
  });
}

/** Position since which an import is as it is: used, or idle. */
export function importedAt({ facets }: HostState, vni: number | string): bigint {
  return facets[importFacet(vni)]?.position ?? 0n;
}

export function idleImportsOf(imported: Imported | undefined): readonly string[] {
  return Object.entries(imported ?? {}).flatMap(([vni, use]) => (use === 'idle' ? [vni] : []));
}

/** `<host> <the other>`: no name holds a space. */
export function pairOf(value: string): readonly [host: string, other: string] {
  const space = value.indexOf(' ');
  return [value.slice(0, space), value.slice(space + 1)];
}
