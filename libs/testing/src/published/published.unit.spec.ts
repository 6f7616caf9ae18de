/** What subscribers were promised: schemas that are published keep their meaning, and recorded streams read as they did. */
import { type Append, appendOf, createFold, type JsonObject, registry } from '@weft/api';
import { weftDomains } from '../world/weft-domains.ts';
import { breaksOf } from './compare.ts';
import { broken, publishedSchemas, recordedLogs, recordedVersions, schemasNow } from './published.ts';

const kinds = registry(weftDomains);
const lifted = new Set(weftDomains.flatMap(({ lifts = {} }) => Object.keys(lifts)));

describe('Published schemas of events', () => {
  it('are kept: what is promised there is a new version of the type, and a lift (npm run schemas says what differs)', () => {
    expect(broken(publishedSchemas(), schemasNow(), (type) => lifted.has(type))).toEqual([]);
    expect(Object.keys(publishedSchemas()).length).toBeGreaterThan(100);
  });

  const text = { type: 'string' };
  const object = (properties: JsonObject, required: string[] = Object.keys(properties)): JsonObject => ({
    type: 'object',
    properties,
    required,
  });
  it.each<[string, JsonObject, JsonObject, readonly string[]]>([
    ['another description', object({ a: text }), object({ a: { ...text, description: 'An a.' } }), []],
    ['a field that may be absent', object({ a: text }), object({ a: text, b: text }, ['a']), []],
    ['one more value', object({ a: { enum: ['x'] } }), object({ a: { enum: ['x', 'y'] } }), []],
    ['one more alternative', object({ a: { anyOf: [text] } }), object({ a: { anyOf: [text, { type: 'null' }] } }), []],
    ['a field that must be there', object({ a: text }), object({ a: text, b: text }), ['/b may not be absent any more']],
    ['a field that is gone', object({ a: text, b: text }), object({ a: text }), ['/b is gone', '/b may be absent now']],
    ['a field that may be absent now', object({ a: text }), object({ a: text }, []), ['/a may be absent now']],
    ['another type', object({ a: text }), object({ a: { type: 'integer' } }), ['/a/type is not as it was']],
    ['a narrower value', object({ a: text }), object({ a: { ...text, pattern: '^x' } }), ['/a/pattern is not as it was']],
    ['a value less', object({ a: { enum: ['x', 'y'] } }), object({ a: { enum: ['x'] } }), ['/a: enum lacks what it had']],
    [
      'a change deep in a list',
      object({ a: { type: 'array', items: object({ b: text }) } }),
      object({ a: { type: 'array', items: object({}) } }),
      ['/a/items/b is gone', '/a/items/b may be absent now'],
    ],
  ])('tell %s', (_, published, now, breaks) => {
    expect(breaksOf(published, now)).toEqual(breaks);
  });

  it('may lack a type that is lifted', () => {
    expect(broken({ 'Thing ThingMade.v1': object({}) }, {}, (type) => type === 'ThingMade.v1')).toEqual([]);
    expect(broken({ 'Thing ThingMade.v1': object({}) }, {}, () => false)).toEqual(['Thing ThingMade.v1: it is gone, and nothing lifts it']);
  });
});

describe.each(recordedVersions())('Streams that %s wrote', (version) => {
  const logs = recordedLogs(version).map((events) => events.map(kinds.lift));

  it('hold events that are as their schemas say today', () => {
    const problems = logs
      .flat()
      .map((event) =>
        (kinds.reservationOf(event.stream) ?? kinds.holdsObject(event.stream)) ? kinds.problemOf(event.stream, event) : undefined,
      );
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    expect(new Set(logs.flat().map(({ type }) => type)).size).toBeGreaterThan(100);
  });

  it('are folded without anything that cannot be read', () => {
    for (const events of logs) {
      const fold = createFold(kinds);
      for (const append of appendsOf(events)) fold.apply(append);
      expect(fold.passedOver).toEqual({ foreign: 0, unknownKind: 0, unreadable: 0 });
    }
  });
});

function* appendsOf(events: readonly Parameters<typeof appendOf>[0][number][]): Iterable<Append> {
  let open: (typeof events)[number][] = [];
  for (const event of events) {
    open.push(event);
    if (event.metadata.append.index + 1 < event.metadata.append.count) continue;
    yield appendOf(open);
    open = [];
  }
}
