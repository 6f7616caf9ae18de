/** Defaults of a NetworkInterface (resources 2.2 D-1 to D-5), also for the templates in a Machine. Gives back what it was given where nothing is missing. */
import { type ApiObject, addressDefaults, mapChanged, prefixTemplateDefaults, statusOf, withStatus, withTemplate } from '@weft/api';
import type { NetworkInterfaceSpec } from './network-interface.model.ts';
import type { NicTypes } from './network-interface.types.ts';

export function networkInterfaceDefaults(object: ApiObject<NicTypes>): ApiObject<NicTypes> {
  const filled = (statusOf(object).state ?? '') === '' ? withStatus(object, { state: 'Pending' }) : object;
  const spec = object.spec && networkInterfaceSpecDefaults(object.spec);
  return spec === undefined || spec === object.spec ? filled : { ...filled, spec };
}

export function networkInterfaceSpecDefaults(given: NetworkInterfaceSpec): NetworkInterfaceSpec {
  const spec = addressDefaults(given);
  const { prefixes } = spec;
  const newPrefixes = prefixes && mapChanged(prefixes, (source) => withTemplate(source, prefixTemplateDefaults));
  return newPrefixes === prefixes ? spec : { ...spec, ...(newPrefixes && { prefixes: [...newPrefixes] }) };
}
