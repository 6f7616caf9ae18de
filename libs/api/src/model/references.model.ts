/** References within a namespace, as kinds share them (resources 1.3). */
import { Atomic, Text } from './fields.ts';

export class LocalObjectReference {
  @Text('Name of the object.') readonly name?: string;
}

@Atomic()
export class LocalUidReference {
  @Text('Name of the object.') readonly name?: string;
  @Text('Identity of the object; not checked.') readonly uid?: string;
}
