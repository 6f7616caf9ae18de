/** The interfaces of a machine's slots (resources 2.10): each slot names one, or has one made for it. */
import { type ApiObject, childrenOf, nameText, specOf } from '@weft/api';
import { NetworkInterface } from '../network-interface/network-interface.types.ts';
import type { MachineNetworkInterface } from './machine.model.ts';
import { Machine, type MachineTypes } from './machine.types.ts';

/** Name of the interface that is made for a slot. */
export function slotInterfaceName(machine: string, slot: string): string {
  return `${machine}-${slot}`;
}

/** Undefined for a slot without a source, which rules refuse. */
export function interfaceOfSlot(
  machine: string,
  { name = '', networkInterfaceRef, ephemeral }: MachineNetworkInterface,
): string | undefined {
  return ephemeral === undefined ? networkInterfaceRef?.name : slotInterfaceName(machine, name);
}

const NONE: readonly string[] = Object.freeze([]);
const namesOf = new WeakMap<readonly MachineNetworkInterface[], readonly string[]>();

/** Interfaces of all slots: `<namespace>/<name>`. Made once for a list of slots, since it is asked at each change of the machine. */
export function interfacesOfSlots({ metadata: { namespace = '', name }, spec }: ApiObject<MachineTypes>): readonly string[] {
  const slots = spec?.networkInterfaces;
  if (slots === undefined) return NONE;
  let names = namesOf.get(slots);
  if (names === undefined) {
    const found = slots.flatMap((slot) => interfaceOfSlot(name, slot) ?? []);
    names = [...new Set(found)].map((each) => nameText({ namespace, name: each }));
    namesOf.set(slots, names);
  }
  return names;
}

/** Interfaces that are made for a machine, and go with it (resources 3.10). Each is born claimed, so that no other machine can take it. */
export const ephemeralInterfaces = childrenOf({
  name: 'machine-interfaces',
  context: 'network',
  parent: Machine,
  index: 'ephemeralInterfaces',
  child: NetworkInterface,
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  facets: ['spec.networkInterfaces'],
  wantsAny: ({ spec }) => spec?.networkInterfaces?.some(({ ephemeral }) => ephemeral !== undefined) === true,
  wanted: (machine) => {
    const { name: machineName, uid } = machine.metadata;
    return (specOf(machine).networkInterfaces ?? []).flatMap(({ name = '', ephemeral }) => {
      const template = ephemeral?.networkInterfaceTemplate;
      if (template === undefined) return [];
      const spec = { ...template.spec, machineRef: { name: machineName, uid } };
      return [{ name: slotInterfaceName(machineName, name), metadata: template.metadata, spec }];
    });
  },
  condition: 'EphemeralInterfacesCreated',
});
