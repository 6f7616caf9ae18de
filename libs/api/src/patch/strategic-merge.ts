/**
 * Strategic merge patch, for the core kinds whose merge keys kubectl knows by heart (http-api 10.3): merge patch plus lists that merge by a key or
 * as sets, and the directives `$patch`, `$deleteFromPrimitiveList/F`, `$setElementOrder/F`, `$retainKeys`, which are obeyed and never stored.
 */
import type { JsonObject, JsonValue } from '../log/json.ts';
import { isObject } from './merge-patch.ts';

/** List path (`metadata.ownerReferences`) -> merge key; '' for a set of scalars. Other lists are replaced. */
export type MergeKeys = Readonly<Record<string, string>>;

export type StrategicResult = Readonly<{ ok: true; value: JsonObject }> | Readonly<{ ok: false; why: string }>;

class BadDirective extends Error {}

export function strategicMerge(target: JsonObject, patch: JsonObject, keys: MergeKeys): StrategicResult {
  try {
    return { ok: true, value: mergeObject(target, patch, '', keys) ?? {} };
  } catch (error) {
    if (error instanceof BadDirective) return { ok: false, why: error.message };
    throw error;
  }
}

/** Undefined: the object is removed. */
function mergeObject(target: JsonObject, patch: JsonObject, path: string, keys: MergeKeys): JsonObject | undefined {
  const directive = patch['$patch'];
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'replace' && directive !== 'merge') {
    throw new BadDirective(`${path}: unknown $patch directive ${JSON.stringify(directive)}`);
  }
  const merged: JsonObject = directive === 'replace' ? {} : { ...target };
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) for (const name of Object.keys(merged)) if (!retained.includes(name)) delete merged[name];
  const orders = new Map<string, JsonValue[]>();
  for (const [name, value] of Object.entries(patch)) {
    if (name === '$patch' || name === '$retainKeys' || name === '__proto__') continue;
    const [word, field] = split(name);
    if (word === '$setElementOrder') {
      if (!Array.isArray(value)) throw new BadDirective(`${path}: ${name} must be a list`);
      orders.set(field, value);
    } else if (word === '$deleteFromPrimitiveList') {
      if (!Array.isArray(value)) throw new BadDirective(`${path}: ${name} must be a list`);
      const list = merged[field];
      if (Array.isArray(list)) merged[field] = list.filter((each) => !value.includes(each));
    } else if (name.startsWith('$')) throw new BadDirective(`${path}: unknown directive ${name}`);
    else if (value === null) delete merged[name];
    else setOrRemove(merged, name, mergeValue(Object.hasOwn(merged, name) ? merged[name] : undefined, value, below(path, name), keys));
  }
  for (const [field, order] of orders) {
    const list = merged[field];
    if (Array.isArray(list)) merged[field] = inOrder(list, order, keys[below(path, field)] ?? '');
  }
  return merged;
}

function mergeValue(target: JsonValue | undefined, patch: JsonValue, path: string, keys: MergeKeys): JsonValue | undefined {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : {}, patch, path, keys);
  if (!Array.isArray(patch)) return patch;
  const key = keys[path];
  if (key === undefined || !Array.isArray(target)) return key === undefined ? patch : patch.filter((each) => !isDeletion(each));
  return key === '' ? [...new Set([...target, ...patch])] : mergeList(target, patch, key, path, keys);
}

function mergeList(target: readonly JsonValue[], patch: readonly JsonValue[], key: string, path: string, keys: MergeKeys): JsonValue[] {
  if (patch.some((each) => isObject(each) && each['$patch'] === 'replace')) {
    return patch.filter((each) => !(isObject(each) && each['$patch'] === 'replace' && Object.keys(each).length === 1));
  }
  const merged = [...target];
  for (const each of patch) {
    if (!isObject(each) || each[key] === undefined) throw new BadDirective(`${path}: an element lacks its merge key "${key}"`);
    const at = merged.findIndex((other) => isObject(other) && other[key] === each[key]);
    const element = mergeObject(at < 0 ? {} : (merged[at] as JsonObject), each, path, keys);
    if (element === undefined) {
      if (at >= 0) merged.splice(at, 1);
    } else if (at < 0) merged.push(element);
    else merged[at] = element;
  }
  return merged;
}

/** Elements named in `order` in that order; the others keep their places relative to each other, behind. */
function inOrder(list: readonly JsonValue[], order: readonly JsonValue[], key: string): JsonValue[] {
  const nameOf = (value: JsonValue) => JSON.stringify(key !== '' && isObject(value) ? value[key] : value);
  const places = new Map(order.map((each, place) => [nameOf(each), place]));
  const placed = (value: JsonValue) => places.get(nameOf(value)) ?? order.length;
  return [...list].sort((a, b) => placed(a) - placed(b));
}

function isDeletion(value: JsonValue): boolean {
  return isObject(value) && value['$patch'] === 'delete';
}

function setOrRemove(object: JsonObject, name: string, value: JsonValue | undefined): void {
  if (value === undefined) delete object[name];
  else object[name] = value;
}

function split(name: string): [string, string] {
  const slash = name.indexOf('/');
  return slash < 0 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)];
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
