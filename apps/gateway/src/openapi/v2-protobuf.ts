/**
 * An OpenAPI v2 document as gnostic's protobuf, which older kubectl asks for and cannot do without (http-api 4.1, field numbers in appendix A).
 */
import type { JsonObject, JsonValue } from '@weft/api';
import { Writer } from '../protobuf/writer.ts';

export function openApiV2Protobuf(document: JsonObject): Buffer {
  const info = document['info'] as JsonObject;
  const writer = new Writer();
  writer.text(1, document['swagger'] as string);
  writer.message(2, (each) => {
    each.text(1, info['title'] as string);
    each.text(2, info['version'] as string);
  });
  writer.message(8, (paths) => {
    for (const [path, item] of entries(document['paths'])) {
      paths.message(2, (named) => {
        named.text(1, path);
        named.message(2, (each) => pathItem(each, item));
      });
    }
  });
  writer.message(9, (definitions) => {
    for (const [name, schema] of entries(document['definitions'])) {
      definitions.message(1, (named) => {
        named.text(1, name);
        named.message(2, (each) => writeSchema(each, schema));
      });
    }
  });
  return writer.bytes();
}

const operations: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(writer: Writer, item: JsonObject): void {
  for (const [method, number] of Object.entries(operations)) {
    const operation = item[method];
    if (operation !== undefined) writer.message(number, (each) => writeOperation(each, operation as JsonObject));
  }
  for (const parameter of (item['parameters'] ?? []) as JsonObject[]) writer.message(9, (each) => writeParameter(each, parameter));
}

function writeOperation(writer: Writer, operation: JsonObject): void {
  for (const type of (operation['produces'] ?? []) as string[]) writer.text(6, type);
  for (const type of (operation['consumes'] ?? []) as string[]) writer.text(7, type);
  for (const parameter of (operation['parameters'] ?? []) as JsonObject[]) writer.message(8, (each) => writeParameter(each, parameter));
  writer.message(9, (responses) => {
    for (const [code, { description, schema }] of entries(operation['responses'])) {
      responses.message(1, (named) => {
        named.text(1, code);
        named.message(2, (value) =>
          value.message(1, (response) => {
            response.text(1, description as string);
            response.message(2, (item) => item.message(1, (each) => writeSchema(each, schema as JsonObject)));
          }),
        );
      });
    }
  });
  writeExtensions(writer, 13, operation);
}

function writeParameter(writer: Writer, parameter: JsonObject): void {
  const { name, in: place, description, required, type, schema } = parameter;
  writer.message(1, (item) => {
    if (place === 'body') {
      item.message(1, (body) => {
        body.text(2, name as string);
        body.text(3, 'body');
        body.flag(4, required === true);
        body.message(5, (each) => writeSchema(each, schema as JsonObject));
      });
      return;
    }
    const [number, typeNumber] = place === 'path' ? [4, 5] : [3, 6];
    item.message(2, (nonBody) =>
      nonBody.message(number, (each) => {
        each.flag(1, required === true);
        each.text(2, place as string);
        each.text(3, (description as string | undefined) ?? '');
        each.text(4, name as string);
        each.text(typeNumber, type as string);
      }),
    );
  });
}

function writeSchema(writer: Writer, schema: JsonObject): void {
  const text = (number: number, name: string) => {
    if (typeof schema[name] === 'string') writer.text(number, schema[name]);
  };
  text(1, '$ref');
  text(2, 'format');
  text(3, 'title');
  text(4, 'description');
  if (schema['default'] !== undefined) writer.message(5, (any) => any.text(2, JSON.stringify(schema['default'])));
  if (typeof schema['maximum'] === 'number') writer.double(7, schema['maximum']);
  if (typeof schema['minimum'] === 'number') writer.double(9, schema['minimum']);
  text(13, 'pattern');
  for (const name of (schema['required'] ?? []) as string[]) writer.text(19, name);
  for (const value of (schema['enum'] ?? []) as JsonValue[]) writer.message(20, (any) => any.text(2, JSON.stringify(value)));
  const additional = schema['additionalProperties'];
  if (typeof additional === 'boolean') writer.message(21, (each) => each.flag(2, additional));
  else if (additional !== undefined) writer.message(21, (each) => each.message(1, (inner) => writeSchema(inner, additional as JsonObject)));
  if (typeof schema['type'] === 'string') writer.message(22, (each) => each.text(1, schema['type'] as string));
  if (schema['items'] !== undefined)
    writer.message(23, (each) => each.message(1, (inner) => writeSchema(inner, schema['items'] as JsonObject)));
  for (const part of (schema['allOf'] ?? []) as JsonObject[]) writer.message(24, (each) => writeSchema(each, part));
  if (schema['properties'] !== undefined) {
    writer.message(25, (properties) => {
      for (const [name, property] of entries(schema['properties'])) {
        properties.message(1, (named) => {
          named.text(1, name);
          named.message(2, (each) => writeSchema(each, property));
        });
      }
    });
  }
  writeExtensions(writer, 31, schema);
}

/** Values are given as YAML; JSON is YAML. */
function writeExtensions(writer: Writer, number: number, from: JsonObject): void {
  for (const [name, value] of Object.entries(from)) {
    if (!name.startsWith('x-')) continue;
    writer.message(number, (named) => {
      named.text(1, name);
      named.message(2, (any) => any.text(2, JSON.stringify(value)));
    });
  }
}

function entries(object: JsonValue | undefined): [string, JsonObject][] {
  return Object.entries((object ?? {}) as Record<string, JsonObject>);
}
