/** References within a namespace, as the kinds of this package share them (resources 1.3). */
import { Text } from '@weft/api';

export class LocalObjectReference {
  @Text('Name of the object.') readonly name?: string;
}

export class LocalUidReference {
  @Text('Name of the object.') readonly name?: string;
  @Text('Identity of the object; not checked.') readonly uid?: string;
}
