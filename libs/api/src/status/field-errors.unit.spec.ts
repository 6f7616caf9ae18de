import { immutable } from './field-errors.ts';

describe('A field that may not change', () => {
  it.each<[string, unknown, unknown, string]>([
    ['a value', 'a', 'b', '"a" -> "b"'],
    ['one that is new', undefined, 'b', '"" -> "b"'],
    ['a list', ['a'], ['b'], '["a"] -> ["b"]'],
    [
      'of an object its fields that differ',
      { prefix: '10.0.0.0/8', parentRef: { name: 'p', uid: 'u' }, same: [1] },
      { prefix: '11.0.0.0/8', parentRef: { name: 'q', uid: 'u' }, same: [1] },
      'spec.prefix: "10.0.0.0/8" -> "11.0.0.0/8", spec.parentRef.name: "p" -> "q"',
    ],
    ['a part that goes', { ref: { name: 'p' } }, {}, 'spec.ref: {"name":"p"} -> ""'],
    [
      'many of them',
      {},
      { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 },
      'spec.a: "" -> 1, spec.b: "" -> 2, spec.c: "" -> 3, spec.d: "" -> 4, spec.e: "" -> 5, 2 more',
    ],
  ])('says what differs: %s', (_what, before, after, change) => {
    expect(immutable('spec', before, after)).toEqual({
      reason: 'FieldValueForbidden',
      field: 'spec',
      message: `Forbidden: field is immutable: ${change}`,
    });
  });
});
