/** Protection of Networks (resources 3.1): a network stays until nothing lives in it, and until no other network lists it. */
import {
  AnyLoadBalancer,
  AnyNatGateway,
  act,
  conditionOf,
  type Folded,
  isDeleting,
  type KindRef,
  type KindTypes,
  type LoopFacts,
  loopOver,
  type NameIn,
  nameText,
  type View,
} from '@weft/api';
import { NetworkInterface } from '../network-interface/network-interface.types.ts';
import { firstNames } from './names.ts';
import { networkFinalizer } from './network.kind.ts';
import { Network, type NetworkTypes } from './network.types.ts';
import { incomingOf } from './peering.facts.ts';

/** The protecting finalizer: added again when a client removes it, removed when a deleted network is not in use any more. */
export const protectNetwork = loopOver(Network, {
  name: 'protect-network',
  context: 'network',
  owed: (network, facts) => {
    const { key } = network;
    if (!isDeleting(network)) return networkFinalizer.isOn(network) ? [] : [act(Network, key, 'Protect', {})];
    if (!networkFinalizer.isOn(network)) return [];
    const users = usersText(network, facts);
    if (users === undefined) return [act(Network, key, 'Unprotect', {})];
    const message = `in use by ${users}`;
    return conditionOf(network.object, 'DeletionBlocked')?.message === message ? [] : [act(Network, key, 'ReportBlockers', { message })];
  },
});

/** So many are looked at to name the first. */
const USERS_MAX = 64;

/** By name within each kind: members of an index come in no order, and every process has to say the same. */
function usersText(network: Folded<NetworkTypes>, facts: LoopFacts): string | undefined {
  const all: string[] = [];
  for (const users of usersOf(network, facts)) {
    const names: string[] = [];
    for (const name of users) if (all.length + names.push(name) > USERS_MAX) return `more than ${USERS_MAX} objects`;
    all.push(...names.sort());
  }
  return firstNames(all);
}

type User = Readonly<{ kind: string; namespace: string; name: string }>;

/** An object in a network that is not being deleted uses it. A NetworkPolicy does not. */
const userIn = <T extends KindTypes>(kind: KindRef<T>): View<T, User> => ({
  kind,
  name: 'user',
  facets: () => ['created', 'deletion'],
  of: (state) => (isDeleting(state) ? undefined : userOf(kind.kind, state.key)),
});
const nicUser = userIn(NetworkInterface);
const balancerUser = userIn(AnyLoadBalancer);
const gatewayUser = userIn(AnyNatGateway);

/** A network that lists this one as accepted uses it. `arg`: `<namespace>/<name> <uid>` of this one. */
const peerUser: View<NetworkTypes, User> = {
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

/** The users of a network, kind by kind, in the order in which upstream looks for them. */
function* usersOf({ key, object }: Folded<NetworkTypes>, facts: LoopFacts): Iterable<Iterable<string>> {
  const network = nameText(key);
  yield named(facts.seeAll(nicUser, 'network', network));
  yield named(facts.seeAll(balancerUser, 'network', network));
  yield named(facts.seeAll(gatewayUser, 'network', network));
  yield named(facts.seeAll(peerUser, 'incoming', network, `${network} ${object.metadata.uid}`));

  function* named(users: Iterable<User>): Iterable<string> {
    for (const { kind, namespace, name } of users) yield namespace === key.namespace ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
  }
}
