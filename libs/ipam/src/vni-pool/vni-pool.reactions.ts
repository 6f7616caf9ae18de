/** When a Network gets its number, when it gives it back, and when that has rested. Networks and Hosts belong to another context: here they are only read. */
import type { Draft, FactsView, Folded, JsonObject, ObjectKey, Reaction } from '@weft/api';
import { VNI_POOL } from './vni-pool.ts';

/** Networks that are told of a number that came free; the others wait for the next. */
const RETRIED_MAX = 4;

const reserve = (command: JsonObject & { type: string }): Draft => ({ target: 'reservation', stream: VNI_POOL, command });

const networkKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Network', namespace, name });

function allocate({ key, object }: Folded): Draft {
  return reserve({ type: 'AllocateVni', namespace: key.namespace ?? '', network: key.name, uid: object.metadata.uid });
}

const allocateVni: Reaction = {
  name: 'allocate-vni',
  context: 'ipam',
  on: ['NetworkCreated.v1', 'VniRested.v1'],
  react: ({ event, after }, facts) => {
    if (event.type === 'NetworkCreated.v1') return [allocate(after as Folded)];
    const drafts: Draft[] = [];
    for (const network of facts.by('Network', 'numberless', 'yes')) {
      if (drafts.length >= RETRIED_MAX) break;
      drafts.push(allocate(network));
    }
    return drafts;
  },
};

/** Also a number that was drawn for a network that had gone by then. */
const releaseVni: Reaction = {
  name: 'release-vni',
  context: 'ipam',
  on: ['NetworkEnded.v1', 'VniAllocated.v1'],
  react: ({ event, before }, facts) => {
    const at = event.position.toString();
    if (event.type === 'NetworkEnded.v1') return [reserve({ type: 'ReleaseVni', uid: (before as Folded).object.metadata.uid, at })];
    const { namespace, network, uid } = event.data as { namespace: string; network: string; uid: string };
    const state = facts.get(networkKey(namespace, network));
    const lives = state?.status === 'live' && state.object.metadata.uid === uid;
    return lives ? [] : [reserve({ type: 'ReleaseVni', uid, at })];
  },
};

/** No host holds it any more: by the release itself, by the host's word, or because the host is gone. */
const restVni: Reaction = {
  name: 'rest-vni',
  context: 'ipam',
  on: ['VniReleased.v1', 'NetworkReleased.v1', 'HostEnded.v1'],
  react: ({ event, before }, facts) => {
    const at = event.position.toString();
    const vnis =
      event.type === 'HostEnded.v1' ? Object.keys((before?.facts['held'] ?? {}) as JsonObject).map(Number) : [event.data['vni'] as number];
    return vnis.filter((vni) => mayRest(facts, vni)).map((vni) => reserve({ type: 'RestVni', vni, at }));
  },
};

function mayRest(facts: FactsView, vni: number): boolean {
  return isEmpty(facts.by('Host', 'vni', String(vni))) && isEmpty(facts.by('Network', 'vni', String(vni)));
}

function isEmpty(states: Iterable<Folded>): boolean {
  for (const _ of states) return false;
  return true;
}

export const vniReactions: readonly Reaction[] = [allocateVni, releaseVni, restVni];
