import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { ThingPart, ThingSpec, testKind } from '../testing/test-kind.ts';
import { type Decoded, decode } from './decode.ts';
import { fieldsOf } from './fields.ts';

const decoded = (value: JsonObject): { clean: JsonObject } & Decoded => {
  const into: Decoded = { unknown: [], errors: [], items: 0 };
  return { clean: decode(ThingSpec, value, 'spec', into), ...into };
};

describe('Decoding', () => {
  it('leaves out what is unknown or null and names it', () => {
    const { clean, unknown, errors } = decoded({
      colour: 'red',
      color: 1,
      heart: { name: 'x', beat: 1 },
      size: null,
      parts: [{ name: 'p', z: {} }],
    });
    expect(clean).toEqual({ colour: 'red', heart: { name: 'x' }, parts: [{ name: 'p' }] });
    expect(unknown).toEqual(['spec.color', 'spec.heart.beat', 'spec.parts[0].z']);
    expect(errors).toEqual([]);
  });

  it('counts zero values as absent, as upstream encodes them', () => {
    expect(decoded({ colour: '', size: 0, words: [], parts: [], heart: {}, loud: false, notes: {} }).clean).toEqual({
      heart: {},
      loud: false,
      notes: {},
    });
    expect(decoded({ words: [''] }).clean).toEqual({ words: [''] });
  });

  it('gives addresses their canonical text', () => {
    expect(decoded({ ip: '2001:DB8:0::1', range: '2001:DB8::/32' }).clean).toEqual({ ip: '2001:db8::1', range: '2001:db8::/32' });
  });

  it.each<[JsonObject, string]>([
    [{ colour: 1 }, 'spec.colour: cannot decode 1 as a string'],
    [{ size: '1' }, 'spec.size: cannot decode "1" as an integer in range'],
    [{ size: 1.5 }, 'spec.size: cannot decode 1.5 as an integer in range'],
    [{ size: 2 ** 31 }, 'spec.size: cannot decode 2147483648 as an integer in range'],
    [{ loud: 'yes' }, 'spec.loud: cannot decode "yes" as a boolean'],
    [{ ip: '' }, 'spec.ip: cannot decode "" as an IP address'],
    [{ ip: '10.0.0.300' }, 'spec.ip: cannot decode "10.0.0.300" as an IP address'],
    [{ range: '10.0.0.0/33' }, 'spec.range: cannot decode "10.0.0.0/33" as an IP prefix'],
    [{ words: 'a' }, 'spec.words: cannot decode a string as a list'],
    [{ words: [1] }, 'spec.words[0]: cannot decode 1 as a string'],
    [{ notes: { a: 1 } }, 'spec.notes: cannot decode an object as a map of strings'],
    [{ heart: [] }, 'spec.heart: cannot decode a list as an object'],
    [{ parts: [{ count: true }] }, 'spec.parts[0].count: cannot decode true as an integer in range'],
    [{ $patch: 'replace' }, 'spec.$patch: a key that begins with "$" belongs to a strategic merge patch'],
  ])('refuses %j', (value, error) => expect(decoded(value).errors).toEqual([error]));

  it('takes 10,000 elements over all lists of an object, and no more', () => {
    const parts = (count: number) => Array.from({ length: count }, () => ({}));
    expect(decoded({ words: [''], parts: parts(9_999) }).errors).toEqual([]);
    expect(decoded({ words: [''], parts: parts(10_000) }).errors).toEqual([
      'spec.parts: the lists of an object may have 10000 elements together, these are 10001',
    ]);
  });

  it('does not read properties of prototypes', () => {
    const { clean, unknown } = decoded(JSON.parse('{"__proto__": {"colour": "red"}, "constructor": 1}') as JsonObject);
    expect(unknown).toEqual(['spec.__proto__', 'spec.constructor']);
    expect(clean['colour']).toBeUndefined();
  });

  const leaf = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.ipV4(),
    fc.constant('10.0.0.0/8'),
  );
  const anything = fc.oneof(
    leaf,
    fc.array(leaf, { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('name', 'count', 'x'), leaf, { maxKeys: 3 }),
    fc.array(fc.dictionary(fc.constantFrom('name', 'count'), leaf), { maxLength: 2 }),
  );
  const things = fc.dictionary(fc.constantFrom(...fieldsOf(ThingSpec).map(({ name }) => name)), anything, { noNullPrototype: true });

  it('accepts and refuses the same as class-validator itself', () => {
    fc.assert(
      fc.property(things, (value) => {
        // null in a list is a zero value to us, and class-validator does not look into objects without a known class.
        fc.pre(!JSON.stringify(value).includes('null') && !Object.values(value).some(Number.isNaN));
        const ours = decoded(value as JsonObject).errors.length === 0;
        const theirs = validateSync(plainToInstance(ThingSpec, value), { forbidUnknownValues: false });
        expect({ value, ok: ours }).toEqual({ value, ok: theirs.length === 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('changes nothing in what it has decoded', () => {
    fc.assert(
      fc.property(things, (value) => {
        const first = decoded(value as JsonObject);
        fc.pre(first.errors.length === 0);
        expect(decoded(first.clean)).toMatchObject({ clean: first.clean, unknown: [], errors: [] });
      }),
    );
  });
});

describe('The schema of a model', () => {
  it('describes every field', () => {
    const properties = (testKind.schema['properties'] as JsonObject)['spec'] as JsonObject;
    expect(properties['properties']).toMatchObject({
      colour: { type: 'string', description: 'Colour.' },
      size: { type: 'integer', format: 'int32' },
      ip: { type: 'string', format: 'ip' },
      words: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
      parts: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
      notes: { type: 'object', additionalProperties: { type: 'string' } },
    } satisfies Record<string, JsonValue>);
    expect(testKind.schema['x-kubernetes-group-version-kind']).toEqual([{ group: 'test.weft.dev', version: 'v1', kind: 'Thing' }]);
    expect(fieldsOf(ThingPart).map(({ name }) => name)).toEqual(['name', 'count']);
  });
});
