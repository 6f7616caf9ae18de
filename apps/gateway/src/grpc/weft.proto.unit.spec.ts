/** What clients of gRPC were promised: `published.proto` may grow, and nothing in it changes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { WEFT_PROTO } from './weft.proto.ts';

type Names = Readonly<Record<string, string>>;

/** Everything that a client depends on, by its full name. */
function promisesOf(text: string): Names {
  const promises: Record<string, string> = {};
  const visit = (namespace: protobuf.NamespaceBase) => {
    for (const each of namespace.nestedArray) {
      if (each instanceof protobuf.Type)
        for (const { name, id, type, repeated } of each.fieldsArray)
          promises[`${each.fullName}.${name}`] = `${repeated ? 'repeated ' : ''}${type} = ${id}`;
      if (each instanceof protobuf.Enum)
        for (const [name, id] of Object.entries(each.values)) promises[`${each.fullName}.${name}`] = `${id}`;
      if (each instanceof protobuf.Service)
        for (const { name, requestType, responseType, requestStream, responseStream } of each.methodsArray)
          promises[`${each.fullName}.${name}`] = `${requestStream === true} ${requestType} ${responseStream === true} ${responseType}`;
      if (each instanceof protobuf.Namespace) visit(each);
    }
  };
  visit(protobuf.parse(text, { keepCase: true }).root);
  return promises;
}

const broken = (published: Names, now: Names) =>
  Object.entries(published).flatMap(([name, promise]) => (now[name] === promise ? [] : [name]));

describe('weft.v1', () => {
  const published = promisesOf(readFileSync(join(import.meta.dirname, 'published.proto'), 'utf8'));

  it('keeps what is published, to the number of each field', () => {
    expect(Object.keys(published).length).toBeGreaterThan(50);
    expect(broken(published, promisesOf(WEFT_PROTO))).toEqual([]);
  });

  it.each([
    ['string json = 2;', 'string json = 7;', '.weft.v1.CreateRequest.json'],
    ['string json = 2;', 'bytes json = 2;', '.weft.v1.CreateRequest.json'],
    ['CAUGHT_UP = 1;', 'CAUGHT_UP = 4;', '.weft.v1.Event.What.CAUGHT_UP'],
    ['returns (stream Event)', 'returns (Event)', '.weft.v1.Events.Follow'],
  ])('would notice %s as %s', (before, after, name) => {
    expect(broken(published, promisesOf(WEFT_PROTO.replace(before, after)))).toEqual([name]);
  });
});
