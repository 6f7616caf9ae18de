/** Finds who manages which fields after a write that is no apply: what it changed belongs to its manager, and to nobody else (http-api 11.2). */
import { apiVersionOf } from '../fold/evolve.ts';
import { presentationOf } from '../kind/assembly.ts';
import type { Fact, Rejected } from '../kind/kind.ts';
import { type ApiObject, asJson, type ManagedFields, type ObjectMeta } from '../kind/object.ts';
import type { JsonValue } from '../log/json.ts';
import { askedManagers, isReset } from '../managers/asked-managers.ts';
import { isEmptySet } from '../managers/field-set.ts';
import { managedPart } from '../managers/managed-part.ts';
import { afterUpdate, managersFacts, managersOf, sameFields, tooMany } from '../managers/managers.ts';
import { mergePlanOf } from '../managers/merge-plan.ts';
import { differenceBetween } from '../managers/structure.ts';
import { invalidStatus } from '../status/statuses.ts';
import { sameJson } from '../values/equal.ts';
import { type CommandOf, type Deciding, rejected } from './deciding.ts';

/**
 * `sent`: the metadata that the client gave. It may give managers as well: then these are the ones before the write. Managers that are too many are not
 * followed any further: the write itself is worth more.
 */
export function managersAfterUpdate(
  on: Deciding,
  { options, subresource }: CommandOf<'replace' | 'patch'>,
  present: ApiObject,
  after: ApiObject,
  { managedFields: sent = [] }: Readonly<Partial<ObjectMeta>>,
): readonly Fact[] | Rejected {
  const { kind, before, context } = on;
  const stored = before.object.metadata.managedFields;
  const manager = options?.fieldManager;
  const needsNone = manager === undefined || isCreators(on, manager, subresource);
  if (sent.length === 0 && needsNone) return [];
  const known = managersOf(kind, before, presentationOf(kind, before).whole) ?? [];
  const entries = askedOr(on, known, sent as readonly object[] as readonly JsonValue[]);
  if ('outcome' in entries) return entries;
  if (entries === known && needsNone) return [];
  // While nobody manages it, as after a reset, writes are not followed: that begins with the first apply.
  const next = manager === undefined || entries.length === 0 ? entries : changed(entries);
  return sameFields(next, known) || tooMany(after, next) ? [] : managersFacts(stored, next);

  function changed(from: readonly ManagedFields[]): readonly ManagedFields[] {
    const difference = differenceBetween(
      managedPart(asJson(present), subresource),
      managedPart(asJson(after), subresource),
      mergePlanOf(kind),
    );
    if (isEmptySet(difference.changed) && isEmptySet(difference.removed)) return from;
    const operation = 'Update';
    const writer = { manager: manager as string, operation, apiVersion: apiVersionOf(kind), ...(subresource && { subresource }) } as const;
    return afterUpdate(from, writer, difference, context.now);
  }
}

/** All of it belongs to whoever writes now, or nobody is known to manage it: both need nothing stored. */
function isCreators({ before }: Deciding, manager: string, subresource: 'status' | undefined): boolean {
  if (before.object.metadata.managedFields !== undefined) return false;
  return before.createdBy === undefined || (before.createdBy === manager && subresource === undefined);
}

function askedOr(
  { kind, before }: Deciding,
  known: readonly ManagedFields[],
  sent: readonly JsonValue[],
): readonly ManagedFields[] | Rejected {
  if (sent.length === 0 || sameJson(sent, known)) return known;
  if (isReset(sent)) return [];
  const asked = askedManagers(kind, sent);
  return 'errors' in asked ? rejected(invalidStatus(kind, before.key.name, asked.errors)) : asked.entries;
}
