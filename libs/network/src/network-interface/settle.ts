/**
 * Who should hold an interface and where its port should be, from the states of its machine, its host and its network (resources 1.11, 3.4, 3.14).
 *
 * A function of present state only: it is asked again whenever one of these changes, and after each of its own effects, so what was decided on an
 * older view is put right by the next one.
 */
import type { ConditionFact, FactsView, Folded } from '@weft/api';
import { guestAddressProblem, isDeleting, liveOnly, ready, specOf, statusOf } from '@weft/api';
import type { HostSpec } from '../host/host.model.ts';
import { hostKey, machineKey, networkKey } from '../keys.ts';
import type { MachineSpec } from '../machine/machine.model.ts';
import { addressHasRested, isReady, vniOf } from '../quarantine.ts';
import { factsOfNic, NOT_ATTACHED, notProgrammed } from './network-interface.facts.ts';
import type { Settlement } from './network-interface.kind.ts';
import type { NetworkInterfaceSpec, NetworkInterfaceStatus } from './network-interface.model.ts';

/** Undefined: all is as it should be. */
export function settle(nic: Folded, facts: FactsView): Settlement | undefined {
  const { uid } = nic.object.metadata;
  const holding = holdingOf(nic, facts);
  const place = placeOf(nic, holding.machine, facts);
  const settlement: Settlement = {
    uid,
    ...(holding.release !== undefined && { release: holding.release }),
    ...(holding.drops === true && { drops: true }),
    ...(holding.claim !== undefined && { claim: holding.claim }),
    ...(holding.holder !== undefined && { machine: holding.holder }),
    ...place,
  };
  return changesNothing(nic, settlement) ? undefined : settlement;
}

/** `holder`: uid that the interface's machineRef will have; `machine`: its state, when it is there; `drops`: a living machine lets it go. */
type Holding = Readonly<{ holder?: string; machine?: Folded; claim?: { name: string; uid: string }; release?: string; drops?: true }>;

function holdingOf(nic: Folded, facts: FactsView): Holding {
  const { namespace = '', name } = nic.key;
  const holder = specOf<NetworkInterfaceSpec>(nic.object).machineRef;
  let release: string | undefined;
  let drops = false;
  if (holder !== undefined) {
    const { uid = '' } = holder;
    const machine = liveOnly(facts.get(machineKey(namespace, holder.name ?? '')));
    // Found with another uid counts as absent: the name was used again.
    if (machine !== undefined && machine.object.metadata.uid === uid) {
      if (isDeleting(machine) || names(machine, name)) return { holder: uid, machine };
      drops = true;
    }
    if (isDeleting(nic)) return holder.uid === undefined ? {} : { holder: holder.uid };
    release = uid;
  }
  const next = isDeleting(nic) ? undefined : firstClaimant(namespace, name, facts);
  const releases = release === undefined ? {} : { release, ...(drops && { drops: true as const }) };
  if (next === undefined) return releases;
  const { uid } = next.object.metadata;
  return { ...releases, holder: uid, machine: next, claim: { name: next.key.name, uid } };
}

/** First come, first served: the machine that was created first of those that name it. */
function firstClaimant(namespace: string, name: string, facts: FactsView): Folded | undefined {
  let first: Folded | undefined;
  for (const machine of facts.by('Machine', 'nic', `${namespace}/${name}`)) {
    if (isDeleting(machine)) continue;
    if (first === undefined || bornAt(machine) < bornAt(first)) first = machine;
  }
  return first;
}

const bornAt = (machine: Folded): bigint => machine.facets['created']?.position ?? 0n;

function names(machine: Folded, nic: string): boolean {
  return specOf<MachineSpec>(machine.object).networkInterfaces?.some((slot) => slot.networkInterfaceRef?.name === nic) === true;
}

type Place = Readonly<{ host?: string; rested?: boolean; ready: ConditionFact }>;

function placeOf(nic: Folded, machine: Folded | undefined, facts: FactsView): Place {
  if (isDeleting(nic)) return { ready: ready('False', 'Deleting', 'its deletion was asked for') };
  if (machine === undefined) return { ready: NOT_ATTACHED };
  const pool = specOf<MachineSpec>(machine.object).machinePoolRef?.name;
  if (pool === undefined)
    return { ready: ready('False', 'MachineNotScheduled', `machine ${machine.key.name} names no host (spec.machinePoolRef)`) };
  const host = liveOnly(facts.get(hostKey(pool)));
  if (host === undefined) return { ready: ready('False', 'HostMissing', `host ${pool} does not exist`) };
  const { placement, resting, programmed } = factsOfNic(nic);
  const isHere = placement?.host === pool;
  if (!isHere && specOf<HostSpec>(host.object).unschedulable === true) {
    return { ready: ready('False', 'HostUnschedulable', `host ${pool} takes nothing new`) };
  }
  if ((nic.object.status?.['ips'] as unknown[] | undefined)?.length === undefined) {
    return { ready: ready('False', 'AddressPending', 'it has no address yet') };
  }
  const unusable = unusableAddress(nic);
  if (unusable !== undefined) return { ready: ready('False', 'AddressUnusable', `its address ${unusable}`) };
  const { namespace = '' } = nic.key;
  const network = specOf<NetworkInterfaceSpec>(nic.object).networkRef?.name ?? '';
  if (resting !== undefined && !addressHasRested(facts, namespace, network, resting)) {
    return { ready: ready('False', 'AddressResting', 'hosts have yet to remove the former holder of its address') };
  }
  const rested = resting === undefined ? {} : { rested: true };
  // Its network went from under it, and the rows with it.
  if (isHere && programmed === true && vniOf(facts.get(networkKey(namespace, network))) === undefined) {
    return { ready: ready('False', 'NetworkNotAvailable', `network ${network} is not available`) };
  }
  return { host: pool, ...rested, ready: readiness(nic, host, isHere && programmed === true, facts) };
}

/** One that no driver takes: rows with it would keep every host of the network from ever having applied them all. */
function unusableAddress(nic: Folded): string | undefined {
  for (const ip of statusOf<NetworkInterfaceStatus>(nic.object).ips ?? []) {
    const problem = guestAddressProblem(ip);
    if (problem !== undefined) return `${ip} ${problem}`;
  }
  return undefined;
}

function readiness(nic: Folded, host: Folded, programmed: boolean, facts: FactsView): ConditionFact {
  const { name } = host.key;
  if (programmed) {
    return isReady(host)
      ? ready('True', 'Programmed', `programmed on host ${name}`)
      : ready('Unknown', 'HostLost', `programmed on host ${name}, which is not heard of`);
  }
  const network = specOf<NetworkInterfaceSpec>(nic.object).networkRef?.name ?? '';
  const known = vniOf(facts.get(networkKey(nic.key.namespace ?? '', network))) !== undefined;
  if (!known) return ready('False', 'NetworkNotAvailable', `placed on host ${name}; network ${network} is not available`);
  return notProgrammed(name);
}

function changesNothing(nic: Folded, { release, claim, host, rested, ready: wanted }: Settlement): boolean {
  if (release !== undefined || claim !== undefined || rested === true) return false;
  if (factsOfNic(nic).placement?.host !== host) return false;
  const conditions = (nic.object.status?.['conditions'] ?? []) as unknown as ConditionFact[];
  const present = conditions.find(({ type }) => type === 'Ready');
  return present?.status === wanted.status && present.reason === wanted.reason && present.message === wanted.message;
}
