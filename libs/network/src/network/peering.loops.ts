/**
 * Control loops of peerings (resources 3.2, 3.3; provider 2.2, 3.4). They read the other networks through views, so a network with many peers is asked once
 * when one of them changes.
 *
 *   A names B, B names A, B is Available ──> B stands in A's incomingPeerings        accept-peers
 *   both stand in each other's           ──> bound, with what A exposes to B         bind-peerings
 *
 * What a network exposes is its own decision: literals, and ranges of Prefixes that are Allocated. A filter of which nothing is known yet exposes
 * nothing (provider R-18). Each peering stands for itself: one that is amiss holds up no other.
 */
import {
  AnyPrefix,
  act,
  type Draft,
  type Loop,
  type LoopFacts,
  type NameIn,
  nameFrom,
  nameText,
  type SeenPrefix,
  sameJson,
  specOf,
  statusOf,
  type View,
} from '@weft/api';
import { blocksOf } from './address-blocks.ts';
import { firstNames } from './names.ts';
import { Network, type NetworkTypes, PEERING_CONDITIONS } from './network.types.ts';
import { exposedParts, type Offer, overlapsOf, sharedBlocks, type Use } from './overlaps.ts';
import { claimantOf, type Peer } from './peering.facts.ts';
import {
  acceptable,
  conditionText,
  exposedTo,
  type OwnPeering,
  type OwnPeerings,
  ownPeerings,
  peeringClaims,
  peerSeen,
  peerText,
} from './peering.views.ts';

type Payloads = NetworkTypes['actions'];
type Binding = Payloads['BindPeerings']['bound'][number];
type Condition = Payloads['BindPeerings']['conditions'][number];

export const acceptPeersLoop: Loop = {
  name: 'accept-peers',
  context: 'network',
  over: { kind: Network.kind },
  owed: (key, facts) => {
    const network = nameFrom(key);
    const own = facts.see(peeringClaims, network);
    if (own === undefined) return [];
    const wanted = new Map<string, Peer>();
    for (const target of own.targets) {
      const uid = facts.see(acceptable, nameFrom(target), key);
      if (uid !== undefined) wanted.set(target, peerFrom(target, uid));
    }
    const released = own.claims.filter((claim) => !wanted.has(nameText(claimantOf(claim, network.namespace))));
    const peers = [...wanted.values()].filter((peer) => !own.claims.some((claim) => sameJson(claim, peer)));
    if (peers.length === 0 && released.length === 0) return [];
    return [act(Network, network, 'AcceptPeers', { peers, released: [...released] })];
  },
};

function peerFrom(text: string, uid: string): Peer {
  const { namespace = '', name } = nameFrom(text);
  return { namespace, name, uid };
}

/** The range of a Prefix that is Allocated. */
const allocatedRange: View<SeenPrefix, string> = {
  kind: AnyPrefix,
  name: 'allocated-range',
  of: ({ object }) => (statusOf(object).phase === 'Allocated' ? specOf(object).prefix : undefined),
};

/** Why a peering is not in effect. */
type Obstacle = Readonly<{ reason: string; message: string }>;

export const bindPeeringsLoop: Loop = {
  name: 'bind-peerings',
  context: 'network',
  provider: 'weft',
  over: { kind: Network.kind },
  owed: (key, facts) => {
    const network = nameFrom(key);
    const own = facts.see(ownPeerings, network);
    if (own === undefined) return [];
    const self = peerText(key, own.uid);
    const bindings = new Map<string, Binding>();
    const obstacles: Obstacle[] = [];
    const unresolved: string[] = [];
    for (const peering of own.peerings) {
      const uid = uidOfBound(peering, own, self, facts, obstacles);
      const prefixes = exposedBy(peering, network, facts, unresolved);
      if (uid !== undefined) bindings.set(peering.target, { peer: peerFrom(peering.target, uid), ...(prefixes && { prefixes }) });
    }
    const bound = [...bindings].filter(([target, { peer, prefixes }]) => {
      return !sameJson(own.bound[target], { uid: peer.uid, ...(prefixes && { prefixes }) });
    });
    const unbound = Object.entries(own.bound).filter(([target]) => !bindings.has(target));
    const conditions = [
      ...peered(own, [...bindings.keys()], obstacles),
      ...exposed(unresolved),
      ...conflicts([...bindings.keys()], self, facts),
    ];
    return bindDraft(network, own, {
      bound: bound.map(([, binding]) => binding),
      unbound: unbound.map(([target, { uid }]) => peerFrom(target, uid)),
      conditions,
    });
  },
};

