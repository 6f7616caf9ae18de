/** Values from outside, checked against a schema. */
import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();

function checkOf(schema: TSchema): TypeCheck<TSchema> {
  let check = compiled.get(schema);
  if (check === undefined) compiled.set(schema, (check = TypeCompiler.Compile(schema)));
  return check;
}

/** Compiled at the first call for a schema. */
export function matches<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return checkOf(schema).Check(value);
}

/** The first few places in which a value differs from its schema: `/vni: Expected integer`. Empty when it matches. */
export function mismatches(schema: TSchema, value: unknown, max = 3): readonly string[] {
  const found: string[] = [];
  for (const { path, message } of checkOf(schema).Errors(value)) {
    if (found.length >= max) break;
    found.push(`${path === '' ? '/' : path}: ${message}`);
  }
  return found;
}

/** The value with the schema's type. Throws when it does not match; `what` names the value in the error. */
export function checked<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
  if (matches(schema, value)) return value;
  throw new Error(`${what} is not as its schema says: ${mismatches(schema, value).join('; ')}`);
}
