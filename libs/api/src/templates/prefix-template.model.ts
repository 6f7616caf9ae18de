import { Int, Nested, Prefix, Text } from '../model/fields.ts';
import { ObjectMetaModel } from '../model/object-meta.ts';
import { LocalObjectReference } from '../model/references.model.ts';
import { LabelSelectorModel } from '../selectors/label-selector.model.ts';

/** Spec of a Prefix as a template holds it (resources 2.8). */
export class PrefixTemplateSpec {
  @Text('Family of the addresses.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Prefix('The very range that is wanted.') readonly prefix?: string;
  @Int('Length of the range that is wanted from the parent.') readonly prefixLength?: number;
  @Nested(() => LocalObjectReference, 'Prefix that the range is taken from.') readonly parentRef?: LocalObjectReference;
  @Nested(() => LabelSelectorModel, 'Prefixes that the range may be taken from.') readonly parentSelector?: LabelSelectorModel;
}

export class PrefixTemplate {
  @Nested(() => ObjectMetaModel, 'Labels and annotations of the Prefix.') readonly metadata?: ObjectMetaModel;
  @Nested(() => PrefixTemplateSpec, 'Spec of the Prefix.') readonly spec?: PrefixTemplateSpec;
}
