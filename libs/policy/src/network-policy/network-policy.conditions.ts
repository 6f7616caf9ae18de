/**
 * What a NetworkPolicy says of itself: whether it is resolved, whether it restricts anything, whether each of its peers is anything. No text counts
 * members, so a condition changes only with what it says.
 */
import { type ConditionFact, ready } from '@weft/api';

/** Peers that a condition names at most. */
export const PEERS_NAMED_MAX = 3;

export const RESOLVING = ready('False', 'Resolving', 'waits for its NetworkPolicyRule');

/** What the conditions follow from. */
export type Resolution = Readonly<{
  network: string;
  networkExists: boolean;
  /** Whether any interface is selected. */
  hasTargets: boolean;
  /** Object selectors that come to no address, as texts. */
  emptyPeers: readonly string[];
  isStaged?: boolean;
}>;

/** Undefined: it is not resolved yet. */
export function conditionsOf(resolution: Resolution | undefined): readonly ConditionFact[] {
  if (resolution === undefined) return [RESOLVING];
  return [readyOf(resolution), enforcedOf(resolution), peersOf(resolution)];
}

function readyOf({ network, networkExists }: Resolution): ConditionFact {
  if (!networkExists) return networkNotFound('Ready', network);
  return ready('True', 'Resolved', 'what it selects is resolved in its NetworkPolicyRule');
}

function networkNotFound(type: string, network: string): ConditionFact {
  return { type, status: 'False', reason: 'NetworkNotFound', message: `waits for Network ${network}` };
}

function enforcedOf({ network, networkExists, hasTargets, isStaged }: Resolution): ConditionFact {
  const type = 'Enforced';
  // Interfaces may name a Network that is not there: no host has them.
  if (!networkExists) return networkNotFound(type, network);
  if (isStaged === true) return { type, status: 'False', reason: 'Staged', message: STAGED };
  if (hasTargets) return { type, status: 'True', reason: 'InEffect', message: 'the hosts of the interfaces that it selects filter by it' };
  return { type, status: 'False', reason: 'NoTargets', message: `restricts nothing: it selects no NetworkInterface of Network ${network}` };
}

const STAGED =
  'refuses nothing: hosts count what it would refuse ("weft staged"), and "weft plan --promote" tells what enforcing it would change';

function peersOf({ emptyPeers }: Resolution): ConditionFact {
  const type = 'PeersResolved';
  if (emptyPeers.length === 0) return { type, status: 'True', reason: 'Resolved', message: 'each peer comes to an address' };
  const named = emptyPeers.slice(0, PEERS_NAMED_MAX).join('; ');
  const more = emptyPeers.length - PEERS_NAMED_MAX;
  const message = `allows nothing, since it comes to no address: ${named}${more > 0 ? `; and ${more} more` : ''}`;
  return { type, status: 'False', reason: 'PeerSelectsNothing', message };
}
