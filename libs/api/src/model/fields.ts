/**
 * The one source of a kind's shape: classes whose fields carry one decorator each.
 *
 *   decorator ──> class-validator's rules ──> compiled shape check (decode.ts), and `validateSync` for whoever holds an instance
 *             └─> OpenAPI v3 schema (schema.ts)
 *
 * Why not `plainToInstance` + `validateSync` on each command: they build instances and walk the metadata anew each time, many times the cost of
 * everything else a creation does. So the rules that class-validator keeps are compiled once per class; a test holds both to the same verdict.
 *
 * Only shapes live here: what is a string, a list, an address. Which combinations are right is for each kind's rules, which give exact causes.
 */
import 'reflect-metadata';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import type { ModelClass } from '../kind/kind.ts';
import { canonicalIp, canonicalPrefix } from '../values/ip.ts';

export type FieldKind = 'text' | 'int' | 'flag' | 'time' | 'ip' | 'prefix' | 'map' | 'free' | 'object';

/** What a decorator says about a field, beside class-validator's rules. */
export type FieldRecord = Readonly<{
  name: string;
  kind: FieldKind;
  list: boolean;
  description: string;
  /** Class of `object`. */
  model?: () => ModelClass;
  values?: readonly string[];
  /** Lists of objects that merge by a key. */
  mergeKey?: string;
  /** Lists of scalars of which each element has managers of its own. */
  isSet?: true;
  /** A value that stands for "absent" and is left out, as upstream's encoding does: '', 0, []. */
  dropsZero: boolean;
  /** Bounds of an integer. */
  min?: number;
  max?: number;
}>;

const records = new WeakMap<object, Map<string, FieldRecord>>();

/** Fields of a class in the order of their declaration, inherited ones first. */
export function fieldsOf(model: ModelClass): readonly FieldRecord[] {
  const inherited = Object.getPrototypeOf(model) as ModelClass | null;
  const own = [...(records.get(model.prototype)?.values() ?? [])];
  return inherited?.prototype === undefined ? own : [...fieldsOf(inherited), ...own];
}

const atomic = new WeakSet<object>();

/** Decorates a model whose objects are managed as one value (`x-kubernetes-map-type: atomic`). */
export const Atomic = () => (model: ModelClass) => {
  atomic.add(model.prototype);
};

export function isAtomic(model: ModelClass): boolean {
  for (let each = model.prototype as object | null; each !== null; each = Object.getPrototypeOf(each)) if (atomic.has(each)) return true;
  return false;
}

type FieldOptions = Readonly<{
  values?: readonly string[];
  min?: number;
  max?: number;
  mergeKey?: string;
  isSet?: true;
  keepsEmpty?: boolean;
}>;

@ValidatorConstraint({ name: 'ipText' })
export class IpText implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && canonicalIp(value) !== undefined;
  }
  defaultMessage(): string {
    return 'must be an IP address';
  }
}

@ValidatorConstraint({ name: 'prefixText' })
export class PrefixText implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && canonicalPrefix(value) !== undefined;
  }
  defaultMessage(): string {
    return 'must be an IP prefix in CIDR notation';
  }
}

@ValidatorConstraint({ name: 'stringMap' })
export class StringMapShape implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    return Object.values(value).every((each) => typeof each === 'string');
  }
  defaultMessage(): string {
    return 'must be a map of strings';
  }
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function field(kind: FieldKind, list: boolean, description: string, options: FieldOptions, model?: () => ModelClass): PropertyDecorator {
  return (target, property) => {
    const name = String(property);
    const { values, min, max, mergeKey, isSet, keepsEmpty = false } = options;
    let own = records.get(target);
    if (own === undefined) records.set(target, (own = new Map()));
    own.set(name, {
      name,
      kind,
      list,
      description,
      dropsZero: !keepsEmpty && (list || kind === 'text' || kind === 'int'),
      ...(model && { model }),
      ...(values && { values }),
      ...(mergeKey !== undefined && { mergeKey }),
      ...(isSet === true && { isSet }),
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
    });
    IsOptional()(target, property);
    if (list) IsArray()(target, property);
    const each = { each: list };
    switch (kind) {
      case 'text':
        return IsString(each)(target, property);
      case 'time':
        return Matches(TIME, each)(target, property);
      case 'int':
        IsInt(each)(target, property);
        Min(min ?? -2147483648, each)(target, property);
        return Max(max ?? 2147483647, each)(target, property);
      case 'flag':
        return IsBoolean(each)(target, property);
      case 'ip':
        return Validate(IpText, each)(target, property);
      case 'prefix':
        return Validate(PrefixText, each)(target, property);
      case 'map':
        return Validate(StringMapShape, each)(target, property);
      case 'free':
        return list ? undefined : IsObject()(target, property);
      case 'object':
        IsObject(each)(target, property);
        if (model !== undefined) Type(model)(target, property);
        return ValidateNested(each)(target, property);
    }
  };
}

/** A string; '' counts as absent. `values` is for documentation: the kind's rules say NotSupported. */
export const Text = (description: string, options: Pick<FieldOptions, 'values' | 'keepsEmpty'> = {}) =>
  field('text', false, description, options);
export const TextList = (description: string, options: Pick<FieldOptions, 'values' | 'isSet'> = {}) =>
  field('text', true, description, options);
/** A 32-bit integer unless bounds are given; 0 counts as absent unless `keepsEmpty`. */
export const Int = (description: string, options: Pick<FieldOptions, 'min' | 'max' | 'keepsEmpty'> = {}) =>
  field('int', false, description, options);
export const Flag = (description: string) => field('flag', false, description, {});
export const Time = (description: string) => field('time', false, description, {});
export const Ip = (description: string) => field('ip', false, description, {});
export const IpList = (description: string) => field('ip', true, description, {});
export const Prefix = (description: string) => field('prefix', false, description, {});
export const PrefixList = (description: string) => field('prefix', true, description, {});
/** string -> string. */
export const TextMap = (description: string) => field('map', false, description, {});
/** Any object; taken as it is. */
export const Free = (description: string) => field('free', false, description, {});
export const FreeList = (description: string) => field('free', true, description, {});
export const Nested = (model: () => ModelClass, description: string) => field('object', false, description, {}, model);
export const NestedList = (model: () => ModelClass, description: string, options: Pick<FieldOptions, 'mergeKey'> = {}) =>
  field('object', true, description, options, model);
