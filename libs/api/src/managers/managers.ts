/**
 * Who manages which fields of an object (http-api 11). An entry for each manager, as clients read them in `metadata.managedFields`.
 *
 *   created, and written by its creator alone ──> nothing is stored: all of it is the creator's, which the first event names
 *   anybody else writes, or applies           ──> FieldManagersChanged.v1, with the entries that differ
 *
 * What Weft itself writes (the status, what loops and actions set) has no manager.
 */
import { fieldManagersChanged, wholeSeconds } from '../fold/common-events.ts';
import { apiVersionOf } from '../fold/evolve.ts';
import type { Fact, Folded, KindModule } from '../kind/kind.ts';
import type { ApiObject, ManagedFields } from '../kind/object.ts';
import { asJson } from '../kind/object.ts';
import { sameJson } from '../values/equal.ts';
import { differenceOf, type FieldSet, intersectionOf, isEmptySet, NO_FIELDS, unionOf } from './field-set.ts';
import { managedPart } from './managed-part.ts';
import { isSameManager, type ManagerId } from './manager-id.ts';
import { mergePlanOf } from './merge-plan.ts';
import { allFieldsOf, type Difference } from './structure.ts';

/** Entries of other writes than applies at most; the oldest become one. */
const UPDATERS_MAX = 10;
const ANCIENT = 'ancient-changes';
/** The manager of what an object had before anybody was known to manage it. */
export const BEFORE_FIRST_APPLY = 'before-first-apply';
/** Characters of all entries of an object as JSON. */
const MANAGERS_LENGTH_MAX = 200_000;

/** Metadata has managers for its parts, never for itself. */
export function withoutMetadataItself(set: FieldSet): FieldSet {
  const { 'f:metadata': metadata, ...others } = set;
  if (metadata === undefined) return set;
  const { '.': _, ...parts } = metadata;
  return isEmptySet(parts) ? others : { 'f:metadata': parts, ...others };
}

/** All of the object but its status and what Weft itself wrote, as one manager's. */
export function entryOfAll(kind: KindModule, object: ApiObject, manager: string, unmanaged: FieldSet = NO_FIELDS): ManagedFields {
  const all = allFieldsOf(managedPart(asJson(object)), mergePlanOf(kind));
  const set = isEmptySet(unmanaged) ? all : differenceOf(all, unmanaged);
  return entryOf(
    { manager, operation: 'Update', apiVersion: apiVersionOf(kind) },
    object.metadata.creationTimestamp,
    withoutMetadataItself(set),
  );
}

function entryOf({ manager, operation, apiVersion, subresource }: ManagerId, time: string, fieldsV1: FieldSet): ManagedFields {
  return { manager, operation, apiVersion, time, fieldsType: 'FieldsV1', fieldsV1, ...(subresource !== undefined && { subresource }) };
}

/** What tells whose an object is while its managers are not stored. */
export type Creation = Readonly<Pick<Folded, 'createdBy' | 'unmanaged'>>;

/** The object with its managers, where these are not stored but known, and not too many to show. O(object) */
export function withManagers(kind: KindModule, object: ApiObject, { createdBy, unmanaged }: Creation): ApiObject {
  if (createdBy === undefined || object.metadata.managedFields !== undefined) return object;
  const managedFields = [entryOfAll(kind, object, createdBy, unmanaged)];
  return tooMany(object, managedFields) ? object : { ...object, metadata: { ...object.metadata, managedFields } };
}

/** Whether the entries are too long to be kept or shown. They seldom are: only objects with very many parts are measured. */
export function tooMany({ metadata, spec }: ApiObject, entries: readonly ManagedFields[]): boolean {
  let parts = 0;
  for (const map of [metadata.labels, metadata.annotations, ...Object.values(spec ?? {})]) {
    if (typeof map === 'object' && map !== null) for (const _ in map) parts++;
  }
  return (parts > 500 || entries.length > UPDATERS_MAX) && JSON.stringify(entries).length > MANAGERS_LENGTH_MAX;
}

