/** Rules of a prefix template (resources 1.4, 2.8 P-1 to P-11). */
import type { LocalObjectReference } from '../model/references.model.ts';
import { labelSelectorErrors } from '../selectors/label-selector.rules.ts';
import { invalid, required } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { bitsOf, familyOfIp, parsePrefix } from '../values/ip.ts';
import { ipFamilyErrors } from '../values/ip-family.rules.ts';
import { subdomainProblems } from '../values/names.ts';
import type { PrefixTemplate, PrefixTemplateSpec } from './prefix-template.model.ts';
import { templateMetadataErrors } from './template-metadata.rules.ts';

const NOTHING: PrefixTemplateSpec = Object.freeze({});

export function prefixTemplateErrors(template: PrefixTemplate, path: string, errors: FieldError[]): void {
  if (template.metadata !== undefined) templateMetadataErrors(template.metadata, `${path}.metadata`, 'an ephemeral prefix', errors);
  prefixSpecErrors(template.spec ?? NOTHING, `${path}.spec`, errors);
}

export function prefixSpecErrors(spec: PrefixTemplateSpec, path: string, errors: FieldError[]): void {
  const { ipFamily, prefix, prefixLength = 0, parentRef, parentSelector } = spec;
  // Upstream looks at the prefix twice and reports what it finds each time; clients see both causes.
  if (prefix !== undefined) prefixErrors(ipFamily, prefix, `${path}.prefix`, errors);
  ipFamilyErrors(ipFamily, `${path}.ipFamily`, errors);
  if (prefix !== undefined) prefixErrors(ipFamily, prefix, `${path}.prefix`, errors);
  if (prefixLength !== 0) prefixLengthErrors(ipFamily, prefixLength, `${path}.prefixLength`, errors);
  if (parentRef === undefined && parentSelector === undefined) {
    if (prefixLength !== 0) errors.push(invalid(`${path}.prefixLength`, prefixLength, 'cannot be specified for a root prefix'));
    if (prefix === undefined) errors.push(required(`${path}.prefix`, 'must be specified for a root prefix'));
    return;
  }
  if (prefixLength > 0 && prefix !== undefined) {
    const length = parsePrefix(prefix)?.length;
    if (length !== undefined && length !== prefixLength) {
      errors.push(invalid(`${path}.prefixLength`, prefixLength, `does not match prefix ${prefix}`));
    }
  }
  if (prefix === undefined && prefixLength <= 0) errors.push(invalid(path, spec, 'must specify either prefix or prefixLength'));
  if (parentRef !== undefined) referenceErrors(parentRef, `${path}.parentRef.name`, 'must specify the name of the parent', errors);
  if (parentSelector !== undefined) labelSelectorErrors(parentSelector, `${path}.parentSelector`, errors);
}

export function prefixErrors(family: string | undefined, prefix: string, path: string, errors: FieldError[]): void {
  if (prefix === '') errors.push(invalid(path, prefix, 'must be a prefix'));
  else if (family !== 'IPv4' && family !== 'IPv6') errors.push(invalid(path, prefix, 'cannot be checked against an unknown ip family'));
  else if (familyOfIp(prefix) !== family) errors.push(invalid(path, prefix, `must be a prefix of family ${family}`));
}

export function prefixLengthErrors(family: string | undefined, length: number, path: string, errors: FieldError[]): void {
  if (family !== 'IPv4' && family !== 'IPv6') errors.push(invalid(path, length, 'cannot be checked against an unknown ip family'));
  else if (length < 0) errors.push(invalid(path, length, 'must not be negative'));
  else if (length > bitsOf(family)) errors.push(invalid(path, length, `must not be greater than ${bitsOf(family)}`));
}

/** `path`: that of the name. `detail`: what is said of an empty one, which is no subdomain either. */
export function referenceErrors({ name = '' }: LocalObjectReference, path: string, detail: string, errors: FieldError[]): void {
  if (name === '') errors.push(required(path, detail));
  for (const problem of subdomainProblems(name)) errors.push(invalid(path, name, problem));
}
