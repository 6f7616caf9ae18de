/**
 * Interfaces say when the host that carries them is not Ready, and are not Available meanwhile. One cause, bounded work: the loop is asked about the
 * host, and a host with 10,000 interfaces owes the next commands when these are in the log and what they made other loops ask is done.
 */
import { act, conditionFacts, type Draft, type Folded, type Loop } from '@weft/api';
import { Host } from '../host/host.types.ts';
import { type HostHealth, healthOfHost } from '../host/host.views.ts';
import { hostFailed, hostRecovered, isProgrammed, type NicFact, notProgrammed, onFailedHost } from './network-interface.facts.ts';
import { type HostFailure, NetworkInterface, type NicTypes } from './network-interface.types.ts';

/** Commands that one host owes at a time. */
export const SHOWN_AT_ONCE = 64;

const HEALTHS: readonly HostHealth[] = ['', 'HostLost', 'HostUnready'];

export const showHostHealth: Loop = {
  name: 'show-host-health',
  context: 'network',
  provider: 'weft',
  over: { kind: Host.kind },
  yields: true,
  owed: (host, facts) => {
    const health = facts.see(healthOfHost, { name: host });
    if (health === undefined) return [];
    const owed: Draft[] = [];
    for (const shown of HEALTHS) {
      if (shown === health) continue;
      for (const nic of facts.keys(NetworkInterface, 'hostHealth', `${host} ${shown}`)) {
        owed.push(act(NetworkInterface, nic, 'ShowHostHealth', health === '' ? { host } : { host, failure: health }));
        if (owed.length === SHOWN_AT_ONCE) return owed;
      }
    }
    return owed;
  },
};

/** The facts of the action; none when the interface shows it already, or is not there (any more). */
export function hostHealthFacts(
  { status, object, facts: { placement, hostFailure, programmed } }: Folded<NicTypes>,
  host: string,
  failure: HostFailure | undefined,
): readonly NicFact[] {
  if (status !== 'live' || placement?.host !== host || hostFailure === failure) return [];
  if (failure !== undefined) return [hostFailed(host, failure), ...conditionFacts(object, onFailedHost(host, failure))];
  return [hostRecovered(host), ...conditionFacts(object, programmed === true ? isProgrammed(host) : notProgrammed(host))];
}
