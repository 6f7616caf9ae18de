/** Defaults of the families and addresses of an object (resources 2.2 D-1 to D-3). They give back what they were given where nothing is missing. */
import { familyOfIp } from '../values/ip.ts';
import { mapChanged } from '../values/map-changed.ts';
import { withFields } from '../values/with-fields.ts';
import type { EphemeralPrefixSource, IpSource } from './ip-source.model.ts';
import { addressTemplateDefaults } from './prefix-template.defaults.ts';
import type { PrefixTemplate } from './prefix-template.model.ts';

type WithAddresses = { ipFamilies?: string[]; ips?: IpSource[] };

export function addressDefaults<Spec extends WithAddresses>(spec: Spec): Spec {
  const { ips } = spec;
  const families = spec.ipFamilies?.length ? spec.ipFamilies : familiesOf(ips);
  const paired = families?.length === ips?.length;
  const newIps =
    ips &&
    mapChanged(ips, (source, i) => withTemplate(source, (each) => addressTemplateDefaults(each, paired ? families?.[i] : undefined)));
  if (families === spec.ipFamilies && newIps === ips) return spec;
  const filled: WithAddresses = {};
  if (families !== undefined) filled.ipFamilies = [...families];
  if (newIps !== undefined) filled.ips = [...newIps];
  return withFields(spec, filled);
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

export function withTemplate<Source extends Readonly<{ ephemeral?: EphemeralPrefixSource }>>(
  source: Source,
  defaults: (template: PrefixTemplate) => PrefixTemplate,
): Source {
  const template = source.ephemeral?.prefixTemplate;
  if (template === undefined) return source;
  const prefixTemplate = defaults(template);
  return prefixTemplate === template ? source : { ...source, ephemeral: { ...source.ephemeral, prefixTemplate } };
}
