/**
 * Rules of a Machine's network interfaces (resources 2.10 M-1 to M-7), its pool and its power.
 *
 * The paths are upstream's, odd as they are: clients and upstream's tests hold to them. All of them are made here.
 *
 * Stricter than upstream: the name `<machine>-<slot>` of an interface made for a slot must be one, and so must the names derived from it
 * (resources 2.2 (X), (R)). Labels and annotations of the template must be valid, since the interface has them. A name in its metadata is ignored.
 */
import {
  type ApiObject,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  specOf,
  subdomainProblems,
  templateLabelsErrors,
} from '@weft/api';
import type { NetworkInterfaceSpec } from '../network-interface/network-interface.model.ts';
import { networkInterfaceSpecErrors } from '../network-interface/network-interface.rules.ts';
import type { EphemeralNetworkInterfaceSource, MachineNetworkInterface } from './machine.model.ts';
import type { MachineTypes } from './machine.types.ts';
import { slotInterfaceName } from './slots.ts';

const PATHS = {
  /** Upstream uses the singular. */
  slot: (i: number) => `spec.networkInterface[${i}]`,
  /** Upstream uses a capital letter where the template is missing. */
  missingTemplate: (slot: string) => `${slot}.ephemeral.NetworkInterfaceTemplate`,
  /** Upstream leaves out `.spec` where something in the template's spec is wrong. */
  templateSpec: (slot: string) => `${slot}.ephemeral.networkInterfaceTemplate`,
} as const;

const POWERS = ['On', 'Off'];

export function machineRules(object: ApiObject<MachineTypes>, _old?: ApiObject<MachineTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { machinePoolRef, power, networkInterfaces } = specOf(object);
  if (machinePoolRef !== undefined) {
    const pool = machinePoolRef.name ?? '';
    for (const problem of subdomainProblems(pool)) errors.push(invalid('spec.machinePoolRef.name', pool, problem));
  }
  if (power !== undefined && !POWERS.includes(power)) errors.push(notSupported('spec.power', power, POWERS));
  if (networkInterfaces !== undefined) slotsErrors(networkInterfaces, object.metadata.name, errors);
  return errors;
}

function slotsErrors(slots: readonly MachineNetworkInterface[], machine: string, errors: FieldError[]): void {
  const names = new Set<string>();
  slots.forEach((slot, i) => {
    const path = PATHS.slot(i);
    const { name = '', networkInterfaceRef, ephemeral } = slot;
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    else names.add(name);
    const problems = subdomainProblems(name);
    for (const problem of problems) errors.push(invalid(`${path}.name`, name, problem));
    if (networkInterfaceRef !== undefined) {
      const reference = networkInterfaceRef.name ?? '';
      for (const problem of subdomainProblems(reference)) errors.push(invalid(`${path}.networkInterfaceRef.name`, reference, problem));
      if (ephemeral !== undefined) errors.push(forbidden(`${path}.ephemeral`, 'must specify only one network interface source'));
    } else if (ephemeral !== undefined) ephemeralErrors(ephemeral, problems.length === 0 ? name : '', machine, path, errors);
    else errors.push(invalid(path, slot, 'must specify a network interface source'));
  });
}

const NOTHING: NetworkInterfaceSpec = Object.freeze({});

/** `slot` is the name of the slot, '' when that name is invalid. */
function ephemeralErrors(
  { networkInterfaceTemplate: template }: EphemeralNetworkInterfaceSource,
  slot: string,
  machine: string,
  path: string,
  errors: FieldError[],
): void {
  if (template === undefined) {
    errors.push(required(PATHS.missingTemplate(path), 'must specify a template'));
    return;
  }
  let child = slot === '' || machine === '' ? '' : slotInterfaceName(machine, slot);
  if (child !== '') {
    const problems = subdomainProblems(child);
    for (const problem of problems) {
      errors.push(invalid(`${path}.name`, child, `resulting network interface name is invalid: ${problem}`));
    }
    if (problems.length > 0) child = '';
  }
  if (template.metadata !== undefined) templateLabelsErrors(template.metadata, `${PATHS.templateSpec(path)}.metadata`, errors);
  networkInterfaceSpecErrors(template.spec ?? NOTHING, child, PATHS.templateSpec(path), errors);
}
