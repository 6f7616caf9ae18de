import { Nested, Text } from '../model/fields.ts';
import { ObjectMetaModel } from '../model/object-meta.ts';
import { LocalUidReference } from '../model/references.model.ts';

/** Spec of a VirtualIP, and what becomes of it when its interface goes (resources 2.2, 2.3). */
export class VirtualIpTemplateSpec {
  @Text('Kind of address.', { values: ['Public'] }) readonly type?: string;
  @Text('Family of the address.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Nested(() => LocalUidReference, 'Checked and then overwritten: the interface that holds the address.')
  readonly targetRef?: LocalUidReference;
  @Text('Retain keeps the VirtualIP when its interface is deleted; anything else deletes it.', { values: ['Delete', 'Retain'] })
  readonly reclaimPolicy?: string;
}

export class VirtualIpTemplate {
  @Nested(() => ObjectMetaModel, 'Labels and annotations of the VirtualIP.') readonly metadata?: ObjectMetaModel;
  @Nested(() => VirtualIpTemplateSpec, 'Spec of the VirtualIP.') readonly spec?: VirtualIpTemplateSpec;
}
