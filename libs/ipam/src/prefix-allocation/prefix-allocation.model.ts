/** PrefixAllocation: asks a Prefix for a part of it (resources 2.9). */
import {
  ConditionModel,
  Int,
  type KindModule,
  LabelSelectorModel,
  LocalObjectReference,
  Nested,
  NestedList,
  Prefix,
  Text,
  Time,
} from '@weft/api';

export class PrefixAllocationSpec {
  @Text('Family of the addresses.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Prefix('The very range that is asked for.') readonly prefix?: string;
  @Int('Length of the range that is asked for.') readonly prefixLength?: number;
  @Nested(() => LocalObjectReference, 'Prefix that the range is taken from; chosen by the selector when left out.')
  readonly prefixRef?: LocalObjectReference;
  @Nested(() => LabelSelectorModel, 'Prefixes that the range may be taken from.') readonly prefixSelector?: LabelSelectorModel;
}

export class PrefixAllocationStatus {
  @Text('Outcome; Allocated and Failed are final.', { values: ['Pending', 'Allocated', 'Failed'] }) readonly phase?: string;
  @Prefix('The range that was given.') readonly prefix?: string;
  @Time('When the phase last changed; absent until it does.') readonly lastPhaseTransitionTime?: string;
  @NestedList(() => ConditionModel, 'What holds of the allocation, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const prefixAllocationModel = {
  spec: PrefixAllocationSpec,
  status: PrefixAllocationStatus,
} as const satisfies NonNullable<KindModule['model']>;
