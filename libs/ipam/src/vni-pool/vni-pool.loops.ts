/**
 * When a Network gets its number, when it gives it back, and when that has rested. Networks and Hosts belong to another context: here they are only
 * read.
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
  type View,
  type VniGrant,
  vniGrants,
} from '@weft/api';
import { vniRests, vniStock } from './vni-pool.ledgers.ts';
import { VNI_MAX, VNI_POOL, type VniPoolTypes } from './vni-pool.types.ts';

/** Networks that ask again at a time, when a number has rested. */
const RETRIED_MAX = 4;

const command = commandsOf<VniPoolTypes>(VNI_POOL);

type Asking = Readonly<{ namespace: string; network: string; uid: string }>;

const asking: View<NumberedNetwork, Asking> = {
  kind: AnyNetwork,
  name: 'asks-for-a-number',
  facets: () => ['created'],
  of: ({ key: { namespace = '', name }, object }) => ({ namespace, network: name, uid: object.metadata.uid }),
};

const uidOfNetwork: View<NumberedNetwork, string> = {
  kind: AnyNetwork,
  name: 'uid-for-a-number',
  facets: () => ['created'],
  of: ({ object }) => object.metadata.uid,
};

/** A network without a number asks for one, once: the pool keeps its answer until the network has gone. */
const allocateVni = loopOver(AnyNetwork, {
  name: 'allocate-vni',
  context: 'ipam',
  owed: ({ key: { namespace = '', name }, object: { metadata }, facts: { vni } }, facts) => {
    const { uid } = metadata;
    if (vni !== undefined || facts.record(vniGrants, uid) !== undefined) return [];
    return [command('AllocateVni', { namespace, network: name, uid })];
  },
});

/**
 * Networks that were told that there is no number ask again once one has rested. While numbers were never used, nobody was told so: then this looks at
 * no network. `max`: as in the pool.
 */
function allocateRestedVni(max: number): Loop {
  return loopOverRecords(vniStock, {
    name: 'allocate-rested-vni',
    context: 'ipam',
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

/** The network has gone, maybe before it had its answer. */
const releaseVni = loopOverRecords(vniGrants, {
  name: 'release-vni',
  context: 'ipam',
  owed: (grant, uid, facts) => {
    const lives = facts.see(uidOfNetwork, { namespace: grant.namespace, name: grant.network }) === uid;
    return lives ? [] : [command('ReleaseVni', { uid, at: goneAt(grant, facts) })];
  },
});

/**
 * A position as of which the network of a grant has gone: of its end, or, when another one of its name lives, of the creation of that one, which came
 * after. Never before the grant. So of two releases of one number the later one has the higher position: between them lies the grant of the later.
 */
function goneAt({ namespace, network, at }: VniGrant, facts: LoopFacts): string {
  const state = facts.get(AnyNetwork, { namespace, name: network });
  const end = (state?.status === 'live' ? state.facets['created']?.position : state?.position) ?? 0n;
  return end > BigInt(at) ? end.toString() : at;
}

/**
 * No host holds it any more, whether that was said by the host or the host is gone. A command that comes late does no harm: it names the release that
 * it means, and one that came after it has a higher position.
 */
const restVni = loopOverRecords(vniRests, {
  name: 'rest-vni',
  context: 'ipam',
  owed: ({ at }, vni, facts) => {
    if (facts.any(AnyHost, 'vni', vni) || facts.any(AnyNetwork, 'vni', vni)) return [];
    return [command('RestVni', { vni: Number(vni), at })];
  },
});

/** `max` is a parameter for tests only. */
export function vniLoops(max = VNI_MAX): readonly Loop[] {
  return [allocateVni, allocateRestedVni(max), releaseVni, restVni];
}
