/** Control loops of Networks. */
import { act, conditionOf, type Draft, isDeleting, type Loop, loopOver, type View, type VniGrant, vniGrants } from '@weft/api';
import { VNI_POOL_EXHAUSTED } from './network.kind.ts';
import { Network, type NetworkTypes } from './network.types.ts';
import { protectNetwork } from './protection.loops.ts';

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
