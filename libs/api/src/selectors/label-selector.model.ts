import { Atomic, NestedList, Text, TextList, TextMap } from '../model/fields.ts';

const SELECTOR_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

export class LabelSelectorRequirement {
  @Text('Label that is looked at.') readonly key?: string;
  @Text('How its value is compared.', { values: SELECTOR_OPERATORS }) readonly operator?: string;
  @TextList('Values for In and NotIn.') readonly values?: string[];
}

@Atomic()
export class LabelSelectorModel {
  @TextMap('Labels that must be present with these values.') readonly matchLabels?: Record<string, string>;
  @NestedList(() => LabelSelectorRequirement, 'Further requirements; all must hold.')
  readonly matchExpressions?: LabelSelectorRequirement[];
}
