/**
 * How the parts of an object merge: the same that its OpenAPI schema says (`x-kubernetes-list-type`, `x-kubernetes-map-type`), made from the same models.
 * Fields of objects and entries of maps merge one by one, lists of objects by their key, sets by their elements; everything else is one value.
 */
import type { KindModule, ModelClass } from '../kind/kind.ts';
import { type FieldRecord, fieldsOf, isAtomic } from '../model/fields.ts';
import { ObjectMetaModel } from '../model/object-meta.ts';

export type MergePlan =
  | Readonly<{ type: 'whole' }>
  | Readonly<{ type: 'fields'; of: ReadonlyMap<string, MergePlan> }>
  | Readonly<{ type: 'map'; of: MergePlan }>
  | Readonly<{ type: 'listByKey'; key: string; of: MergePlan }>
  | Readonly<{ type: 'set' }>;

const WHOLE: MergePlan = { type: 'whole' };
const SET: MergePlan = { type: 'set' };
const TEXTS: MergePlan = { type: 'map', of: WHOLE };
/** Of an object without a schema: its objects merge, its lists do not. */
const FREE: MergePlan = { type: 'map', of: undefined as never };
Object.assign(FREE, { of: FREE });

const ofModels = new WeakMap<ModelClass, MergePlan>();
const ofKinds = new WeakMap<object, MergePlan>();

/** Of a whole object of the kind. What no manager ever owns (identity, what the server sets) has no place in it. */
export function mergePlanOf(kind: Pick<KindModule, 'model'>): MergePlan {
  const known = ofKinds.get(kind);
  if (known !== undefined) return known;
  const { model } = kind;
  const part = (which: ModelClass | undefined): MergePlan =>
    model === undefined ? FREE : which === undefined ? WHOLE : planOfModel(which);
  const others = model?.fields === undefined ? [] : fieldsOf(model.fields).map((field) => [field.name, planOfField(field)] as const);
  const plan: MergePlan = {
    type: 'fields',
    of: new Map<string, MergePlan>([['metadata', METADATA], ['spec', part(model?.spec)], ['status', part(model?.status)], ...others]),
  };
  ofKinds.set(kind, plan);
  return plan;
}

const OWNED_METADATA: readonly string[] = ['labels', 'annotations', 'finalizers', 'ownerReferences'];
const METADATA: MergePlan = {
  type: 'fields',
  of: new Map(
    fieldsOf(ObjectMetaModel)
      .filter(({ name }) => OWNED_METADATA.includes(name))
      .map((field) => [field.name, planOfField(field)]),
  ),
};

function planOfModel(model: ModelClass): MergePlan {
  const known = ofModels.get(model);
  if (known !== undefined) return known;
  const of = new Map<string, MergePlan>();
  const plan: MergePlan = { type: 'fields', of };
  ofModels.set(model, plan); // Before its fields, so that a model may hold itself.
  for (const field of fieldsOf(model)) of.set(field.name, planOfField(field));
  return plan;
}

function planOfField({ kind, list, mergeKey, isSet, model }: FieldRecord): MergePlan {
  if (list) {
    if (isSet === true) return SET;
    return mergeKey === undefined || model === undefined ? WHOLE : { type: 'listByKey', key: mergeKey, of: planOfModel(model()) };
  }
  if (kind === 'map') return TEXTS;
  if (kind === 'free') return FREE;
  return kind === 'object' && model !== undefined && !isAtomic(model()) ? planOfModel(model()) : WHOLE;
}
