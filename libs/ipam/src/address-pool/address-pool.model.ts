/** AddressPool: public addresses that may be handed out (resources 2.11). */
import { ConditionModel, Int, type KindModule, LabelSelectorModel, Nested, NestedList, PrefixList, Text } from '@weft/api';

export class AddressPoolSpec {
  @PrefixList('Ranges whose addresses are handed out, in this order; no other pool may have them.') readonly prefixes?: string[];
  @PrefixList('Ranges that are never handed out.') readonly excludes?: string[];
  @Nested(() => LabelSelectorModel, 'Networks that are served, by their labels; a VirtualIP is served by its own. Empty: all.')
  readonly networkSelector?: LabelSelectorModel;
}

export class AddressPoolFamilyStatus {
  @Text('Number of addresses, decimal.') readonly capacity?: string;
  @Int('Addresses in use.', { keepsEmpty: true }) readonly allocated?: number;
  @Int('Addresses that were given back, and rest.', { keepsEmpty: true }) readonly quarantined?: number;
}

export class AddressPoolStatus {
  @Nested(() => AddressPoolFamilyStatus, 'What there is of IPv4.') readonly ipv4?: AddressPoolFamilyStatus;
  @Nested(() => AddressPoolFamilyStatus, 'What there is of IPv6.') readonly ipv6?: AddressPoolFamilyStatus;
  @NestedList(() => ConditionModel, 'Ready, Exhausted, DeletionBlocked.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const addressPoolModel = { spec: AddressPoolSpec, status: AddressPoolStatus } as const satisfies NonNullable<KindModule['model']>;
