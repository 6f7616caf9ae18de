/** An AsyncAPI document, as far as its messages go. */
import type { JsonObject } from '@weft/api';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';

export type AsyncApi = Readonly<{
  channels: Readonly<Record<string, Readonly<{ address: string; messages: Readonly<Record<string, Readonly<{ $ref: string }>>> }>>>;
  components: Readonly<{ messages: Readonly<Record<string, Readonly<{ name: string; payload: JsonObject }>>>; schemas: JsonObject }>;
}>;

/** Compiles schemas of the document, whose references lead into it. */
export function validatorsOf({ components: { schemas } }: AsyncApi): (schema: AnySchema) => ValidateFunction {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const byName = <V>(value: V): V => JSON.parse(JSON.stringify(value).replaceAll('"#/components/schemas/', '"'));
  for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(byName(schema) as AnySchema, name);
  return (schema) => ajv.compile(byName(schema));
}
