import type { JsonValue } from '../log/json.ts';

/** Deep equality of JSON values; an absent member equals nothing but an absent one. The order of members does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each: JsonValue, i) => sameJson(each, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let members = 0;
  for (const name in left) {
    if (left[name] === undefined) continue;
    members++;
    if (!sameJson(left[name], right[name])) return false;
  }
  for (const name in right) if (right[name] !== undefined) members--;
  return members === 0;
}
