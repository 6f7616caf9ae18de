/** Defaults of a NetworkInterface (resources 2.2 D-1 to D-5), also for the templates in a Machine. Gives back what it was given where nothing is missing. */
import type { PrefixTemplate } from '@weft/api';
import { type ApiObject, addressTemplateDefaults, familyOfIp, mapChanged, prefixTemplateDefaults, statusOf, withStatus } from '@weft/api';
import type { EphemeralPrefixSource, IpSource, NetworkInterfaceSpec } from './network-interface.model.ts';
import type { NicTypes } from './network-interface.types.ts';

export function networkInterfaceDefaults(object: ApiObject<NicTypes>): ApiObject<NicTypes> {
  const filled = (statusOf(object).state ?? '') === '' ? withStatus(object, { state: 'Pending' }) : object;
  const spec = object.spec && networkInterfaceSpecDefaults(object.spec);
  return spec === undefined || spec === object.spec ? filled : { ...filled, spec };
}

export function networkInterfaceSpecDefaults(spec: NetworkInterfaceSpec): NetworkInterfaceSpec {
  const { ips, prefixes } = spec;
  const families = spec.ipFamilies?.length ? spec.ipFamilies : familiesOf(ips);
  const paired = families?.length === ips?.length;
  const newIps =
    ips &&
    mapChanged(ips, (source, i) => withTemplate(source, (each) => addressTemplateDefaults(each, paired ? families?.[i] : undefined)));
  const newPrefixes = prefixes && mapChanged(prefixes, (source) => withTemplate(source, prefixTemplateDefaults));
  if (families === spec.ipFamilies && newIps === ips && newPrefixes === prefixes) return spec;
  return {
    ...spec,
    ...(families && { ipFamilies: [...families] }),
    ...(newIps && { ips: [...newIps] }),
    ...(newPrefixes && { prefixes: [...newPrefixes] }),
  };
}

/** The families of the addresses themselves: '' for a template without a family; undefined when an item has no source. */
function familiesOf(ips: readonly IpSource[] | undefined): readonly string[] | undefined {
  if (ips === undefined) return undefined;
  const families: string[] = [];
  for (const { value, ephemeral } of ips) {
    if (value !== undefined) families.push(familyOfIp(value));
    else if (ephemeral?.prefixTemplate !== undefined) families.push(ephemeral.prefixTemplate.spec?.ipFamily ?? '');
  }
  return families.length === 0 ? undefined : families;
}

function withTemplate<Source extends Readonly<{ ephemeral?: EphemeralPrefixSource }>>(
  source: Source,
  defaults: (template: PrefixTemplate) => PrefixTemplate,
): Source {
  const template = source.ephemeral?.prefixTemplate;
  if (template === undefined) return source;
  const prefixTemplate = defaults(template);
  return prefixTemplate === template ? source : { ...source, ephemeral: { ...source.ephemeral, prefixTemplate } };
}
