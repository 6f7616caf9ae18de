/**
 * Objects by their merge plan: which fields a value has, in which two values differ, what one becomes with another merged in or with fields taken away.
 * The semantics are those of Kubernetes' structured merge (http-api 11.2). Pure; values are shared and never changed.
 */
import type { JsonObject, JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';
import { sameJson } from '../values/equal.ts';
import { type FieldSet, isMember, NO_FIELDS, withItself } from './field-set.ts';
import type { MergePlan } from './merge-plan.ts';

type Child = Readonly<{ value: JsonValue; plan: MergePlan }>;

/** What merges one by one in a value, by path step; undefined for one that merges as a whole. */
function childrenOf(value: JsonValue, plan: MergePlan): Map<string, Child> | undefined {
  switch (plan.type) {
    case 'whole':
      return undefined;
    case 'fields':
    case 'map':
      return isObject(value) ? fieldsOfObject(value, plan) : undefined;
    case 'listByKey':
      return Array.isArray(value) ? elementsByKey(value, plan) : undefined;
    case 'set':
      return Array.isArray(value) ? new Map(value.map((each) => [`v:${JSON.stringify(each)}`, { value: each, plan: WHOLE }])) : undefined;
  }
}

function hasChildren(value: JsonValue, plan: MergePlan): boolean {
  if (plan.type === 'whole') return false;
  if (plan.type === 'fields' || plan.type === 'map') return isObject(value);
  return childrenOf(value, plan) !== undefined;
}

const WHOLE: MergePlan = { type: 'whole' };

type Fields = Extract<MergePlan, { type: 'fields' | 'map' }>;

/** What the plan of an object does not name belongs to nobody: identity, and what the server sets. */
function planOfField(name: string, plan: Fields): MergePlan | undefined {
  return plan.type === 'map' ? plan.of : plan.of.get(name);
}

function fieldsOfObject(value: JsonObject, plan: Fields): Map<string, Child> {
  const children = new Map<string, Child>();
  for (const name in value) {
    const planned = planOfField(name, plan);
    const child = value[name];
    if (planned !== undefined && child !== undefined) children.set(`f:${name}`, { value: child, plan: planned });
  }
  return children;
}

/** Undefined when an element lacks the key or two share one: then the list is one value. */
function elementsByKey(list: readonly JsonValue[], { key, of }: Extract<MergePlan, { type: 'listByKey' }>): Map<string, Child> | undefined {
  const children = new Map<string, Child>();
  for (const element of list) {
    if (!isObject(element) || element[key] === undefined) return undefined;
    children.set(`k:${JSON.stringify({ [key]: element[key] })}`, { value: element, plan: of });
  }
  return children.size === list.length ? children : undefined;
}

/** The fields that a configuration names: its values, and the elements of its lists. */
export function fieldsIn(value: JsonValue, plan: MergePlan): FieldSet {
  return setOf(value, plan, false);
}

/** All fields of a value, the objects and lists that hold others among them: what belongs to whoever made it. */
export function allFieldsOf(value: JsonValue, plan: MergePlan): FieldSet {
  return setOf(value, plan, true);
}

function setOf(value: JsonValue, plan: MergePlan, withHolders: boolean): FieldSet {
  if (plan.type === 'whole') return NO_FIELDS;
  const set: Record<string, FieldSet> = {};
  if (plan.type === 'fields' || plan.type === 'map') {
    // As below, without a map of the children: each answer to a write shows all fields of its object.
    if (!isObject(value)) return NO_FIELDS;
    for (const name in value) {
      const planned = planOfField(name, plan);
      const child = value[name];
      if (planned === undefined || child === undefined) continue;
      const below = setOf(child, planned, withHolders);
      set[`f:${name}`] = withHolders ? withItself(below) : below;
    }
    return set;
  }
  const children = childrenOf(value, plan);
  if (children === undefined) return NO_FIELDS;
  for (const [step, child] of children) {
    const below = setOf(child.value, child.plan, withHolders);
    set[step] = withHolders || step.startsWith('k:') ? withItself(below) : below;
  }
  return set;
}

/** `changed`: what `after` has anew or otherwise. `removed`: what only `before` has. */
export type Difference = Readonly<{ changed: FieldSet; removed: FieldSet }>;

export function differenceBetween(before: JsonValue, after: JsonValue, plan: MergePlan): Difference {
  const changed: Record<string, FieldSet> = {};
  const removed: Record<string, FieldSet> = {};
  for (const [step, old, child] of unlikeChildren(before, after, plan)) {
    if (child === undefined) removed[step] = withItself(allFieldsOf(old.value, old.plan));
    else if (old === undefined) changed[step] = withItself(allFieldsOf(child.value, child.plan));
    else noteDifference(step, old.value, child, { changed, removed });
  }
  return { changed: orNone(changed), removed: orNone(removed) };
}

type Sets = Readonly<{ changed: Record<string, FieldSet>; removed: Record<string, FieldSet> }>;

function noteDifference(step: string, old: JsonValue, { value, plan }: Child, { changed, removed }: Sets): void {
  const isWhole = !hasChildren(old, plan) || !hasChildren(value, plan);
  if (isWhole) {
    if (!sameJson(old, value)) changed[step] = withItself(allFieldsOf(value, plan));
    return;
  }
  const below = differenceBetween(old, value, plan);
  if (below.changed !== NO_FIELDS) changed[step] = below.changed;
  if (below.removed !== NO_FIELDS) removed[step] = below.removed;
}

type Unlike = readonly [step: string, old: Child, child?: undefined] | readonly [step: string, old: Child | undefined, child: Child];

/** Children that two values do not share. Of objects the others cost a look at each name, since states share what an event leaves as it is. */
function unlikeChildren(before: JsonValue, after: JsonValue, plan: MergePlan): readonly Unlike[] {
  if ((plan.type === 'fields' || plan.type === 'map') && isObject(before) && isObject(after)) return unlikeFields(before, after, plan);
  const [left, right] = [childrenOf(before, plan), childrenOf(after, plan)];
  if (left === undefined || right === undefined) return [];
  const unlike: Unlike[] = [];
  for (const [step, child] of right) {
    const old = left.get(step);
    if (old?.value !== child.value) unlike.push([step, old, child]);
  }
  for (const [step, old] of left) if (!right.has(step)) unlike.push([step, old]);
  return unlike;
}

function unlikeFields(before: JsonObject, after: JsonObject, plan: Fields): readonly Unlike[] {
  const unlike: Unlike[] = [];
  for (const name in after) {
    const [was, is] = [before[name], after[name]];
    const of = is === was ? undefined : planOfField(name, plan);
    if (of !== undefined && is !== undefined)
      unlike.push([`f:${name}`, was === undefined ? was : { value: was, plan: of }, { value: is, plan: of }]);
  }
  for (const name in before) {
    const was = before[name];
    const of = after[name] === undefined ? planOfField(name, plan) : undefined;
    if (of !== undefined && was !== undefined) unlike.push([`f:${name}`, { value: was, plan: of }]);
  }
  return unlike;
}

function orNone(set: FieldSet): FieldSet {
  for (const _ in set) return set;
  return NO_FIELDS;
}

/** `live` with `config` merged in. Elements of lists keep their places, new ones follow them. */
export function merged(live: JsonValue | undefined, config: JsonValue, plan: MergePlan): JsonValue {
  if (live === undefined) return config;
  const [left, right] = [childrenOf(live, plan), childrenOf(config, plan)];
  if (left === undefined || right === undefined) return config;
  if (isObject(live)) {
    const result: JsonObject = { ...live };
    for (const [step, { value, plan: of }] of right) result[step.slice(2)] = merged(left.get(step)?.value, value, of);
    return result;
  }
  const result: JsonValue[] = [];
  for (const [step, { value, plan: of }] of left) {
    const wanted = right.get(step);
    result.push(wanted === undefined ? value : merged(value, wanted.value, of));
  }
  for (const [step, { value }] of right) if (!left.has(step)) result.push(value);
  return result;
}

/**
 * `value` without what `last` names and nobody owns any more. An object of which nothing is owned goes whole, with what was only a default in it; in maps
 * and lists each entry goes by itself.
 */
export function pruned(value: JsonValue, last: FieldSet, owned: FieldSet, plan: MergePlan): JsonValue {
  const children = childrenOf(value, plan);
  if (children === undefined) return value;
  const kept = new Map<string, JsonValue>();
  for (const [step, child] of children) {
    const rest = remaining(step, child, last[step], owned[step]);
    if (rest !== undefined) kept.set(step, rest);
  }
  if (Array.isArray(value)) return [...kept.values()];
  // What the plan does not name stays.
  const result: JsonObject = { ...(value as JsonObject) };
  for (const step of children.keys()) {
    const rest = kept.get(step);
    if (rest === undefined) delete result[step.slice(2)];
    else result[step.slice(2)] = rest;
  }
  return result;
}

/** Undefined: it is taken away. */
function remaining(step: string, { value, plan }: Child, last: FieldSet | undefined, owned: FieldSet | undefined): JsonValue | undefined {
  if (last === undefined) return value;
  if (owned !== undefined) return pruned(value, last, owned, plan);
  const goesWhole = isMember(last) || (plan.type === 'fields' && step.startsWith('f:'));
  if (goesWhole) return undefined;
  const rest = pruned(value, last, NO_FIELDS, plan);
  const isNothing = Array.isArray(rest) ? rest.length === 0 : isObject(rest) && Object.keys(rest).length === 0;
  return isNothing ? undefined : rest;
}

/** Paths of lists whose elements have no key or share one, although they are told apart by it. */
export function* ambiguousLists(value: JsonValue, plan: MergePlan, path = ''): Iterable<Readonly<{ path: string; key: string }>> {
  const children = childrenOf(value, plan);
  if (children === undefined && plan.type === 'listByKey' && Array.isArray(value)) yield { path, key: plan.key };
  for (const [step, child] of children ?? []) yield* ambiguousLists(child.value, child.plan, belowOf(path, step));
}

function belowOf(path: string, step: string): string {
  const name = step.slice(2);
  if (step.startsWith('f:')) return path === '' ? name : `${path}.${name}`;
  return `${path}[${name}]`;
}
