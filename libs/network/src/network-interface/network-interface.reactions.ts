/** What makes an interface move: its machine, its host, its network, the former holder of its address; and what its end gives back. */
import {
  act,
  type Draft,
  type EventChange,
  type FactsView,
  type Folded,
  type JsonObject,
  liveOnly,
  partitionOf,
  type Reaction,
  specOf,
} from '@weft/api';
import { factsOfHost } from '../host/host.facts.ts';
import { networkKey, nicKey } from '../keys.ts';
import type { MachineSpec } from '../machine/machine.model.ts';
import { returnMac } from '../nic-mac/nic-macs.ts';
import { vniOf } from '../quarantine.ts';
import { factsOfNic, literalsOf } from './network-interface.facts.ts';
import { releaseOf, rowsOf } from './network-interface.kind.ts';
import type { NetworkInterfaceSpec } from './network-interface.model.ts';
import { settle } from './settle.ts';

const settleNics: Reaction = {
  name: 'settle-interfaces',
  context: 'network',
  on: [
    'NetworkInterfaceCreated.v1',
    'NetworkInterfaceAddressed.v1',
    'NetworkInterfaceClaimed.v1',
    'NetworkInterfaceReleased.v1',
    'NetworkInterfacePlaced.v1',
    'NetworkInterfaceUnplaced.v1',
    'NetworkInterfaceProgrammed.v1',
    // What was decided on an older view may come last: its reason is put right.
    'ConditionChanged.v1',
    'MachineCreated.v1',
    'MachineNetworkInterfacesChanged.v1',
    'MachineScheduled.v1',
    'MachineEnded.v1',
    'DeletionRequested.v1',
    'HostCreated.v1',
    'HostEnded.v1',
    'HostRegistered.v1',
    'HostCordoned.v1',
    'HostUncordoned.v1',
    'HostLost.v1',
    'HostReturned.v1',
    'HostApplied.v1',
    'NetworkReleased.v1',
    'NetworkVniAssigned.v1',
    'NetworkEnded.v1',
  ],
  react: (change, facts) => {
    const drafts: Draft[] = [];
    const seen = new Set<string>();
    for (const nic of nicsTouchedBy(change, facts)) {
      const { uid } = nic.object.metadata;
      if (seen.has(uid)) continue;
      seen.add(uid);
      const settlement = settle(nic, facts);
      if (settlement !== undefined) drafts.push(act(nic.key, 'Settle', settlement as unknown as JsonObject));
    }
    return drafts;
  },
};

function* nicsTouchedBy(change: EventChange, facts: FactsView): Iterable<Folded> {
  const { before, after } = change;
  const state = (after ?? before) as Folded;
  const { kind, namespace = '', name } = state.key;
  if (change.event.type === 'ConditionChanged.v1' && kind !== 'NetworkInterface') return;
  switch (kind) {
    case 'NetworkInterface': {
      // Once for each append.
      const nic = change.event === change.append.events.at(-1) ? liveOnly(facts.get(state.key)) : undefined;
      if (nic !== undefined) yield nic;
      return;
    }
    case 'Machine': {
      const named = [before, after].flatMap((each) => (each === undefined ? [] : slotsOf(each)));
      for (const nic of new Set(named)) {
        const found = liveOnly(facts.get(nicKey(namespace, nic)));
        if (found !== undefined) yield found;
      }
      yield* facts.by('NetworkInterface', 'machine', state.object.metadata.uid);
      return;
    }
    case 'Host':
      yield* nicsOfHost(change, name, facts);
      return;
    case 'Network':
      for (const nic of facts.by('NetworkInterface', 'network', `${namespace}/${name}`)) {
        if (change.event.type === 'NetworkEnded.v1' || waitsForNetwork(nic)) yield nic;
      }
      return;
  }
}

function* nicsOfHost({ event, before, after }: EventChange, host: string, facts: FactsView): Iterable<Folded> {
  switch (event.type) {
    case 'HostApplied.v1':
    case 'NetworkReleased.v1':
      yield* restingNics(event.data, after as Folded, facts);
      return;
    case 'HostLost.v1':
    case 'HostEnded.v1':
      // Whoever waits for this host to apply a removal waits for it no more.
      for (const vni of Object.keys(factsOfHost((before ?? after) as Folded).held ?? {})) yield* restingIn(vni, facts);
      break;
  }
  yield* facts.by('NetworkInterface', 'host', host);
  for (const machine of facts.by('Machine', 'host', host)) {
    for (const nic of slotsOf(machine)) {
      const found = liveOnly(facts.get(nicKey(machine.key.namespace ?? '', nic)));
      if (found !== undefined) yield found;
    }
  }
}

