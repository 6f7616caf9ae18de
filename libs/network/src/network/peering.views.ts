/** What loops read of a Network's peerings. */
import { conditionOf, type Folded, isDeleting, membersIn, nameFrom, nameText, statusOf, type View } from '@weft/api';
import { onceFor } from '../remembered.ts';
import type { NetworkPeering, PeeringClaimReference } from './network.model.ts';
import { Network, type NetworkTypes, PEERING_CONDITIONS } from './network.types.ts';
import { bindingOf, boundFacet, claimantOf, incomingOf, type Peer, peeringsOf, targetOf } from './peering.facts.ts';

/** What a network exposes to one other. `arg`: `<namespace>/<name> <uid>` of that one. Undefined: it is not bound to that one. */
export const exposedTo: View<NetworkTypes, Readonly<{ uid: string; vni?: number; prefixes?: readonly string[] }>> = {
  kind: Network,
  name: 'exposed-to',
  facets: (arg) => ['created', 'vni', boundFacet(peerFrom(arg))],
  of: (network, arg) => {
    const peer = peerFrom(arg);
    const binding = bindingOf(network, peer);
    if (binding === undefined || binding.uid !== peer.uid) return undefined;
    const { vni } = network.facts;
    const { prefixes } = binding;
    return {
      uid: network.object.metadata.uid,
      ...(vni !== undefined && { vni }),
      ...(prefixes && { prefixes: rangesOf(prefixes) }),
    };
  },
};

const rangesOf = (prefixes: readonly Readonly<{ prefix?: string }>[]): readonly string[] =>
  prefixes.flatMap(({ prefix }) => (prefix === undefined ? [] : [prefix]));

/** The networks that one is bound to, by `<namespace>/<name>`. */
export const boundPeers: View<NetworkTypes, Readonly<{ uid: string; peers: readonly string[] }>> = {
  kind: Network,
  name: 'bound-peers',
  facets: () => ['created', 'bound'],
  of: ({ object, facts: { bound } }) => bound && { uid: object.metadata.uid, peers: membersIn(bound).map(([network]) => network) },
};

/** `<namespace>/<name> <uid>`, which tells one network to another. */
export const peerText = (network: string, uid: string): string => `${network} ${uid}`;

function peerFrom(text: string): Peer {
  const space = text.indexOf(' ');
  const { namespace = '', name } = nameFrom(text.slice(0, space));
  return { namespace, name, uid: text.slice(space + 1) };
}

/** Lists of a hub's peerings are looked into by each network that it names, so what they hold is found once for each list. */
const namedIn = onceFor((peerings: readonly NetworkPeering[]) => new Set(peerings.map((peering) => nameText(targetOf(peering)))));
const claimedIn = onceFor(
  (claims: readonly PeeringClaimReference[]) =>
    new Map(
      claims.map((claim) => {
        const { uid, ...name } = claimantOf(claim);
        return [nameText(name), uid] as const;
      }),
    ),
);

type State = Folded<NetworkTypes>;

/** Whether the network names this other one in its peerings. */
function names({ key, object }: State, { namespace, name }: Peer): boolean {
  const named = namedIn(peeringsOf(object));
  return named.has(`${namespace}/${name}`) || (namespace === key.namespace && named.has(`/${name}`));
}

/** Whether the network has accepted this incarnation of the other one. */
function accepts({ key, object }: State, { namespace, name, uid }: Peer): boolean {
  const claimed = claimedIn(object.spec?.incomingPeerings ?? NOBODY);
  return claimed.get(`${namespace}/${name}`) === uid || (namespace === key.namespace && claimed.get(`/${name}`) === uid);
}

const NOBODY: readonly PeeringClaimReference[] = [];
const isAvailable = ({ object }: State): boolean => statusOf(object).state === 'Available';

/**
 * The uid of a network that may be accepted by one that names it: it is Available and names that one, also while it is being deleted (resources 3.2).
 * `arg`: `<namespace>/<name>` of that one.
 */
