/**
 * Decoding: from what a client sent to a clean object of a model's shape, in one pass. Unknown fields are left out and named, `null` counts as
 * absent, addresses get their canonical text; a value that cannot be what its field wants is an error (HTTP 400, never 422; resources 1.1).
 *
 * The checks are class-validator's, compiled once per class from its metadata.
 */
import { getMetadataStorage, type ValidationArguments, type ValidatorConstraintInterface } from 'class-validator';
import type { ModelClass } from '../kind/kind.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { canonicalIp, canonicalPrefix } from '../values/ip.ts';
import { type FieldKind, type FieldRecord, fieldsOf } from './fields.ts';

export type Decoded = {
  /** Paths of fields that the model does not have. */
  readonly unknown: string[];
  /** What cannot be decoded, each with its path. */
  readonly errors: string[];
  /** Elements of lists so far, over the whole object. */
  items: number;
};

/** Elements that the lists of one object may have together. Rules look at each of them, and 250,000 empty ones would fit into a body. */
const ITEMS_MAX = 10_000;

type Check = (value: unknown) => boolean;
type FieldPlan = Readonly<{ record: FieldRecord; check: Check; plan: Plan | undefined }>;
type Plan = Map<string, FieldPlan>;

const plans = new WeakMap<ModelClass, Plan>();

/** A clean copy of `value`; look at `into.errors` before use. `path` is that of `value`, '' at the root. */
export function decode(model: ModelClass, value: JsonObject, path: string, into: Decoded): JsonObject {
  return decodeObject(planOf(model), value, path, into);
}

function planOf(model: ModelClass): Plan {
  let plan = plans.get(model);
  if (plan === undefined) {
    plan = new Map();
    plans.set(model, plan); // Before its fields, so that a model may hold itself.
    for (const record of fieldsOf(model)) {
      plan.set(record.name, { record, check: checkOf(model, record), plan: record.model && planOf(record.model()) });
    }
  }
  return plan;
}

/** Class-validator's rules for one value of the field (of an element, for lists). */
function checkOf(model: ModelClass, record: FieldRecord): Check {
  const storage = getMetadataStorage();
  const checks: Check[] = [];
  // Nothing is made of the class here; its metadata are asked for under its constructor.
  const metadatas = storage.getTargetValidationMetadatas(model as unknown as new () => object, '', false, false);
  for (const metadata of metadatas) {
    if (metadata.propertyName !== record.name || metadata.type !== 'customValidation') continue;
    if (record.list && metadata.each !== true) continue; // IsArray, which decodeList checks.
    for (const { instance } of storage.getTargetValidatorConstraints(metadata.constraintCls)) {
      const constraint = instance as ValidatorConstraintInterface;
      const constraints = (metadata.constraints ?? []) as unknown[];
      const given: ValidationArguments = { value: undefined, constraints, targetName: model.name, object: {}, property: record.name };
      checks.push((value) => constraint.validate(value, given) === true);
    }
  }
  if (checks.length === 1) return checks[0] as Check;
  return (value) => checks.every((check) => check(value));
}

function decodeObject(plan: Plan, value: JsonObject, path: string, into: Decoded): JsonObject {
  const clean: JsonObject = {};
  for (const name in value) {
    const raw = value[name] as JsonValue;
    const field = plan.get(name);
    if (field === undefined) {
      if (name.startsWith('$')) into.errors.push(`${at(path, name)}: a key that begins with "$" belongs to a strategic merge patch`);
      else into.unknown.push(at(path, name));
      continue;
    }
    if (raw === null || raw === undefined) continue;
    const { record } = field;
    if (record.list) {
      const list = decodeList(field, raw, at(path, name), into);
      if (list !== undefined) clean[name] = list;
      continue;
    }
    if (record.dropsZero && (raw === '' || raw === 0)) {
      if (typeof raw === (record.kind === 'text' ? 'string' : 'number')) continue;
    }
    const one = decodeOne(field, raw, path, name, into);
    if (one !== undefined) clean[name] = one;
  }
  return clean;
}

function decodeList(field: FieldPlan, raw: JsonValue, path: string, into: Decoded): JsonValue[] | undefined {
  if (!Array.isArray(raw)) {
    into.errors.push(`${path}: cannot decode ${typeText(raw)} as a list`);
    return undefined;
  }
  if (raw.length === 0 && field.record.dropsZero) return undefined;
  into.items += raw.length;
  if (into.items > ITEMS_MAX) {
    into.errors.push(`${path}: the lists of an object may have ${ITEMS_MAX} elements together, these are ${into.items}`);
    return undefined;
  }
  // As in Go, a null element is its type's zero value, where there is one. What cannot be decoded is an error, and the list is not used.
  return raw.map((each, i) => decodeOne(field, each === null ? zeroOf(field.record.kind) : each, path, i, into) ?? null);
}

function decodeOne(
  { record, check, plan }: FieldPlan,
  raw: JsonValue,
  path: string,
  name: string | number,
  into: Decoded,
): JsonValue | undefined {
  if (!check(raw)) {
    into.errors.push(`${at(path, name)}: cannot decode ${valueText(raw)} as ${FIELD_TEXT[record.kind]}`);
    return undefined;
  }
  switch (record.kind) {
    case 'ip':
      return canonicalIp(raw as string) as string;
    case 'prefix':
      return canonicalPrefix(raw as string) as string;
    case 'object':
      return decodeObject(plan as Plan, raw as JsonObject, at(path, name), into);
    default:
      return raw;
  }
}

function zeroOf(kind: FieldKind): JsonValue {
  switch (kind) {
    case 'text':
      return '';
    case 'int':
      return 0;
    case 'object':
    case 'map':
      return {};
    default:
      return null;
  }
}

const FIELD_TEXT: Readonly<Record<FieldKind, string>> = {
  text: 'a string',
  int: 'an integer in range',
  flag: 'a boolean',
  time: 'a time (RFC 3339)',
  ip: 'an IP address',
  prefix: 'an IP prefix',
  map: 'a map of strings',
  free: 'an object',
  object: 'an object',
};

function at(path: string, name: string | number): string {
  if (typeof name === 'number') return `${path}[${name}]`;
  return path === '' ? name : `${path}.${name}`;
}

function typeText(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function valueText(value: JsonValue): string {
  if (typeof value === 'object') return typeText(value);
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
