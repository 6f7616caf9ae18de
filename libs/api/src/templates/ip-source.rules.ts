/** Rules of the families and addresses of an interface or a balancer. Paths are built only for what is wrong. */
import { duplicate, forbidden, invalid, required } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { bitsOf, familyOfIp, isSingleAddress, parsePrefix } from '../values/ip.ts';
import { ipFamilyErrors } from '../values/ip-family.rules.ts';
import { subdomainProblems } from '../values/names.ts';
import type { IpSource } from './ip-source.model.ts';
import type { PrefixTemplate } from './prefix-template.model.ts';
import { prefixTemplateErrors } from './prefix-template.rules.ts';

/** Rules of the families of an object (resources 2.2 I-4 to I-7). */
export function ipFamiliesErrors(families: readonly string[], path: string, errors: FieldError[]): void {
  if (families.length === 0) errors.push(required(`${path}.ipFamilies`, 'must specify at least one'));
  if (families.length === 1 && (families[0] === 'IPv4' || families[0] === 'IPv6')) return;
  const seen = new Set<string>();
  families.forEach((family, i) => {
    if (seen.has(family)) errors.push(duplicate(`${path}.ipFamilies[${i}]`, family));
    else ipFamilyErrors(family, `${path}.ipFamilies[${i}]`, errors);
    seen.add(family);
  });
}

/**
 * Rules of one address of an object (resources 2.2 I-9 to I-18). `family` is that of its place, '' where there is none; `name` is that of the object, from
 * which the names of its children are made; '' when it has none.
 */
export function ipSourceErrors(
  { value, ephemeral }: IpSource,
  i: number,
  family: string,
  name: string,
  path: string,
  errors: FieldError[],
): void {
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
    errors.push(forbidden(`${path}.spec.ipFamily`, `must match the ip family of its place, ${JSON.stringify(family)}`));
  }
  if (prefix !== undefined) {
    const parsed = parsePrefix(prefix);
    if (parsed === undefined || !isSingleAddress(parsed)) errors.push(forbidden(`${path}.spec.prefix`, 'must be a single address'));
  }
  const bits = family === 'IPv4' || family === 'IPv6' ? bitsOf(family) : 0;
  if (prefixLength !== 0 && prefixLength !== bits) errors.push(forbidden(`${path}.spec.prefixLength`, 'must be a single address'));
}

/** The name of a child that is made of a template. */
export function childNameErrors(
  child: string,
  what: string,
  path: string,
  problemsOf: (name: string) => readonly string[],
  errors: FieldError[],
): void {
  for (const problem of problemsOf(child)) errors.push(invalid(path, child, `resulting ${what} name is invalid: ${problem}`));
}
