import type { JsonValue } from '../log/json.ts';

/** Bound of objects and lists within each other, so that no recursive function runs out of stack. */
export const DEPTH_MAX = 100;

export function isDeeper(value: JsonValue, levels = DEPTH_MAX): boolean {
  if (value === null || typeof value !== 'object') return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
