/** Schemas for data whose shape is defined elsewhere. */
import { type TSchema, type TUnsafe, Type, TypeRegistry } from '@sinclair/typebox';
import type { ModelClass } from '../kind/kind.ts';
import { modelSchema } from '../model/schema.ts';
import type { JsonValue } from './json.ts';

// The model has decoded this data already, so the check looks at the outermost type only.
TypeRegistry.Set<TSchema & { type?: string }>('Unsafe', ({ type }, value) => {
  if (type === 'array') return Array.isArray(value);
  return type !== 'object' || (typeof value === 'object' && value !== null && !Array.isArray(value));
});

const DEPTH = 12;

/** An object that a kind's model decoded. */
export function ofModel<M extends object>(model: abstract new (...args: never[]) => M): TUnsafe<M> {
  return Type.Unsafe<M>(modelSchema(model as ModelClass, DEPTH));
}

/** JSON of any shape, of the given type. */
export function anyJson<V = JsonValue>(): TUnsafe<V> {
  return Type.Unsafe<V>({});
}

/** A position as text: decimal, without leading zeros. */
export const DecimalPosition = Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$' });
