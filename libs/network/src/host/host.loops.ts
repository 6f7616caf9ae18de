/** Control loops of Hosts: they let a host hold the networks of its interfaces, and note since when a silent host is behind. */
import { act, type Folded, type Loop, type LoopFacts, living, loopOverIndex, nameFrom, statusOf } from '@weft/api';
import { Network } from '../network/network.types.ts';
import { NetworkInterface } from '../network-interface/network-interface.types.ts';
import { hasApplied, vniOfNetwork } from '../quarantine.ts';
import { isUsed } from './host.kind.ts';
import { Host, type HostTypes } from './host.types.ts';
import { holds, readinessOfHost } from './host.views.ts';
import { importLoops, pairOf } from './imports.ts';
import { changesInNetwork, changesOnHost, type PlacementChange, placementChanges } from './placement-changes.ts';

/** A host holds a network before any row of it goes there (DESIGN 9.9): the rows of its interfaces wait for that. */
const holdNetworks = loopOverIndex(NetworkInterface, 'hostNetwork', {
  name: 'hold-networks',
  context: 'network',
  owed: (value, facts) => {
    const [host, network] = pairOf(value);
    const vni = facts.see(vniOfNetwork, nameFrom(network));
    if (vni === undefined || facts.see(holds, { name: host }, `${vni}`) !== false) return [];
    return [act(Host, { name: host }, 'HoldNetwork', { vni, network })];
  },
});

/** A network becomes idle on a host when no interface of it is placed there (any more), or when the network itself has gone. */
const idleNetworks = loopOverIndex(Host, 'hold', {
  name: 'idle-networks',
  context: 'network',
  owed: (value, facts) => {
    const [host, vni] = pairOf(value);
    return isUsed(host, vni, facts) ? [] : [act(Host, { name: host }, 'IdleNetwork', { vni: Number(vni) })];
  },
});

/** A host without heartbeats does not report its lag, so that is counted here, from the first change that it has to apply. Ready hosts cost one read. */
const fallBehind: Loop = {
  name: 'fall-behind',
  context: 'network',
  over: { kind: Host.kind },
  owed: (name, facts) => {
    if (facts.see(readinessOfHost, { name })?.ready !== false) return [];
    const host = living(facts.get(Host, { name }));
    if (host === undefined || statusOf(host.object).pendingSince !== undefined) return [];
    let first: PlacementChange | undefined;
    for (const change of changesNotApplied(host, facts)) if (first === undefined || change.position < first.position) first = change;
    return first === undefined ? [] : [act(Host, host.key, 'FallBehind', { since: first.time })];
  },
};

/** Changes of the networks that the host holds or imports, and of its own interfaces: when the last one of a network has left, that network may be gone. */
function* changesNotApplied(host: Folded<HostTypes>, facts: LoopFacts): Iterable<PlacementChange> {
  const { name } = host.key;
  let leaves = false;
  for (const [vni, idleSince] of Object.entries(host.facts.held ?? {})) {
    if (idleSince !== '') leaves = true;
    else for (const network of facts.keys(Network, 'vni', vni)) yield* notApplied(changesInNetwork(network), `endpoints.${vni}`);
  }
  if (leaves) yield* notApplied(changesOnHost(name), `placements.${name}`);
  for (const [vni, use] of Object.entries(host.facts.imported ?? {})) {
    if (use === 'used')
      for (const network of facts.keys(Network, 'vni', vni)) yield* notApplied(changesInNetwork(network), `endpoints.${vni}`);
  }

  function* notApplied(key: string, table: string): Iterable<PlacementChange> {
    const change = facts.record(placementChanges, key);
    if (change !== undefined && !hasApplied(host, table, change.position.toString())) yield change;
  }
}

export const hostLoops: readonly Loop[] = [holdNetworks, idleNetworks, ...importLoops, fallBehind];
