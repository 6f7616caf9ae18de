import type { JsonObject, KindModule } from '@weft/api';
import { pathsOf } from './paths.ts';
import { schemasOf, toV2 } from './schemas.ts';

/** One document of all kinds, made from the same schemas and paths as v3. */
export function openApiV2(kinds: readonly KindModule[]): JsonObject {
  const definitions = Object.fromEntries(Object.entries(schemasOf(kinds)).map(([name, schema]) => [name, toV2(schema)]));
  const paths = Object.fromEntries(Object.entries(pathsOf(kinds)).map(([path, item]) => [path, pathItem(item)]));
  return { swagger: '2.0', info: { title: 'weft', version: 'v1' }, paths, definitions };
}

function pathItem(item: JsonObject): JsonObject {
  const converted: JsonObject = {};
  for (const [name, value] of Object.entries(item)) {
    converted[name] = name === 'parameters' ? (value as JsonObject[]).map(parameter) : operation(value as JsonObject);
  }
  return converted;
}

function operation({ requestBody, parameters, responses, ...rest }: JsonObject): JsonObject {
  const content = (requestBody as JsonObject | undefined)?.['content'] as JsonObject | undefined;
  const inputs = (parameters as JsonObject[]).map(parameter);
  if (content !== undefined) {
    const schema = (Object.values(content)[0] as JsonObject)['schema'] as JsonObject;
    inputs.unshift({ name: 'body', in: 'body', required: (requestBody as JsonObject)['required'] ?? false, schema: toV2(schema) });
  }
  return {
    ...rest,
    ...(content === undefined ? {} : { consumes: Object.keys(content) }),
    produces: ['application/json'],
    parameters: inputs,
    responses: Object.fromEntries(Object.entries(responses as JsonObject).map(([code, each]) => [code, response(each as JsonObject)])),
  };
}

function parameter({ schema, ...rest }: JsonObject): JsonObject {
  return { ...rest, type: (schema as JsonObject)['type'] ?? 'string' };
}

function response({ description, content }: JsonObject): JsonObject {
  const schema = ((content as JsonObject)['application/json'] as JsonObject)['schema'] as JsonObject;
  return { description: description ?? '', schema: toV2(schema) };
}
