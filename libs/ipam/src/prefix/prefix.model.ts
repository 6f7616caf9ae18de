/** Prefix: a range of addresses, a root or one that is taken from another Prefix (resources 2.8). */
import { ConditionModel, type KindModule, NestedList, PrefixList, PrefixTemplateSpec, Text, Time } from '@weft/api';

export class PrefixStatus {
  @Text('Whether the range can be used.', { values: ['Pending', 'Allocated'] }) readonly phase?: string;
  @Time('When the phase last changed; absent until it does.') readonly lastPhaseTransitionTime?: string;
  @PrefixList('Ranges of it that are in use, in the order of their text.')
  readonly used?: string[];
  @NestedList(() => ConditionModel, 'What holds of the prefix, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const prefixModel = { spec: PrefixTemplateSpec, status: PrefixStatus } as const satisfies NonNullable<KindModule['model']>;
