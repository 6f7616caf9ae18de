/** Control loops of Networks: they take the number, protect a network in use, and release peering claims of networks that are gone. */
import {
  act,
  conditionOf,
  type Draft,
  type Folded,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  type NameIn,
  nameText,
  type View,
  type VniGrant,
  vniGrants,
} from '@weft/api';
import { NetworkInterface, type NicTypes } from '../network-interface/network-interface.types.ts';
import { BLOCKERS_NAMED_MAX, incomingOf, isProtected, VNI_POOL_EXHAUSTED } from './network.kind.ts';
import { Network, type NetworkTypes } from './network.types.ts';

/** A network without a number takes the one that the pool granted to it, or shows that there is none. */
const acceptVni = loopOver(Network, {
  name: 'accept-vni',
  context: 'network',
  owed: (network, facts) => {
    if (network.facts.vni !== undefined) return [];
    const { uid } = network.object.metadata;
    const grant: VniGrant | undefined = facts.record(vniGrants, uid);
    if (grant === undefined) return [];
    if (grant.vni !== undefined) return [act(Network, network.key, 'AcceptVni', { uid, vni: grant.vni })];
    const isSaid = conditionOf(network.object, 'Ready')?.reason === VNI_POOL_EXHAUSTED.reason;
    return isSaid ? [] : [act(Network, network.key, 'LackVni', { uid })];
  },
});

/** The protecting finalizer (resources 3.1): added again when a client removes it, removed when a deleted network is not in use any more. */
const protectNetwork = loopOver(Network, {
  name: 'protect-network',
  context: 'network',
  owed: (network, facts) => {
    const { key } = network;
    if (!isDeleting(network)) return isProtected(network) ? [] : [act(Network, key, 'Protect', {})];
    if (!isProtected(network)) return [];
    const users = usersOf(network, facts);
    if (users.length === 0) return [act(Network, key, 'Unprotect', {})];
    const message = blockersText(users);
    return conditionOf(network.object, 'DeletionBlocked')?.message === message ? [] : [act(Network, key, 'ReportBlockers', { message })];
  },
});

type User = Readonly<{ kind: string; namespace: string; name: string }>;

/** An interface that is not being deleted uses its network. */
const userOfNic: View<NicTypes, User> = {
  kind: NetworkInterface,
  name: 'user',
  facets: () => ['created', 'deletion'],
  of: (nic) => (isDeleting(nic) ? undefined : userOf('NetworkInterface', nic.key)),
};

/** A network with a peering to this one uses it. `arg`: `<namespace>/<name> <uid>` of this one. */
const userOfPeering: View<NetworkTypes, User> = {
  kind: Network,
  name: 'user-of-peering',
  facets: () => ['created', 'deletion', 'spec.incomingPeerings'],
  of: (other, arg) => {
    const [network, uid] = arg.split(' ');
    const claims = incomingOf(other.object).some((claim) => nameText(claim) === network && (claim.uid === '' || claim.uid === uid));
    return claims && !isDeleting(other) ? userOf('Network', other.key) : undefined;
  },
};

function userOf(kind: string, { namespace = '', name }: NameIn): User {
  return { kind, namespace, name };
}

/** The users of a network: at most one more than the condition names. */
function usersOf({ key, object }: Folded<NetworkTypes>, facts: LoopFacts): readonly string[] {
  const network = nameText(key);
  const users: string[] = [];
  const add = ({ kind, namespace, name }: User): boolean => {
    users.push(namespace === key.namespace ? `${kind} ${name}` : `${kind} ${namespace}/${name}`);
    return users.length > BLOCKERS_NAMED_MAX;
  };
  for (const user of facts.seeAll(userOfNic, 'network', network)) if (add(user)) return users;
  for (const user of facts.seeAll(userOfPeering, 'incoming', network, `${network} ${object.metadata.uid}`)) if (add(user)) return users;
  return users;
}

function blockersText(users: readonly string[]): string {
  const named = users.slice(0, BLOCKERS_NAMED_MAX).join(', ');
  return `in use by ${named}${users.length > BLOCKERS_NAMED_MAX ? ' and others' : ''}`;
}

const uidOfNetwork: View<NetworkTypes, string> = {
  kind: Network,
  name: 'uid',
  facets: () => ['created'],
  of: ({ object }) => object.metadata.uid,
};

/** Claims of networks that do not exist, or exist as another incarnation, are given back (resources 3.3, by uid). */
const releasePeers = loopOver(Network, {
  name: 'release-peers',
  context: 'network',
  owed: (network, facts): readonly Draft[] => {
    if (isDeleting(network)) return [];
    const { namespace = '' } = network.key;
    const gone = (network.object.spec?.incomingPeerings ?? []).filter((claim) => {
      const uid = facts.see(uidOfNetwork, { namespace: claim.namespace ?? namespace, name: claim.name ?? '' });
      return uid === undefined || (claim.uid !== undefined && claim.uid !== uid);
    });
    return gone.length === 0 ? [] : [act(Network, network.key, 'ReleasePeers', { gone })];
  },
});

export const networkLoops: readonly Loop[] = [acceptVni, protectNetwork, releasePeers];