/** A host has told what it applied: interfaces of those networks may have waited for it. */
function* restingNics(data: JsonObject, host: Folded, facts: FactsView): Iterable<Folded> {
  const tables = (data['tables'] ?? {}) as JsonObject;
  const vnis = typeof data['vni'] === 'number' ? [data['vni']] : Object.keys(tables).map((table) => table.replace(/^endpoints\./, ''));
  if (host.status !== 'live') return;
  for (const vni of vnis) yield* restingIn(String(vni), facts);
}

function* restingIn(vni: string, facts: FactsView): Iterable<Folded> {
  for (const { key } of facts.by('Network', 'vni', vni)) yield* facts.by('NetworkInterface', 'resting', `${key.namespace}/${key.name}`);
}

function waitsForNetwork(nic: Folded): boolean {
  const { placement, programmed, resting } = factsOfNic(nic);
  return resting !== undefined || (placement !== undefined && programmed !== true);
}

function slotsOf({ object }: Folded): string[] {
  return (specOf<MachineSpec>(object).networkInterfaces ?? []).flatMap(({ networkInterfaceRef }) => networkInterfaceRef?.name ?? []);
}

/** A host says which ports are up. */
const programmedNics: Reaction = {
  name: 'programmed-interfaces',
  context: 'network',
  on: ['NicProgrammed.v1'],
  react: ({ event, after }, facts) => {
    const host = (after as Folded).key.name;
    const drafts: Draft[] = [];
    for (const { uid, position } of event.data['nics'] as unknown as { uid: string; position: string }[]) {
      for (const nic of facts.by('NetworkInterface', 'uid', uid)) drafts.push(act(nic.key, 'Programmed', { uid, host, position }));
    }
    return drafts;
  },
};

/** What an ended interface held goes back, also when its writer died before it did. */
const releaseNic: Reaction = {
  name: 'release-interface',
  context: 'network',
  on: ['NetworkInterfaceEnded.v1'],
  react: ({ event, before, after }, facts) => {
    // Its facets go with its end; the same append may have given it other addresses before that.
    const nic: Folded = { ...(before as Folded), object: (after as Folded).object };
    const at = event.position.toString();
    const drafts: Draft[] = [];
    const { ips } = literalsOf(nic.object);
    if (ips.length > 0) {
      const { stream, command } = releaseOf(nic, ips, undefined);
      drafts.push({ target: 'reservation', stream, command: { ...command, at } });
    }
    const { mac } = factsOfNic(nic);
    if (mac !== undefined) {
      const { namespace = '' } = nic.key;
      const network = specOf<NetworkInterfaceSpec>(nic.object).networkRef?.name ?? '';
      const { inRows, leftRows } = rowsOf(nic);
      const wasInRows = inRows || leftRows !== undefined;
      const vni = wasInRows ? vniOf(facts.get(networkKey(namespace, network))) : undefined;
      drafts.push({ target: 'reservation', ...returnMac(partitionOf(namespace), mac, leftRows ?? at, wasInRows, vni) });
    }
    return drafts;
  },
};

/** The old address of an interface that changed it, likewise. */
const releaseAddresses: Reaction = {
  name: 'release-changed-addresses',
  context: 'network',
  on: ['NetworkInterfaceAddressesChanged.v1'],
  react: ({ event, before, after }) => {
    const gone = literalsOf((before as Folded).object).ips.filter((ip) => !literalsOf((after as Folded).object).ips.includes(ip));
    if (gone.length === 0) return [];
    const { stream, command } = releaseOf(before as Folded, gone, event.revision);
    return [{ target: 'reservation', stream, command: { ...command, at: event.position.toString() } }];
  },
};

export const networkInterfaceReactions: readonly Reaction[] = [settleNics, programmedNics, releaseNic, releaseAddresses];
