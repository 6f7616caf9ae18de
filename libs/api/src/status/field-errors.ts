/** Violated rules in upstream's wording: `<kind text>: <bad value>: <detail>` (resources 1.1). */
import { sameJson } from '../values/equal.ts';
import type { FieldError } from './status.ts';

export function required(field: string, detail = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: withDetail('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: withDetail(`Invalid value: ${text(value)}`, detail) };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: withDetail('Forbidden', detail) };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = [...supported].sort().map((each) => JSON.stringify(each));
  return { reason: 'FieldValueNotSupported', field, message: `Unsupported value: ${text(value)}: supported values: ${list.join(', ')}` };
}

export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: withDetail(`Duplicate value: ${text(value)}`, detail) };
}

export function tooLong(field: string, bytesMax: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${bytesMax} bytes` };
}

const IMMUTABLE = 'field is immutable';

/** A field that may not change (any more). When both values are given, the detail shows what differs: of objects, the fields that do, by their path. */
export function immutable(field: string, ...change: [] | [before: unknown, after: unknown]): FieldError {
  if (change.length === 0) return forbidden(field, IMMUTABLE);
  const [before, after] = change;
  if (!isFields(before) && !isFields(after)) return forbidden(field, `${IMMUTABLE}: ${text(before)} -> ${text(after)}`);
  const changes = [...changedFields(field, before, after)];
  const more = changes.length > CHANGES_MAX ? [`${changes.length - CHANGES_MAX} more`] : [];
  return forbidden(field, `${IMMUTABLE}: ${[...changes.slice(0, CHANGES_MAX), ...more].join(', ')}`);
}

/** Changed fields that a refusal names. */
const CHANGES_MAX = 5;

function* changedFields(path: string, before: unknown, after: unknown): Iterable<string> {
  if (sameJson(before, after)) return;
  if (!isFields(before) || !isFields(after)) {
    yield `${path}: ${text(before)} -> ${text(after)}`;
    return;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* changedFields(`${path}.${name}`, before[name], after[name]);
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withDetail(message: string, detail: string): string {
  return detail === '' ? message : `${message}: ${detail}`;
}

function text(value: unknown): string {
  return value === undefined ? '""' : JSON.stringify(value);
}