export function withoutManagers(object: ApiObject): ApiObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The entries of a living object; undefined while nobody is known to manage it. */
export function managersOf(kind: KindModule, { createdBy, unmanaged }: Folded, object: ApiObject): readonly ManagedFields[] | undefined {
  const { managedFields } = object.metadata;
  if (managedFields !== undefined || createdBy === undefined) return managedFields;
  return [entryOfAll(kind, object, createdBy, unmanaged)];
}

/** After a write by `writer` that is no apply: what it changed is its own, and nobody else's. */
export function afterUpdate(
  entries: readonly ManagedFields[],
  writer: ManagerId,
  { changed, removed }: Difference,
  now: string,
): readonly ManagedFields[] {
  const own = entries.find((entry) => isSameManager(entry, writer));
  const others = withoutFields(
    entries.filter((entry) => entry !== own),
    unionOf(changed, removed),
  );
  const fields = unionOf(differenceOf(own?.fieldsV1 ?? NO_FIELDS, removed), changed);
  return joinAncient(isEmptySet(fields) ? others : [...others, entryOf(writer, wholeSeconds(now), fields)]);
}

/** After an apply: `fields` are the applier's, and what they changed is nobody else's. */
export function afterApply(
  entries: readonly ManagedFields[],
  applier: ManagerId,
  fields: FieldSet,
  { changed, removed }: Difference,
  now: string,
): readonly ManagedFields[] {
  const others = withoutFields(
    entries.filter((entry) => !isSameManager(entry, applier)),
    unionOf(changed, removed),
  );
  return isEmptySet(fields) ? others : [...others, entryOf(applier, wholeSeconds(now), fields)];
}

function withoutFields(entries: readonly ManagedFields[], taken: FieldSet): readonly ManagedFields[] {
  if (isEmptySet(taken)) return entries;
  return entries.flatMap((entry) => {
    if (isEmptySet(intersectionOf(entry.fieldsV1, taken))) return [entry];
    const fieldsV1 = differenceOf(entry.fieldsV1, taken);
    return isEmptySet(fieldsV1) ? [] : [{ ...entry, fieldsV1 }];
  });
}

function joinAncient(entries: readonly ManagedFields[]): readonly ManagedFields[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update');
  if (updaters.length <= UPDATERS_MAX) return entries;
  const byTime = updaters.toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : (a.time ?? '') > (b.time ?? '') ? 1 : 0));
  const old = byTime.slice(0, updaters.length - UPDATERS_MAX + 1);
  const newest = old.at(-1) as ManagedFields;
  const fields = old.reduce<FieldSet>((set, { fieldsV1 }) => unionOf(set, fieldsV1), NO_FIELDS);
  const ancient = entryOf({ manager: ANCIENT, operation: 'Update', apiVersion: newest.apiVersion }, newest.time ?? '', fields);
  return [ancient, ...entries.filter((entry) => !old.includes(entry))];
}

/** Whether the same managers have the same fields, whatever the times of their entries. */
export function sameFields(a: readonly ManagedFields[], b: readonly ManagedFields[]): boolean {
  return a.length === b.length && a.every((entry) => hasEntry(b, entry));
}

function hasEntry(entries: readonly ManagedFields[], entry: ManagedFields): boolean {
  return entries.some((each) => isSameManager(each, entry) && sameJson(each.fieldsV1, entry.fieldsV1));
}

/** The fact that leads from what is stored to these entries: none when they say the same, whatever their times. */
export function managersFacts(stored: readonly ManagedFields[] | undefined, entries: readonly ManagedFields[]): readonly Fact[] {
  const before = stored ?? [];
  const differing = entries.filter((entry) => !hasEntry(before, entry));
  const gone = before.filter((old) => entries.every((entry) => !isSameManager(entry, old)));
  const changes = [...differing, ...gone.map((entry) => ({ ...entry, fieldsV1: NO_FIELDS }))];
  return changes.length === 0 && stored !== undefined ? [] : [fieldManagersChanged(changes)];
}
