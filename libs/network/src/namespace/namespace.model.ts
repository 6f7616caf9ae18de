/** Namespace, core v1 (http-api 15). */
import { ConditionModel, type KindModule, NestedList, Text, TextList } from '@weft/api';

export class NamespaceSpec {
  @TextList('What must be done before a deleted namespace goes.') readonly finalizers?: string[];
}

export class NamespaceStatus {
  @Text('Terminating while a deleted namespace is emptied.', { values: ['Active', 'Terminating'] }) readonly phase?: string;
  @NestedList(() => ConditionModel, 'What holds of the namespace, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const namespaceModel = { spec: NamespaceSpec, status: NamespaceStatus } as const satisfies NonNullable<KindModule['model']>;
