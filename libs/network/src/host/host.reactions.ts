/** Which networks a host holds, after its interfaces; and what its end gives back. */
import {
  act,
  type Draft,
  type EventChange,
  type FactsView,
  type Folded,
  type JsonObject,
  liveOnly,
  type Reaction,
  specOf,
} from '@weft/api';
import { releaseHost } from '../host-index/host-index.ts';
import { hostKey, networkKey } from '../keys.ts';
import { factsOfNic } from '../network-interface/network-interface.facts.ts';
import type { NetworkInterfaceSpec } from '../network-interface/network-interface.model.ts';
import { lastVniOf, vniOf } from '../quarantine.ts';
import { factsOfHost } from './host.facts.ts';
import { isUsed } from './host.kind.ts';

/** NetworkHeld at the placement, before any row goes to that host (DESIGN 9.9): the rows wait for it. */
const holdNetworks: Reaction = {
  name: 'hold-networks',
  context: 'network',
  on: ['NetworkInterfacePlaced.v1', 'NetworkVniAssigned.v1', 'NetworkReleased.v1', 'NetworkIdle.v1', 'HostCreated.v1'],
  react: (change, facts) => {
    const drafts = new Map<string, Draft>();
    for (const nic of placedNics(change, facts)) {
      const host = factsOfNic(nic).placement?.host;
      const name = specOf<NetworkInterfaceSpec>(nic.object).networkRef?.name;
      if (host === undefined || name === undefined) continue;
      const vni = vniOf(facts.get(networkKey(nic.key.namespace ?? '', name)));
      const state = liveOnly(facts.get(hostKey(host)));
      if (vni === undefined || state === undefined || factsOfHost(state).held?.[String(vni)] === '') continue;
      drafts.set(`${host} ${vni}`, act(hostKey(host), 'HoldNetwork', { vni, network: `${nic.key.namespace}/${name}` }));
    }
    return [...drafts.values()];
  },
};

function* placedNics({ event, after, before }: EventChange, facts: FactsView): Iterable<Folded> {
  const { key } = (after ?? before) as Folded;
  switch (key.kind) {
    case 'NetworkInterface':
      if (after?.status === 'live') yield after;
      return;
    case 'Network':
      // One interface of each host is enough to hold the network there.
      yield* oneOfEachHost(facts.by('NetworkInterface', 'network', `${key.namespace}/${key.name}`));
      return;
    case 'Host':
      if (event.type === 'HostCreated.v1') yield* facts.by('NetworkInterface', 'host', key.name);
      else {
        for (const network of facts.by('Network', 'vni', String(event.data['vni']))) {
          yield* facts.by('NetworkInterface', 'hostNetwork', `${key.name} ${network.key.namespace}/${network.key.name}`);
        }
      }
      return;
  }
}

function* oneOfEachHost(nics: Iterable<Folded>): Iterable<Folded> {
  const seen = new Set<string>();
  for (const nic of nics) {
    const host = factsOfNic(nic).placement?.host;
    if (host === undefined || seen.has(host)) continue;
    seen.add(host);
    yield nic;
  }
}

/** The last interface of a network left a host, or never came to it, or the network itself is gone. */
const idleNetworks: Reaction = {
  name: 'idle-networks',
  context: 'network',
  on: ['NetworkInterfacePlaced.v1', 'NetworkInterfaceUnplaced.v1', 'NetworkInterfaceEnded.v1', 'NetworkEnded.v1', 'NetworkHeld.v1'],
  react: ({ event, before, after }, facts) => {
    const at = event.position.toString();
    const idle = (host: string, vni: number) => act(hostKey(host), 'IdleNetwork', { vni, at });
    const state = (before ?? after) as Folded;
    switch (state.key.kind) {
      case 'Host': {
        const vni = event.data['vni'] as number;
        return isUsed(state.key.name, String(vni), { facts }) ? [] : [idle(state.key.name, vni)];
      }
      case 'Network': {
        const vni = state.facts['vni'];
        if (typeof vni !== 'number') return [];
        return [...facts.by('Host', 'vni', String(vni))].map(({ key }) => idle(key.name, vni));
      }
      default: {
        const left = factsOfNic(state).placement?.host;
        const now = after?.status === 'live' ? factsOfNic(after).placement?.host : undefined;
        const name = specOf<NetworkInterfaceSpec>(state.object).networkRef?.name;
        if (left === undefined || left === now || name === undefined) return [];
        const vni = lastVniOf(facts.get(networkKey(state.key.namespace ?? '', name)));
        return vni === undefined || isUsed(left, String(vni), { facts }) ? [] : [idle(left, vni)];
      }
    }
  },
};

/** Its number and address go back, also when its writer died before it did that. */
const releaseHosts: Reaction = {
  name: 'release-host',
  context: 'network',
  on: ['HostEnded.v1'],
  react: ({ event, before }) => {
    const { stream, command } = releaseHost((before as Folded).object.metadata.uid);
    const at = event.position.toString();
    return [{ target: 'reservation', stream, command: { ...command, at } as JsonObject & { type: string } }];
  },
};

/** A host that is not heard does not say that it has rows to apply: its lag counts from the first of them. */
const fallBehind: Reaction = {
  name: 'fall-behind',
  context: 'network',
  on: ['NetworkInterfacePlaced.v1', 'NetworkInterfaceUnplaced.v1'],
  react: ({ event, before, after }, facts) => {
    const drafts: Draft[] = [];
    for (const host of facts.by('Host', 'silent', 'yes')) {
      const own = [before, after].some((nic) => nic !== undefined && factsOfNic(nic).placement?.host === host.key.name);
      if (own || holdsNetworkOf((after ?? before) as Folded, host, facts)) {
        drafts.push(act(hostKey(host.key.name), 'FallBehind', { since: event.metadata.time }));
      }
    }
    return drafts;
  },
};

function holdsNetworkOf(nic: Folded, host: Folded, facts: FactsView): boolean {
  const name = specOf<NetworkInterfaceSpec>(nic.object).networkRef?.name;
  const vni = name === undefined ? undefined : lastVniOf(facts.get(networkKey(nic.key.namespace ?? '', name)));
  return vni !== undefined && factsOfHost(host).held?.[String(vni)] === '';
}

export const hostReactions: readonly Reaction[] = [holdNetworks, idleNetworks, fallBehind, releaseHosts];
