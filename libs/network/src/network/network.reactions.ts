/** What makes a Network move: its number, its protection, claims of networks that are gone. */
import type { Draft, EventChange, FactsView, Folded, ObjectKey, Reaction } from '@weft/api';
import { act, specOf } from '@weft/api';
import { networkKey } from '../keys.ts';
import type { NetworkInterfaceSpec } from '../network-interface/network-interface.model.ts';
import { BLOCKERS_NAMED_MAX, incomingOf, PROTECTION_FINALIZER } from './network.kind.ts';

/** The pool has drawn a number for it, or has none. */
const acceptVni: Reaction = {
  name: 'accept-vni',
  context: 'network',
  on: ['VniAllocated.v1', 'VniPoolExhausted.v1'],
  react: ({ event: { type, data } }) => {
    const key = networkKey(data['namespace'] as string, data['network'] as string);
    const uid = data['uid'] as string;
    return [type === 'VniAllocated.v1' ? act(key, 'AcceptVni', { uid, vni: data['vni'] as number }) : act(key, 'LackVni', { uid })];
  },
};

/** Protection (resources 3.1): put back when a client takes it off, taken off when a deleted network is in use no more. */
const protectNetwork: Reaction = {
  name: 'protect-network',
  context: 'network',
  on: [
    'FinalizersChanged.v1',
    'DeletionRequested.v1',
    'NetworkInterfaceEnded.v1',
    'NetworkInterfaceCreated.v1',
    'NetworkEnded.v1',
    'NetworkIncomingPeeringsChanged.v1',
  ],
  react: (change, facts) => {
    const drafts: Draft[] = [];
    for (const key of networksTouchedBy(change, facts)) {
      const network = facts.get(key);
      if (network?.status !== 'live') continue;
      const { deletionTimestamp, finalizers = [] } = network.object.metadata;
      const isProtected = finalizers.includes(PROTECTION_FINALIZER);
      if (deletionTimestamp === undefined) {
        if (!isProtected) drafts.push(act(key, 'Protect'));
        continue;
      }
      if (!isProtected) continue;
      const users = usersOf(network, facts);
      drafts.push(users.length === 0 ? act(key, 'Unprotect') : act(key, 'ReportBlockers', { message: blockersText(users) }));
    }
    return drafts;
  },
};

function networksTouchedBy({ event, before, after }: EventChange, facts: FactsView): readonly ObjectKey[] {
  const key = (after ?? before)?.key;
  if (key?.namespace === undefined) return [];
  if (key.kind === 'NetworkInterface') {
    const name = specOf<NetworkInterfaceSpec>((after ?? (before as Folded)).object).networkRef?.name;
    if (name === undefined) return [];
    const network = networkKey(key.namespace, name);
    // Most interfaces come to networks that are not going.
    return facts.get(network)?.object.metadata.deletionTimestamp === undefined ? [] : [network];
  }
  if (key.kind !== 'Network') return [];
  const claimed = [before, after].flatMap((state) => (state === undefined ? [] : incomingOf(state.object)));
  const others = claimed.map(({ namespace, name }) => networkKey(namespace, name));
  return event.type === 'NetworkIncomingPeeringsChanged.v1' ? others : [key, ...others];
}

/** Whoever is not going itself and needs it. Bounded: what is beyond counts, not names. */
function usersOf(network: Folded, facts: FactsView): string[] {
  const { namespace = '', name } = network.key;
  const users: string[] = [];
  const add = (state: Folded): boolean => {
    if (state.object.metadata.deletionTimestamp === undefined) users.push(nameOf(state, namespace));
    return users.length > BLOCKERS_NAMED_MAX;
  };
  for (const nic of facts.by('NetworkInterface', 'network', `${namespace}/${name}`)) if (add(nic)) return users;
  for (const other of facts.by('Network', 'incoming', `${namespace}/${name}`)) {
    const claims = incomingOf(other.object).some(
      (claim) => claim.namespace === namespace && claim.name === name && (claim.uid === '' || claim.uid === network.object.metadata.uid),
    );
    if (claims && add(other)) return users;
  }
  return users;
}

function nameOf({ key }: Folded, namespace: string): string {
  return key.namespace === namespace ? `${key.kind} ${key.name}` : `${key.kind} ${key.namespace}/${key.name}`;
}

function blockersText(users: readonly string[]): string {
  const named = users.slice(0, BLOCKERS_NAMED_MAX).join(', ');
  return `in use by ${named}${users.length > BLOCKERS_NAMED_MAX ? ' and others' : ''}`;
}

/** Claims of networks that do not exist, or exist as another incarnation, are given back (resources 3.3, by uid). */
const releasePeers: Reaction = {
  name: 'release-peers',
  context: 'network',
  on: ['NetworkCreated.v1', 'NetworkIncomingPeeringsChanged.v1', 'NetworkEnded.v1'],
  react: ({ event, before, after }, facts) => {
    if (event.type !== 'NetworkEnded.v1') return after === undefined ? [] : releaseOf(after, facts);
    const { namespace = '', name } = (before as Folded).key;
    return [...facts.by('Network', 'incoming', `${namespace}/${name}`)].flatMap((claimed) => releaseOf(claimed, facts));
  },
};

function releaseOf(network: Folded, facts: FactsView): Draft[] {
  const stored = (network.object.spec?.['incomingPeerings'] ?? []) as { namespace?: string; name: string; uid?: string }[];
  const gone = stored.filter((claim) => {
    const claimant = facts.get(networkKey(claim.namespace ?? network.key.namespace ?? '', claim.name));
    if (claimant?.status !== 'live') return true;
    return claim.uid !== undefined && claim.uid !== claimant.object.metadata.uid;
  });
  return gone.length === 0 ? [] : [act(network.key, 'ReleasePeers', { gone })];
}

export const networkReactions: readonly Reaction[] = [acceptVni, protectNetwork, releasePeers];
