/** Where an address of an interface or of a balancer comes from (resources 1.3). */
import { Ip, Nested } from '../model/fields.ts';
import { PrefixTemplate } from './prefix-template.model.ts';

export class EphemeralPrefixSource {
  @Nested(() => PrefixTemplate, 'Prefix that is made for the object and goes with it.') readonly prefixTemplate?: PrefixTemplate;
}

export class IpSource {
  @Ip('The address itself.') readonly value?: string;
  @Nested(() => EphemeralPrefixSource, 'An address of a Prefix made for it.') readonly ephemeral?: EphemeralPrefixSource;
}
