import { bitsOf, parsePrefix } from '../values/ip.ts';
import type { PrefixTemplate, PrefixTemplateSpec } from './prefix-template.model.ts';

/** The IP family follows from a literal prefix (resources 2.8 D-1). */
export function prefixSpecDefaults(spec: PrefixTemplateSpec): PrefixTemplateSpec {
  if ((spec.ipFamily ?? '') !== '' || spec.prefix === undefined || (spec.prefixLength ?? 0) !== 0) return spec;
  const family = parsePrefix(spec.prefix)?.family;
  return family === undefined ? spec : { ...spec, ipFamily: family };
}

export function prefixTemplateDefaults(template: PrefixTemplate): PrefixTemplate {
  return withSpec(template, prefixSpecDefaults(template.spec ?? NOTHING));
}

/**
 * A template that yields one address: `family` is that of its place in the object's list, undefined when the lists do not match
 * (resources 2.2 D-2, D-3, then 2.8 D-1).
 */
export function addressTemplateDefaults(template: PrefixTemplate, family: string | undefined): PrefixTemplate {
  let spec = template.spec ?? NOTHING;
  if ((spec.ipFamily ?? '') === '' && (family ?? '') !== '') spec = { ...spec, ipFamily: family as string };
  const { ipFamily } = spec;
  if (spec.prefix === undefined && (spec.prefixLength ?? 0) === 0 && (ipFamily === 'IPv4' || ipFamily === 'IPv6')) {
    spec = { ...spec, prefixLength: bitsOf(ipFamily) };
  }
  return withSpec(template, prefixSpecDefaults(spec));
}

const NOTHING: PrefixTemplateSpec = Object.freeze({});

function withSpec(template: PrefixTemplate, spec: PrefixTemplateSpec): PrefixTemplate {
  return spec === NOTHING || spec === template.spec ? template : { ...template, spec };
}
