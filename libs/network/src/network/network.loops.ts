/** Control loops of Networks. */
import { act, conditionOf, type Loop, loopOver, type VniGrant, vniGrants } from '@weft/api';
import { VNI_POOL_EXHAUSTED } from './network.kind.ts';
import { Network } from './network.types.ts';
import { acceptPeersLoop, bindPeeringsLoop } from './peering.loops.ts';
import { protectNetwork } from './protection.loops.ts';

/** A network without a number takes the one that the pool granted to it, or shows that there is none. */
const acceptVni = loopOver(Network, {
  name: 'accept-vni',
  context: 'network',
  provider: 'weft',
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

export const networkLoops: readonly Loop[] = [acceptVni, protectNetwork, acceptPeersLoop, bindPeeringsLoop];
