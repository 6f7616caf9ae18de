/**
 * Finds the machine that should hold an interface and the host where its port should be, from the states of machines, host and network (resources 1.11,
 * 3.4, 3.14). A loop asks it again when something that it read has changed, also by its own commands.
 */
import {
  type ConditionFact,
  type Facts,
  type Folded,
  isDeleting,
  nameText,
  ready,
  specOf,
  statusOf,
  uidOfNetwork,
  unusableAddress,
} from '@weft/api';
import { bornAtOfHost, unschedulableHost } from '../host/host.views.ts';
import { type Claimant, claimant } from '../machine/machine.views.ts';
import { addressHasRested, vniOfNetwork } from '../quarantine.ts';
import { isProgrammed, NOT_ATTACHED, notProgrammed } from './network-interface.facts.ts';
import type { NicTypes, Settlement } from './network-interface.types.ts';
import { settlementFacts } from './settlement.ts';

type Nic = Folded<NicTypes>;

/** The settlement that the interface needs; undefined when it needs none. */
export function settle(nic: Nic, facts: Facts): Settlement | undefined {
  const { holder, machine, ...holding } = holdingOf(nic, facts);
  const { resting } = nic.facts;
  // Set whether or not the interface can be placed now: an address that has rested stays so, also when hosts fall silent later.
  const rested = resting !== undefined && addressHasRested(facts, networkOf(nic), resting);
  const settlement: Settlement = {
    uid: nic.object.metadata.uid,
    ...holding,
    ...(holder !== undefined && { machine: holder }),
    ...(rested && { rested, rest: resting }),
    ...placeOf(nic, machine, resting === undefined || rested, facts),
  };
  return settlementFacts(nic, settlement).length === 0 ? undefined : settlement;
}

/** `holder`: uid of the machine that should have the interface; `machine`: that machine, if it exists. The others as in a Settlement. */
type Holding = Pick<Settlement, 'claim' | 'release' | 'drops'> & Readonly<{ holder?: string; machine?: Claimant }>;

function holdingOf(nic: Nic, facts: Facts): Holding {
  const { machineRef } = specOf(nic.object);
  const next = isDeleting(nic) ? undefined : firstClaimant(nic, facts);
  const takes: Holding = next === undefined ? {} : { holder: next.uid, machine: next, claim: { name: next.name, uid: next.uid } };
  if (machineRef === undefined) return takes;
  const { uid = '', name = '' } = machineRef;
  const machine = facts.see(claimant, { ...nic.key, name });
  // A machine with another uid does not count: the name was used again.
  const lives = machine?.uid === uid;
  if (lives && (machine.deleting || isNamedBy(nic, machine, facts))) return { holder: uid, machine };
  if (isDeleting(nic)) return machineRef.uid === undefined ? {} : { holder: machineRef.uid };
  return { ...takes, release: uid, ...(lives && { drops: true }) };
}

/** Of the machines that name it, the one that was created first. */
function firstClaimant(nic: Nic, facts: Facts): Claimant | undefined {
  let first: Claimant | undefined;
  for (const machine of claimantsOf(nic, facts)) {
    if (machine.deleting) continue;
    if (first === undefined || BigInt(machine.bornAt) < BigInt(first.bornAt)) first = machine;
  }
  return first;
}

function isNamedBy(nic: Nic, { uid }: Claimant, facts: Facts): boolean {
  for (const machine of claimantsOf(nic, facts)) if (machine.uid === uid) return true;
  return false;
}

function claimantsOf(nic: Nic, facts: Facts): Iterable<Claimant> {
  return facts.seeAll(claimant, 'nic', nameText(nic.key));
}

type Place = Pick<Settlement, 'host' | 'ready'>;

const nowhere = (reason: string, message: string): Place => ({ ready: ready('False', reason, message) });

/** `canBeUsed`: none of its addresses rests. That its network is missing is said before all else: nothing else helps. */
function placeOf(nic: Nic, machine: Claimant | undefined, canBeUsed: boolean, facts: Facts): Place {
  if (isDeleting(nic)) return nowhere('Deleting', 'its deletion was asked for');
  const place = placeFor(nic, machine, canBeUsed, facts);
  // The number is looked at only of what is placed: a claim is not because of the number that comes meanwhile.
  if (place.host !== undefined && hasNumber(nic, facts)) return place;
  const network = networkOf(nic);
  if (facts.see(uidOfNetwork, network) !== undefined) return place;
  return { ...place, ready: ready('False', 'NetworkNotFound', `network ${network.name} does not exist`) };
}

function placeFor(nic: Nic, machine: Claimant | undefined, canBeUsed: boolean, facts: Facts): Place {
  if (machine === undefined) return { ready: NOT_ATTACHED };
  const { pool } = machine;
  if (pool === undefined) return nowhere('MachineNotScheduled', `machine ${machine.name} names no host (spec.machinePoolRef)`);
  const unschedulable = facts.see(unschedulableHost, { name: pool });
  if (unschedulable === undefined) return nowhere('HostMissing', `host ${pool} does not exist`);
  const isHere = nic.facts.placement?.host === pool;
  if (isHere && placedAt(nic) < BigInt(facts.see(bornAtOfHost, { name: pool }) ?? '0')) {
    return nowhere('HostReplaced', `host ${pool} was removed and made again since it was placed there`);
  }
  if (!isHere && unschedulable) return nowhere('HostUnschedulable', `host ${pool} takes nothing new`);
  return addressProblem(nic, canBeUsed) ?? placeOn(nic, pool, facts);
}

function placedAt(nic: Nic): bigint {
  return nic.facets['placement']?.position ?? 0n;
}

function addressProblem(nic: Nic, canBeUsed: boolean): Place | undefined {
  const { ips = [] } = statusOf(nic.object);
  if (ips.length === 0) return nowhere('AddressPending', 'it has no address yet');
  // As the agent of a machine upstream, which waits for the Prefixes of all addresses (resources 3.14).
  if (ips.length < (specOf(nic.object).ips?.length ?? 0)) return nowhere('AddressPending', 'it does not have all of its addresses yet');
  // No driver takes it: if it were in rows, no host of the network could ever apply all of them.
  const unusable = unusableAddress(ips);
  if (unusable !== undefined) return nowhere('AddressUnusable', `its address ${unusable}`);
  if (canBeUsed) return undefined;
  return nowhere('AddressResting', 'hosts have yet to remove the former holder of its address');
}

/** The place on a host that its machine runs on, when its addresses are usable. Another loop says so when that host is not Ready. */
function placeOn(nic: Nic, host: string, facts: Facts): Place {
  const { placement, programmed } = nic.facts;
  const isUp = placement?.host === host && programmed === true;
  const { name } = networkOf(nic);
  const isNumbered = hasNumber(nic, facts);
  // Its network has gone, and its rows with it.
  if (isUp && !isNumbered) return nowhere('NetworkNotAvailable', `network ${name} is not available`);
  return { host, ready: readiness() };

  function readiness(): ConditionFact {
    if (isUp) return isProgrammed(host);
    if (isNumbered) return notProgrammed(host);
    return ready('False', 'NetworkNotAvailable', `placed on host ${host}; network ${name} is not available`);
  }
}

function hasNumber(nic: Nic, facts: Facts): boolean {
  return facts.see(vniOfNetwork, networkOf(nic)) !== undefined;
}

function networkOf({ key: { namespace = '' }, object }: Nic): Readonly<{ namespace: string; name: string }> {
  return { namespace, name: specOf(object).networkRef?.name ?? '' };
}
