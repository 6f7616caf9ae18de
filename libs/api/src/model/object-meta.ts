/** Object metadata as clients send it. What the server alone sets is accepted and ignored by writes. */
import { Flag, FreeList, Int, NestedList, Text, TextList, TextMap, Time } from './fields.ts';

export class OwnerReferenceModel {
  @Text('API version of the owner.', { keepsEmpty: true }) readonly apiVersion?: string;
  @Text('Kind of the owner.', { keepsEmpty: true }) readonly kind?: string;
  @Text('Name of the owner.', { keepsEmpty: true }) readonly name?: string;
  @Text('UID of the owner.', { keepsEmpty: true }) readonly uid?: string;
  @Flag('The owner is the managing controller.') readonly controller?: boolean;
  @Flag('The owner is not removed from the store before this reference is gone (foreground deletion).')
  readonly blockOwnerDeletion?: boolean;
}

export class ObjectMetaModel {
  @Text('Name, unique within its namespace and kind.') readonly name?: string;
  @Text('Prefix of a generated name, used when no name is given.') readonly generateName?: string;
  @Text('Namespace of the object.') readonly namespace?: string;
  @Text('Identity of this incarnation, set by the server.') readonly uid?: string;
  @Text('Position of the last change in the log, and eight digits that tell which log; opaque to clients.')
  readonly resourceVersion?: string;
  @Int('Counts changes of the desired state.', { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }) readonly generation?: number;
  @Time('When it was created, set by the server.') readonly creationTimestamp?: string;
  @Time('When its deletion was asked for, set by the server.') readonly deletionTimestamp?: string;
  @Int('Not used by these kinds.', { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
  readonly deletionGracePeriodSeconds?: number;
  @TextMap('Labels, for selection.') readonly labels?: Record<string, string>;
  @TextMap('Annotations: data of tools and people.') readonly annotations?: Record<string, string>;
  @TextList('Who must agree before a deleted object goes.', { isSet: true }) readonly finalizers?: string[];
  @NestedList(() => OwnerReferenceModel, 'Objects that this one depends on.', { mergeKey: 'uid' })
  readonly ownerReferences?: OwnerReferenceModel[];
  @FreeList('Fields and their managers.') readonly managedFields?: object[];
  @Text('Deprecated.') readonly selfLink?: string;
}
