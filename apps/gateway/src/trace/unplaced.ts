/** Interfaces that no host has, with why and what to do about it, as their conditions say: rows say nothing of them. */
import { AnyVirtualIp, conditionOf, type Facts, type Folded, nameText, specOf } from '@weft/api';
import type { Unplaced } from '@weft/fabric';
import { Network, NetworkInterface, type NicTypes, vniOfNetwork } from '@weft/network';

const OTHER_HOST = 'name another host in spec.machinePoolRef of the Machine';
/** By the reason of the condition Ready. Without one, there is nothing to do but to wait. */
const REMEDIES: Readonly<Record<string, string>> = {
  NotAttached: 'name it in spec.networkInterfaces of a Machine',
  MachineNotScheduled: 'name one there',
  HostMissing: `start its agent, or ${OTHER_HOST}`,
  HostLost: `start its agent, or ${OTHER_HOST}`,
  HostUnschedulable: `let it take new ones (spec.unschedulable), or ${OTHER_HOST}`,
  AddressPending: 'its other conditions say what it waits for',
  AddressUnusable: 'give it another one in spec.ips',
};

export function unplacedIn(facts: Facts): Unplaced {
  const of = (nic: string): string | undefined => {
    for (const key of facts.keys(NetworkInterface, 'uid', nic)) {
      const state = facts.get(NetworkInterface, key);
      if (state?.status === 'live') return `no host has the interface ${nameText(key)}${whyOf(state, facts)}`;
    }
    return undefined;
  };
  const at = (vni: number, address: string): string | undefined => {
    for (const network of facts.keys(Network, 'vni', String(vni)))
      for (const { object } of facts.by(NetworkInterface, 'address', `${nameText(network)} ${address}`)) return of(object.metadata.uid);
    return undefined;
  };
  const behind = (address: string): string | undefined => {
    for (const { key, object } of facts.by(AnyVirtualIp, 'address', address)) {
      const { targetRef } = specOf(object);
      const why = targetRef?.uid === undefined ? 'which no interface holds' : of(targetRef.uid);
      return `it is that of VirtualIP ${nameText(key)}${why === undefined ? '' : `, ${why}`}`;
    }
    return undefined;
  };
  return { of, at, behind };
}

function whyOf({ key, object, facts: { placement } }: Folded<NicTypes>, facts: Facts): string {
  const name = specOf(object).networkRef?.name ?? '';
  // Its condition may tell of its host alone.
  if (placement !== undefined && facts.see(vniOfNetwork, { ...key, name }) === undefined)
    return `: network ${name} is not available; create that Network, or see its conditions`;
  const ready = conditionOf(object, 'Ready');
  // That it is on a host is of before, or not in rows yet.
  if (ready === undefined || ready.status === 'True') return '';
  const remedy =
    ready.reason === 'NotProgrammed' ? `"weft wait networkinterface/${nameText(key)}" tells what is missing` : REMEDIES[ready.reason];
  return `: ${ready.message}${remedy === undefined ? '' : `; ${remedy}`}`;
}
