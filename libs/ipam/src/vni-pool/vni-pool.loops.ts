/**
 * Control loops of the pool: they draw a number for a Network, take it back, and end its rest. Networks and Hosts belong to another context: here they
 * are only read.
 */
import {
  AnyHost,
  AnyNetwork,
  commandsOf,
  type Draft,
  type Loop,
  type LoopFacts,
  loopOver,
  loopOverRecords,
  type NumberedNetwork,
  uidOfNetwork,
  type View,
  type VniGrant,
  vniGrants,
} from '@weft/api';
import { vniRests, vniStock } from './vni-pool.ledgers.ts';
import { VNI_MAX, VNI_POOL, type VniPoolTypes } from './vni-pool.types.ts';

/** When a number has rested, at most so many networks ask again at a time. */
const RETRIED_MAX = 4;

const command = commandsOf<VniPoolTypes>(VNI_POOL);

type Asking = Readonly<{ namespace: string; network: string; uid: string }>;

const asking: View<NumberedNetwork, Asking> = {
  kind: AnyNetwork,
  name: 'asks-for-a-number',
  facets: () => ['created'],
  of: ({ key: { namespace = '', name }, object }) => ({ namespace, network: name, uid: object.metadata.uid }),
};

/** A network without a number asks for one, once: the pool keeps its answer until the network has gone. */
const allocateVni = loopOver(AnyNetwork, {
  name: 'allocate-vni',
  context: 'ipam',
  provider: 'weft',
  owed: ({ key: { namespace = '', name }, object: { metadata }, facts: { vni } }, facts) => {
    const { uid } = metadata;
    if (vni !== undefined || facts.record(vniGrants, uid) !== undefined) return [];
    return [command('AllocateVni', { namespace, network: name, uid })];
  },
});

/**
 * Networks that got no number ask again once one has rested. As long as there are numbers that were never used, every network gets one, so this loop
 * reads no network then. `max`: as in the pool.
 */
function allocateRestedVni(max: number): Loop {
  return loopOverRecords(vniStock, {
    name: 'allocate-rested-vni',
    context: 'ipam',
    provider: 'weft',
    owed: ({ next, rested }, _pool, facts) => {
      const drafts: Draft[] = [];
      if (next <= max || rested === 0) return drafts;
      for (const network of facts.seeAll(asking, 'numberless', 'yes')) {
        const answer = facts.record(vniGrants, network.uid);
        if (answer === undefined || answer.vni !== undefined) continue;
        drafts.push(command('AllocateVni', network));
        if (drafts.length === Math.min(RETRIED_MAX, rested)) break;
      }
      return drafts;
    },
  });
}

/** Releases the number of a network that has gone, or withdraws the request of one that got none. */
const releaseVni = loopOverRecords(vniGrants, {
  name: 'release-vni',
  context: 'ipam',
  provider: 'weft',
  owed: (grant, uid, facts) => {
    const lives = facts.see(uidOfNetwork, { namespace: grant.namespace, name: grant.network }) === uid;
    return lives ? [] : [command('ReleaseVni', { uid, at: goneAt(grant, facts) })];
  },
});

/**
 * A position as of which the network of a grant has gone: that of its end or, when another network of its name lives, that of the creation of the
 * other one, which came after. It is never before the grant. So of two releases of one number the later one has the higher position, since the second
 * grant lies between them.
 */
function goneAt({ namespace, network, at }: VniGrant, facts: LoopFacts): string {
  const state = facts.get(AnyNetwork, { namespace, name: network });
  const end = (state?.status === 'live' ? state.facets['created']?.position : state?.position) ?? 0n;
  return end > BigInt(at) ? end.toString() : at;
}

/**
 * Ends the rest of a number once no host holds it, because each has reported so or is gone. A late command does no harm: it names the release that it
 * is for, and a later release has a higher position.
 */
const restVni = loopOverRecords(vniRests, {
  name: 'rest-vni',
  context: 'ipam',
  provider: 'weft',
  owed: ({ at }, vni, facts) => {
    if (facts.any(AnyHost, 'vni', vni) || facts.any(AnyNetwork, 'vni', vni)) return [];
    return [command('RestVni', { vni: Number(vni), at })];
  },
});

/** `max` is a parameter for tests only. */
export function vniLoops(max = VNI_MAX): readonly Loop[] {
  return [allocateVni, allocateRestedVni(max), releaseVni, restVni];
}
