/**
 * Rules of a NetworkInterface (resources 2.2 I-1 to I-29, I-U1), also for the templates in a Machine. Paths are built only for what is wrong:
 * a valid interface costs a few comparisons.
 *
 * Stricter than upstream: a virtual IP made for the interface takes its name, which then must be a label (resources 2.2 (X), (R)). Upstream
 * accepts the interface and then can never make its address. And attributes that say what the guest is, which upstream does not have, must be
 * valid.
 */
import {
  type ApiObject,
  childNameErrors,
  type FieldError,
  guestRangeProblem,
  guestWishProblems,
  type IpSource,
  immutable,
  invalid,
  ipFamiliesErrors,
  ipSourceErrors,
  labelProblems,
  prefixTemplateErrors,
  required,
  sameJson,
  specOf,
  subdomainProblems,
  virtualIpTemplateErrors,
} from '@weft/api';
import type { NetworkInterfaceSpec, PrefixSource, VirtualIpSource } from './network-interface.model.ts';
import type { NicTypes } from './network-interface.types.ts';

export function networkInterfaceRules(object: ApiObject<NicTypes>, old?: ApiObject<NicTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) immutableErrors(specOf(old), spec, errors);
  networkInterfaceSpecErrors(spec, object.metadata.name, 'spec', errors, rangesIn(old));
  return errors;
}

const EMPTY = Object.freeze({});
const NO_RANGES: readonly string[] = Object.freeze([]);

/** What older versions let in stays, so that everything else of the interface can be changed. */
function rangesIn(old: ApiObject<NicTypes> | undefined): readonly string[] {
  return old === undefined ? NO_RANGES : (specOf(old).prefixes ?? []).flatMap((source) => rangeIn(source) ?? []);
}

function rangeIn({ value, ephemeral }: PrefixSource): string | undefined {
  return value ?? ephemeral?.prefixTemplate?.spec?.prefix;
}

/** The error has the path of the whole spec, as upstream. */
function immutableErrors(before: NetworkInterfaceSpec, after: NetworkInterfaceSpec, errors: FieldError[]): void {
  if (
    before.networkRef?.name === after.networkRef?.name &&
    sameJson(before.ipFamilies ?? [], after.ipFamilies ?? []) &&
    sameJson(before.attributes ?? EMPTY, after.attributes ?? EMPTY)
  ) {
    return;
  }
  errors.push(immutable('spec', fixedPart(before), fixedPart(after)));
}

function fixedPart({ networkRef, ipFamilies, attributes }: NetworkInterfaceSpec): object {
  return { networkRef, ipFamilies, attributes };
}

/** `name` is that of the interface, from which names of children are made; '' when it has none. `kept`: ranges that it has already. */
export function networkInterfaceSpecErrors(
  spec: NetworkInterfaceSpec,
  name: string,
  path: string,
  errors: FieldError[],
  kept: readonly string[] = NO_RANGES,
): void {
  const network = spec.networkRef?.name ?? '';
  if (network === '') errors.push(required(`${path}.networkRef`, 'must specify a network'));
  for (const problem of subdomainProblems(network)) errors.push(invalid(`${path}.networkRef.name`, network, problem));
  if (spec.machineRef !== undefined) {
    const machine = spec.machineRef.name ?? '';
    for (const problem of labelProblems(machine)) errors.push(invalid(`${path}.machineRef.name`, machine, problem));
  }
  const families = spec.ipFamilies ?? NONE;
  const ips = spec.ips ?? NONE;
  ipFamiliesErrors(families, path, errors);
  if (families.length !== ips.length) errors.push(invalid(`${path}.ips`, ips, 'must have one item for each of ipFamilies'));
  for (let i = 0; i < ips.length; i++) ipSourceErrors(ips[i] as IpSource, i, families[i] ?? '', name, path, errors);
  const prefixes = spec.prefixes ?? NONE;
  for (let i = 0; i < prefixes.length; i++) {
    const source = prefixes[i] as PrefixSource;
    prefixErrors(source, i, name, path, errors);
    const range = rangeIn(source) ?? '';
    const problem = kept.includes(range) ? undefined : guestRangeProblem(range);
    if (problem !== undefined)
      errors.push(invalid(`${path}.prefixes[${i}].${source.value === undefined ? 'ephemeral.spec.prefix' : 'value'}`, range, problem));
  }
  if (spec.virtualIP !== undefined) virtualIpErrors(spec.virtualIP, name, `${path}.virtualIP`, errors);
  const { attributes } = spec;
  if (attributes === undefined) return;
  for (const [name, problem] of guestWishProblems(attributes))
    errors.push(invalid(`${path}.attributes[${name}]`, attributes[name], problem));
}

const NONE: readonly never[] = Object.freeze([]);

/** As upstream, the paths below a template lack the segment `prefixTemplate` (resources 2.2 I-22). */
function prefixErrors({ value, ephemeral }: PrefixSource, i: number, name: string, path: string, errors: FieldError[]): void {
  if (ephemeral === undefined) {
    if (value === undefined) errors.push(invalid(`${path}.prefixes[${i}]`, {}, 'must specify a prefix source'));
    return;
  }
  const at = `${path}.prefixes[${i}]`;
  if (value !== undefined) {
    errors.push(invalid(`${at}.ephemeral`, ephemeral, 'cannot specify multiple prefix sources'));
    return;
  }
  if (ephemeral.prefixTemplate === undefined) errors.push(required(`${at}.ephemeral`, 'must specify a template'));
  else prefixTemplateErrors(ephemeral.prefixTemplate, `${at}.ephemeral`, errors);
  if (name !== '') childNameErrors(`${name}-pf-${i}`, 'prefix', at, subdomainProblems, errors);
}

function virtualIpErrors({ virtualIPRef, ephemeral }: VirtualIpSource, name: string, path: string, errors: FieldError[]): void {
  if (virtualIPRef !== undefined) {
    const reference = virtualIPRef.name ?? '';
    for (const problem of labelProblems(reference)) errors.push(invalid(`${path}.virtualIPRef.name`, reference, problem));
  }
  if (ephemeral !== undefined) {
    if (virtualIPRef !== undefined) {
      errors.push(invalid(`${path}.ephemeral`, ephemeral, 'cannot specify multiple virtual ip sources'));
      return;
    }
    const template = ephemeral.virtualIPTemplate;
    if (template === undefined) errors.push(required(`${path}.ephemeral.virtualIPTemplate`, 'must specify a template'));
    else virtualIpTemplateErrors(template, `${path}.ephemeral.virtualIPTemplate`, errors);
    if (name !== '') childNameErrors(name, 'virtual ip', path, labelProblems, errors);
  } else if (virtualIPRef === undefined) errors.push(invalid(path, {}, 'must specify a virtual ip source'));
}
