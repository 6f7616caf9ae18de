/**
 * Decides a server-side apply (http-api 11.2): the object becomes the present one with the configuration merged in, without what its manager applied
 * before and no longer does. What others manage is a conflict, unless it stays as it is or the apply is forced.
 */

import { apiVersionOf } from '../fold/evolve.ts';
import { presentationOf } from '../kind/assembly.ts';
import type { Accepted, Decision } from '../kind/kind.ts';
import { type ApiObject, asJson, type ManagedFields, type ObjectMeta } from '../kind/object.ts';
import type { JsonObject } from '../log/json.ts';
import { type FieldSet, intersectionOf, NO_FIELDS, pathsOf, unionOf } from '../managers/field-set.ts';
import { managedPart, type Subresource } from '../managers/managed-part.ts';
import { isSameManager, type ManagerId } from '../managers/manager-id.ts';
import {
  afterApply,
  BEFORE_FIRST_APPLY,
  entryOfAll,
  managersFacts,
  managersOf,
  tooMany,
  withoutMetadataItself,
} from '../managers/managers.ts';
import { type MergePlan, mergePlanOf } from '../managers/merge-plan.ts';
import { ambiguousLists, differenceBetween, fieldsIn, merged, pruned } from '../managers/structure.ts';
import { isObject } from '../patch/merge-patch.ts';
import { invalid, required } from '../status/field-errors.ts';
import { applyConflict, badRequest, invalidStatus, notFound, otherName, requestTooLarge } from '../status/statuses.ts';
import { decideCreate } from './decide-create.ts';
import { type CommandOf, type Deciding, rejected } from './deciding.ts';
import { decodeSent } from './decode-object.ts';

/** The whole object that results, and the facts about its managers, for the decision about the change. */
type Update = (value: JsonObject, facts: Accepted['facts']) => Decision;

export function decideApply(on: Deciding, command: CommandOf<'patch'>, update: Update): Decision {
  const { kind, before, context } = on;
  const { patch, options, subresource } = command;
  if (!isObject(patch)) return rejected(badRequest('an apply patch must be an object'));
  const manager = options?.fieldManager;
  if (manager === undefined) {
    return rejected(
      invalidStatus({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [required('fieldManager', 'is required for apply patch')]),
    );
  }
  const decoded = decodeSent(kind, patch, { fieldValidation: 'Strict', unknownIs: 'invalid', name: before.key.name });
  if (!decoded.ok) return rejected(decoded.status);
  if ((decoded.sent.managedFields ?? []).length > 0) return rejected(badRequest('metadata.managedFields must be nil'));
  const plan = mergePlanOf(kind);
  const config = managedPart(asJson(decoded.object), subresource);
  const ambiguous = [...ambiguousLists(config, plan)].map(({ path, key }) =>
    invalid(path, '', `each element must have a "${key}" of its own, by which elements are told apart`),
  );
  if (ambiguous.length > 0) return rejected(invalidStatus(kind, before.key.name, ambiguous));

  const { name = before.key.name } = decoded.sent;
  if (name !== before.key.name) return rejected(otherName(name, before.key.name));

  const applier: ManagerId = { manager, operation: 'Apply', apiVersion: apiVersionOf(kind), ...(subresource && { subresource }) };
  const fields = withoutMetadataItself(fieldsIn(config, plan));
  if (before.status !== 'live') {
    if (subresource !== undefined) return rejected(notFound(kind, before.key.name));
    const created = decideCreate(on, creationOf(command, patch));
    if (created.outcome === 'rejected') return created;
    const entries = afterApply([], applier, fields, { changed: NO_FIELDS, removed: NO_FIELDS }, context.now);
    return { ...created, facts: [...created.facts, ...managersFacts(undefined, entries)] };
  }

  const whole = presentationOf(kind, before).whole;
  const present = managedPart(asJson(whole), subresource);
  const known = managersOf(kind, before, whole) ?? [];
  const entries = known.length > 0 ? known : [entryOfAll(kind, whole, BEFORE_FIRST_APPLY, before.unmanaged)];
  const wanted = withConfig(present, config, { entries, applier, fields, unmanaged: before.unmanaged ?? NO_FIELDS }, plan);
  const difference = differenceBetween(present, wanted, plan);
  const conflicts = conflictsOf(entries, applier, difference.changed);
  if (conflicts.length > 0 && options?.force !== true) return rejected(applyConflict(conflicts));
  const next = afterApply(entries, applier, fields, difference, context.now);
  if (tooMany(whole, next)) return rejected(requestTooLarge('the managers of the fields of this object take too much room'));
  const facts = managersFacts(whole.metadata.managedFields, next);
  return update(wholeOf(whole, wanted, subresource, decoded.sent), facts);
}

function creationOf({ key, options }: CommandOf<'patch'>, patch: JsonObject): CommandOf<'create'> {
  const { status: _, ...object } = patch;
  const { kind, namespace, name } = key;
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  return {
    verb: 'create',
    kind,
    ...(namespace !== undefined && { namespace }),
    object: { ...object, metadata: { name, ...metadata } },
    ...(options && { options }),
  };
}

type Managing = Readonly<{ entries: readonly ManagedFields[]; applier: ManagerId; fields: FieldSet; unmanaged: FieldSet }>;

/** The present fields with the configuration merged in, without what the manager gives up and nobody else manages. What Weft itself wrote stays. */
function withConfig(
  present: JsonObject,
  config: JsonObject,
  { entries, applier, fields, unmanaged }: Managing,
  plan: MergePlan,
): JsonObject {
  const result = merged(present, config, plan) as JsonObject;
  const last = entries.find((entry) => isSameManager(entry, applier));
  if (last === undefined) return result;
  const others = entries.filter((entry) => entry !== last);
  const owned = others.reduce<FieldSet>((set, { fieldsV1 }) => unionOf(set, fieldsV1), unionOf(fields, unmanaged));
  // Metadata never goes as a whole.
  return pruned(result, last.fieldsV1, { ...owned, 'f:metadata': owned['f:metadata'] ?? NO_FIELDS }, plan) as JsonObject;
}

/** What the update is given: the fields as they shall be, in the object as it is. The client may name the object, incarnation and version that it means. */
function wholeOf(whole: ApiObject, wanted: JsonObject, subresource: Subresource, sent: Readonly<Partial<ObjectMeta>>): JsonObject {
  const { status, ...others } = asJson(whole);
  const kept: JsonObject = subresource === 'status' ? { ...others, ...wanted } : { ...wanted, ...(status !== undefined && { status }) };
  const { name, namespace, uid, resourceVersion } = sent;
  const meant = Object.entries({ name, namespace, uid, resourceVersion }).filter(([, value]) => value !== undefined);
  const { managedFields: _, ...metadata } = kept['metadata'] as JsonObject;
  return { ...kept, metadata: { ...metadata, ...(Object.fromEntries(meant) as JsonObject) } };
}

export type FieldConflict = Readonly<{ manager: ManagedFields; paths: readonly string[] }>;

function conflictsOf(entries: readonly ManagedFields[], applier: ManagerId, changed: FieldSet): readonly FieldConflict[] {
  return entries
    .filter((entry) => !isSameManager(entry, applier))
    .map((manager) => ({ manager, paths: [...pathsOf(intersectionOf(manager.fieldsV1, changed))] }))
    .filter(({ paths }) => paths.length > 0)
    .sort((a, b) => (a.manager.manager < b.manager.manager ? -1 : 1));
}
