/**
 * Rules of a NetworkInterface (resources 2.2 I-1 to I-29, I-U1), also for the templates in a Machine. Paths are built only for what is wrong:
 * a valid interface costs a few comparisons.
 *
 * Stricter than upstream: a virtual IP made for the interface takes its name, which then must be a label (resources 2.2 (X), (R)). Upstream
 * accepts the interface and then can never make its address. And the attribute that names the guest's namespace, which upstream does not have, must be
 * a valid name.
 */
import type { PrefixTemplate } from '@weft/api';
import {
  type ApiObject,
  bitsOf,
  duplicate,
  type FieldError,
  familyOfIp,
  forbidden,
  guestNetnsProblem,
  immutable,
  invalid,
  ipFamilyErrors,
  isSingleAddress,
  labelProblems,
  NETNS_ATTRIBUTE,
  parsePrefix,
  prefixTemplateErrors,
  required,
  sameJson,
  specOf,
  subdomainProblems,
  virtualIpTemplateErrors,
} from '@weft/api';
import type { IpSource, NetworkInterfaceSpec, PrefixSource, VirtualIpSource } from './network-interface.model.ts';
import type { NicTypes } from './network-interface.types.ts';

export function networkInterfaceRules(object: ApiObject<NicTypes>, old?: ApiObject<NicTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) immutableErrors(specOf(old), spec, errors);
  networkInterfaceSpecErrors(spec, object.metadata.name, 'spec', errors);
  const netns = spec.attributes?.[NETNS_ATTRIBUTE];
  const problem = netns === undefined || netns === '' ? undefined : guestNetnsProblem(netns);
  if (problem !== undefined) errors.push(invalid(`spec.attributes[${NETNS_ATTRIBUTE}]`, netns, problem));
  return errors;
}

const EMPTY = Object.freeze({});

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

/** `name` is that of the interface, from which names of children are made; '' when it has none. */
export function networkInterfaceSpecErrors(spec: NetworkInterfaceSpec, name: string, path: string, errors: FieldError[]): void {
  const network = spec.networkRef?.name ?? '';
  if (network === '') errors.push(required(`${path}.networkRef`, 'must specify a network'));
  for (const problem of subdomainProblems(network)) errors.push(invalid(`${path}.networkRef.name`, network, problem));
  if (spec.machineRef !== undefined) {
    const machine = spec.machineRef.name ?? '';
    for (const problem of labelProblems(machine)) errors.push(invalid(`${path}.machineRef.name`, machine, problem));
  }
  const families = spec.ipFamilies ?? NONE;
  const ips = spec.ips ?? NONE;
  familiesErrors(families, path, errors);
  if (families.length !== ips.length) errors.push(invalid(`${path}.ips`, ips, 'must have one item for each of ipFamilies'));
  for (let i = 0; i < ips.length; i++) ipErrors(ips[i] as IpSource, i, families[i] ?? '', name, path, errors);
  const prefixes = spec.prefixes ?? NONE;
  for (let i = 0; i < prefixes.length; i++) prefixErrors(prefixes[i] as PrefixSource, i, name, path, errors);
  if (spec.virtualIP !== undefined) virtualIpErrors(spec.virtualIP, name, `${path}.virtualIP`, errors);
}

const NONE: readonly never[] = Object.freeze([]);

function familiesErrors(families: readonly string[], path: string, errors: FieldError[]): void {
  if (families.length === 0) errors.push(required(`${path}.ipFamilies`, 'must specify at least one'));
  if (families.length === 1 && (families[0] === 'IPv4' || families[0] === 'IPv6')) return;
  const seen = new Set<string>();
  families.forEach((family, i) => {
    if (seen.has(family)) errors.push(duplicate(`${path}.ipFamilies[${i}]`, family));
    else ipFamilyErrors(family, `${path}.ipFamilies[${i}]`, errors);
    seen.add(family);
  });
}

function ipErrors({ value, ephemeral }: IpSource, i: number, family: string, name: string, path: string, errors: FieldError[]): void {
  if (value !== undefined && familyOfIp(value) !== family) {
    errors.push(invalid(`${path}.ips[${i}].value`, value, `must be an address of family ${JSON.stringify(family)}`));
  }
  if (ephemeral !== undefined) {
    const at = `${path}.ips[${i}]`;
    if (value !== undefined) errors.push(invalid(`${at}.ephemeral`, ephemeral, 'cannot specify multiple ip sources'));
    else {
      addressTemplateErrors(ephemeral.prefixTemplate, family, `${at}.ephemeral.prefixTemplate`, errors);
      if (name !== '') childNameErrors(`${name}-${i}`, 'prefix', at, subdomainProblems, errors);
    }
  } else if (value === undefined) errors.push(invalid(`${path}.ips[${i}]`, {}, 'must specify an ip source'));
}

function addressTemplateErrors(template: PrefixTemplate | undefined, family: string, path: string, errors: FieldError[]): void {
  if (template === undefined) {
    errors.push(required(path, 'must specify a template'));
    return;
  }
  prefixTemplateErrors(template, path, errors);
  const { ipFamily = '', prefix, prefixLength = 0 } = template.spec ?? {};
  if (ipFamily !== family) {
    errors.push(forbidden(`${path}.spec.ipFamily`, `must match the interface's ip family ${JSON.stringify(family)}`));
  }
  if (prefix !== undefined) {
    const parsed = parsePrefix(prefix);
    if (parsed === undefined || !isSingleAddress(parsed)) errors.push(forbidden(`${path}.spec.prefix`, 'must be a single address'));
  }
  const bits = family === 'IPv4' || family === 'IPv6' ? bitsOf(family) : 0;
  if (prefixLength !== 0 && prefixLength !== bits) errors.push(forbidden(`${path}.spec.prefixLength`, 'must be a single address'));
}

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

function childNameErrors(
  child: string,
  what: string,
  path: string,
  problemsOf: (name: string) => readonly string[],
  errors: FieldError[],
): void {
  for (const problem of problemsOf(child)) errors.push(invalid(path, child, `resulting ${what} name is invalid: ${problem}`));
}
