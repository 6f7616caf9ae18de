/** Defaults of a NetworkInterface (resources 2.2 D-1 to D-5), also for the templates in a Machine. Gives back what it was given where nothing is missing. */
import type { PrefixTemplate } from '@weft/api';
import { type ApiObject, addressTemplateDefaults, familyOfIp, type JsonObject, mapChanged, prefixTemplateDefaults } from '@weft/api';
import type { EphemeralPrefixSource, IpSource, NetworkInterfaceSpec } from './network-interface.model.ts';

export function networkInterfaceDefaults(object: ApiObject): ApiObject {
  const { spec, status } = object;
  const after = spec && (networkInterfaceSpecDefaults(spec as NetworkInterfaceSpec) as JsonObject);
  const hasState = typeof status?.['state'] === 'string' && status['state'] !== '';
  if (after === spec && hasState) return object;
  return { ...object, ...(after && { spec: after }), status: hasState ? status : { ...status, state: 'Pending' } };
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
    ...(families && { ipFamilies: families as string[] }),
    ...(newIps && { ips: newIps as IpSource[] }),
    ...(newPrefixes && { prefixes: newPrefixes as IpSource[] }),
  };
}

/** What the addresses say themselves: '' for a template without a family, nothing for an item without a source. */
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