function bindDraft(
  network: NameIn,
  { conditions: said }: OwnPeerings,
  { bound, unbound, conditions }: Omit<Payloads['BindPeerings'], 'ended'>,
): Draft[] {
  const unsaid = conditions.filter((condition) => said[condition.type] !== conditionText(condition));
  const ended = PEERING_CONDITIONS.filter((type) => said[type] !== undefined && conditions.every((condition) => condition.type !== type));
  if (bound.length + unbound.length + unsaid.length + ended.length === 0) return [];
  return [act(Network, network, 'BindPeerings', { bound, unbound, conditions: unsaid, ended })];
}

/** The incarnation of the other network when both accept each other; otherwise it notes what is waited for. */
function uidOfBound(
  { name, target }: OwnPeering,
  own: OwnPeerings,
  self: string,
  facts: LoopFacts,
  obstacles: Obstacle[],
): string | undefined {
  const peer = facts.see(peerSeen, nameFrom(target), self);
  const waits = (reason: string, message: string) => {
    obstacles.push({ reason, message: `peering "${name}": ${message}` });
    return undefined;
  };
  if (peer === undefined) return waits('PeerNotFound', `waits for Network ${target}`);
  if (!peer.names) return waits('PeerDoesNotAgree', `Network ${target} names no peering with this one`);
  if (!peer.available) return waits('PeerNotAvailable', `waits until Network ${target} is Available`);
  if (!own.available) return waits('NotAvailable', 'waits until this Network is Available');
  if (!peer.accepts && peer.deleting) return waits('PeerDeleting', `Network ${target} is being deleted, and accepts nobody any more`);
  if (own.accepted[target] !== peer.uid || !peer.accepts) return waits('PeerPending', `Network ${target} is about to be accepted`);
  return peer.uid;
}

/** What is exposed by a peering: everything (undefined), or ranges. */
function exposedBy(
  { name, prefixes }: OwnPeering,
  { namespace = '' }: NameIn,
  facts: LoopFacts,
  unresolved: string[],
): Binding['prefixes'] {
  if (prefixes.length === 0) return undefined;
  return prefixes.flatMap(({ name: label, prefix, reference = '' }) => {
    const range = prefix ?? facts.see(allocatedRange, { namespace, name: reference });
    if (range !== undefined) return [{ name: label, prefix: range }];
    unresolved.push(`Prefix ${reference} (peering "${name}")`);
    return [];
  });
}

function peered({ peerings }: OwnPeerings, bound: readonly string[], [first, ...others]: readonly Obstacle[]): Condition[] {
  if (peerings.length === 0) return [];
  if (first === undefined) return [{ type: 'Peered', status: 'True', reason: 'Bound', message: `bound to ${firstNames(bound) ?? ''}` }];
  const more = others.length === 0 ? '' : `; ${others.length} more wait`;
  return [{ type: 'Peered', status: 'False', reason: first.reason, message: `${first.message}${more}` }];
}

function exposed(unresolved: readonly string[]): Condition[] {
  const names = firstNames(unresolved);
  if (names === undefined) return [];
  return [
    { type: 'PrefixesExposed', status: 'False', reason: 'PrefixNotAllocated', message: `not exposed, since not Allocated: ${names}` },
  ];
}

/** At most so many peers are compared with each other and with the network itself. */
const COMPARED_MAX = 64;

/** Ranges that more than one peer exposes to this network, and parts of them, or of whole networks, that another one uses too (provider R-26). */
function conflicts(bound: readonly string[], self: string, facts: LoopFacts): Condition[] {
  const seen = bound.map((peer) => ({ peer, ...facts.see(exposedTo, nameFrom(peer), self) }));
  const offers = seen.flatMap(({ peer, vni, prefixes = [] }): Offer[] =>
    prefixes.map((prefix) => ({ peer, prefix, ...(vni !== undefined && { vni }) })),
  );
  const ranges = firstNames(
    overlapsOf(offers).map(({ prefix, used, unused, wider }) => `${prefix} is reached through ${used}, not through ${wider} of ${unused}`),
  );
  const network = self.slice(0, self.indexOf(' '));
  const uses = seen.slice(0, COMPARED_MAX).map(({ peer, vni, prefixes }): Use => {
    const blocks = blocksOf(peer, facts);
    return {
      network: peer,
      isFiltered: prefixes !== undefined,
      blocks: prefixes ? exposedParts(blocks, prefixes) : blocks,
      ...(vni !== undefined && { vni }),
    };
  });
  const own: Use = { network, isFiltered: false, isOwn: true, blocks: uses.length === 0 ? [] : blocksOf(network, facts) };
  const shared = firstNames(
    sharedBlocks([own, ...uses]).map(
      ({ block, used, unused }) => `${used} and ${unused} both use ${block}: what both have is that of ${used}`,
    ),
  );
  const said = [ranges, shared].filter((each) => each !== undefined).join('; ');
  const reason = ranges === undefined ? 'NetworksOverlap' : 'RangesOverlap';
  return said === '' ? [] : [{ type: 'PeeringConflict', status: 'True', reason, message: said }];
}