export const acceptable: View<NetworkTypes, string> = {
  kind: Network,
  name: 'acceptable',
  facets: () => ['created', 'spec.peerings', 'vni', 'status'],
  of: (network, arg) => (isAvailable(network) && names(network, peerFrom(`${arg} `)) ? network.object.metadata.uid : undefined),
};

export type PeerSeen = Readonly<{ uid: string; names: boolean; available: boolean; accepts: boolean; deleting: boolean }>;

/** How far the other network of a peering is. `arg`: `<namespace>/<name> <uid>` of the one that asks. */
export const peerSeen: View<NetworkTypes, PeerSeen> = {
  kind: Network,
  name: 'peer',
  facets: () => ['created', 'deletion', 'spec.peerings', 'spec.incomingPeerings', 'vni', 'status'],
  of: (network, arg) => {
    const asker = peerFrom(arg);
    return {
      uid: network.object.metadata.uid,
      names: names(network, asker),
      available: isAvailable(network),
      accepts: accepts(network, asker),
      deleting: isDeleting(network),
    };
  },
};

export type Claims = Readonly<{
  targets: readonly string[];
  claims: readonly Readonly<{ namespace?: string; name?: string; uid?: string }>[];
}>;

/** Whom a network names, and whom it has accepted as it stands in its spec. Undefined while it is being deleted: then nothing changes. */
export const peeringClaims: View<NetworkTypes, Claims> = {
  kind: Network,
  name: 'peering-claims',
  facets: () => ['created', 'deletion', 'spec.peerings', 'spec.incomingPeerings'],
  of: (network) => {
    if (isDeleting(network)) return undefined;
    const { key, object } = network;
    return {
      targets: peeringsOf(object).map((peering) => nameText(targetOf(peering, key.namespace))),
      claims: (object.spec?.incomingPeerings ?? []).map((claim) => ({ ...claim })),
    };
  },
};

export type OwnPeering = Readonly<{
  name: string;
  target: string;
  prefixes: readonly Readonly<{ name: string; prefix?: string; reference?: string }>[];
}>;
export type OwnPeerings = Readonly<{
  uid: string;
  available: boolean;
  peerings: readonly OwnPeering[];
  /** By `<namespace>/<name>`. */
  accepted: Readonly<Record<string, string>>;
  bound: Readonly<Record<string, Readonly<{ uid: string; prefixes?: readonly Readonly<{ name?: string; prefix?: string }>[] }>>>;
  /** By type: status, reason and message as one text. */
  conditions: Readonly<Record<string, string>>;
}>;

export const ownPeerings: View<NetworkTypes, OwnPeerings> = {
  kind: Network,
  name: 'own-peerings',
  facets: () => ['created', 'spec.peerings', 'spec.incomingPeerings', 'vni', 'status', 'bound', 'conditions'],
  of: (network) => {
    const { key, object, facts } = network;
    const { bound = {} } = facts;
    return {
      uid: object.metadata.uid,
      available: isAvailable(network),
      peerings: peeringsOf(object).map((peering) => ({
        name: peering.name ?? '',
        target: nameText(targetOf(peering, key.namespace)),
        prefixes: (peering.prefixes ?? []).map(({ name = '', prefix, prefixRef }) => ({
          name,
          ...(prefix !== undefined && { prefix }),
          ...(prefix === undefined && { reference: prefixRef?.name ?? '' }),
        })),
      })),
      accepted: Object.fromEntries(incomingOf(object).map((peer) => [nameText(peer), peer.uid])),
      bound: Object.fromEntries(membersIn(bound)),
      conditions: Object.fromEntries(
        PEERING_CONDITIONS.flatMap((type) => {
          const condition = conditionOf(object, type);
          return condition === undefined ? [] : [[type, conditionText(condition)]];
        }),
      ),
    };
  },
};

export function conditionText({ status, reason, message }: Readonly<{ status: string; reason: string; message: string }>): string {
  return `${status} ${reason} ${message}`;
}
