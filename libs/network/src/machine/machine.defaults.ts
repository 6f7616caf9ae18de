/** Defaults of a Machine: power, those of its interface templates (resources 2.10, 2.2), the state of its slots. */
import { type ApiObject, mapChanged, specOf } from '@weft/api';
import { networkInterfaceSpecDefaults } from '../network-interface/network-interface.defaults.ts';
import type { MachineNetworkInterface, MachineSpec, MachineStatus } from './machine.model.ts';
import type { MachineTypes } from './machine.types.ts';

export function machineDefaults(object: ApiObject<MachineTypes>): ApiObject<MachineTypes> {
  const spec = specDefaults(specOf(object));
  const status = object.status && statusDefaults(object.status);
  if (spec === object.spec && status === object.status) return object;
  return { ...object, spec, ...(status && { status }) };
}

function specDefaults(spec: MachineSpec): MachineSpec {
  const slots = spec.networkInterfaces && mapChanged(spec.networkInterfaces, slotDefaults);
  if (slots === spec.networkInterfaces && (spec.power ?? '') !== '') return spec;
  return { ...spec, power: spec.power || 'On', ...(slots && { networkInterfaces: [...slots] }) };
}

function slotDefaults(slot: MachineNetworkInterface): MachineNetworkInterface {
  const template = slot.ephemeral?.networkInterfaceTemplate;
  if (template?.spec === undefined) return slot;
  const spec = networkInterfaceSpecDefaults(template.spec);
  if (spec === template.spec) return slot;
  return { ...slot, ephemeral: { ...slot.ephemeral, networkInterfaceTemplate: { ...template, spec } } };
}

function statusDefaults(status: MachineStatus): MachineStatus {
  const before = status.networkInterfaces;
  if (before === undefined) return status;
  const slots = mapChanged(before, (slot) => ((slot.state ?? '') === '' ? { ...slot, state: 'Pending' } : slot));
  return slots === before ? status : { ...status, networkInterfaces: [...slots] };
}
