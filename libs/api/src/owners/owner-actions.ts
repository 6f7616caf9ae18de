/** Actions of every kind by which loops keep owners, children and their conditions in order. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import {
  type CommonFact,
  type ConditionFact,
  conditionFacts,
  finalizersChanged,
  noConditionFacts,
  ownerReferencesChanged,
} from '../fold/common-events.ts';
import { isIncarnation } from '../kind/incarnation.ts';
import type { Draft, Folded } from '../kind/kind.ts';
import { isDeleting } from '../kind/loop.ts';
import type { ObjectKey, OwnerReference } from '../kind/object.ts';
import type { JsonObject } from '../log/json.ts';
import type { Status } from '../status/status.ts';

const payloads = {
  /** The incarnation `uid` is owned by this one too; it stays as it is when another one controls it. */
  AddOwner: Type.Object({ uid: Type.String(), owner: Type.Unsafe<OwnerReference>({ type: 'object' }) }),
  /** The incarnation `uid` is not owned any more by the one with the uid `owner`. */
  DropOwner: Type.Object({ uid: Type.String(), owner: Type.String() }),
  /** What the finalizer of the incarnation `uid`, which is being deleted, waited for is done. */
  EndCascade: Type.Object({ uid: Type.String(), finalizer: Type.String() }),
  /** Sets the condition of the incarnation `uid`, or removes it. */
  ReportCondition: Type.Object({
    uid: Type.String(),
    type: Type.String(),
    condition: Type.Optional(Type.Unsafe<ConditionFact>({ type: 'object' })),
  }),
};
type Payloads = { [A in keyof typeof payloads]: Static<(typeof payloads)[A]> };
type OwnerAction = keyof Payloads;

const actions: { readonly [A in OwnerAction]: (before: Folded, payload: Payloads[A]) => readonly CommonFact[] } = {
  AddOwner: ({ object: { metadata } }, { owner }) => {
    const { ownerReferences = [] } = metadata;
    const isTaken = ownerReferences.some(({ uid, controller }) => uid === owner.uid || (controller === true && owner.controller === true));
    return isTaken ? [] : [ownerReferencesChanged([...ownerReferences, owner])];
  },
  DropOwner: ({ object: { metadata } }, { owner }) => {
    const { ownerReferences = [] } = metadata;
    const others = ownerReferences.filter(({ uid }) => uid !== owner);
    return others.length === ownerReferences.length ? [] : [ownerReferencesChanged(others)];
  },
  EndCascade: (before, { finalizer }) => {
    const { finalizers = [] } = before.object.metadata;
    if (!isDeleting(before) || !finalizers.includes(finalizer)) return [];
    return [finalizersChanged(finalizers.filter((each) => each !== finalizer))];
  },
  ReportCondition: ({ object }, { type, condition }) =>
    condition === undefined ? noConditionFacts(object, type) : conditionFacts(object, condition),
};

/** Of an action of every kind: the schema of its payload. */
export function ownerActionSchema(action: string): TSchema | undefined {
  return Object.hasOwn(payloads, action) ? payloads[action as OwnerAction] : undefined;
}

/** The payload matches the schema of the action. */
export function ownerActionFacts(action: string, before: Folded, payload: JsonObject): readonly CommonFact[] {
  if (!isIncarnation(before, payload['uid'] as string)) return [];
  return actions[action as OwnerAction](before, payload as never);
}

export const CREATION_REFUSED = 'CreationRefused';

/** What is owed when a draft was refused: the object that wanted it says why. Nothing for a refusal that may be over at the next attempt. */
export function reportOfRefusal(draft: Draft, { code = 0, message = '' }: Status): Draft | undefined {
  const isFinal = code >= 400 && code < 500 && code !== 409 && code !== 429;
  if (!isFinal || draft.target !== 'object' || !('verb' in draft) || draft.verb !== 'create' || draft.refused === undefined)
    return undefined;
  const { key, uid, type } = draft.refused;
  return ownerAct(key, 'ReportCondition', { uid, type, condition: { type, status: 'False', reason: CREATION_REFUSED, message } });
}

/** A command for one of these actions. */
export function ownerAct<A extends OwnerAction>(key: ObjectKey, action: A, payload: Payloads[A]): Draft {
  const { kind, namespace, name } = key;
  // Payloads are JSON by their schema.
  return {
    target: 'object',
    key: namespace === undefined ? { kind, name } : { kind, namespace, name },
    action,
    payload: payload as object as JsonObject,
  };
}
