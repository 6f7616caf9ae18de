import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { sameJson } from '../values/equal.ts';
import { applyJsonPatch } from './json-patch.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';

describe('A merge patch', () => {
  // RFC 7396, appendix A.
  it.each<[JsonValue, JsonValue, JsonValue]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j with %j gives %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
  const withoutNulls = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(withoutNulls);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, each]) => each !== null)
        .map(([key, each]) => [key, withoutNulls(each)]),
    );
  };
  const differenceOf = (a: JsonValue, b: JsonValue): JsonValue => {
    if (!isObject(a) || !isObject(b)) return b;
    const patch: JsonObject = {};
    for (const key of Object.keys(a)) if (!Object.hasOwn(b, key)) patch[key] = null;
    for (const [key, value] of Object.entries(b))
      if (!Object.hasOwn(a, key) || !sameJson(a[key], value)) patch[key] = differenceOf(a[key] ?? null, value);
    return patch;
  };
  const objects = json.map(withoutNulls).filter((value) => !JSON.stringify(value).includes('__proto__'));

  it('made of the difference of a and b leads from a to b', () => {
    fc.assert(fc.property(objects, objects, (a, b) => expect(mergePatch(a, differenceOf(a, b))).toEqual(b)));
  });

  it('changes neither target nor patch, and no prototype', () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const [before, given] = [JSON.stringify(target), JSON.stringify(patch)];
        mergePatch(target, patch);
        expect([JSON.stringify(target), JSON.stringify(patch)]).toEqual([before, given]);
      }),
    );
    const evil = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as JsonValue;
    mergePatch({}, evil);
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });
});

describe('A JSON patch', () => {
  const target: JsonValue = { spec: { list: ['a', 'b'] }, metadata: { labels: { x: '1' } } };
  it.each<[string, JsonValue[], JsonValue | undefined]>([
    ['adds', [{ op: 'add', path: '/spec/list/-', value: 'c' }], { ...target, spec: { list: ['a', 'b', 'c'] } }],
    ['replaces', [{ op: 'replace', path: '/spec/list/0', value: 'z' }], { ...target, spec: { list: ['z', 'b'] } }],
    ['removes', [{ op: 'remove', path: '/metadata/labels/x' }], { ...target, metadata: { labels: {} } }],
    [
      'moves',
      [{ op: 'move', from: '/metadata/labels/x', path: '/spec/list/0' }],
      { spec: { list: ['1', 'a', 'b'] }, metadata: { labels: {} } },
    ],
    ['moves within a list', [{ op: 'move', from: '/spec/list/0', path: '/spec/list/1' }], { ...target, spec: { list: ['b', 'a'] } }],
    ['tests', [{ op: 'test', path: '/spec/list/1', value: 'b' }], target],
    ['tests null on a missing path (http-api 10.2)', [{ op: 'test', path: '/spec/nothing/here', value: null }], target],
    ['refuses a failing test', [{ op: 'test', path: '/spec/list/1', value: 'c' }], undefined],
    ['refuses to replace what is missing', [{ op: 'replace', path: '/spec/none', value: 1 }], undefined],
    ['refuses to remove what is missing', [{ op: 'remove', path: '/spec/none' }], undefined],
    ['refuses to copy what is missing', [{ op: 'copy', from: '/spec/none', path: '/spec/some' }], undefined],
    ['refuses to move what is missing', [{ op: 'move', from: '/spec/none', path: '/spec/some' }], undefined],
    ['refuses to move into what is moved', [{ op: 'move', from: '/spec', path: '/spec/list' }], undefined],
    ['refuses to move everything', [{ op: 'move', from: '', path: '/spec' }], undefined],
    ['refuses to copy from what is no path', [{ op: 'copy', from: 'spec', path: '/some' }], undefined],
    ['refuses to copy from nowhere', [{ op: 'copy', path: '/some' }], undefined],
    ['refuses to copy to nowhere', [{ op: 'copy', from: '/spec' }], undefined],
    ['refuses an index beyond the end', [{ op: 'add', path: '/spec/list/9', value: 1 }], undefined],
    ['refuses an unknown operation', [{ op: 'frobnicate', path: '/spec' }], undefined],
    ['refuses what is no operation', [7], undefined],
    ['refuses a path to the prototype', [{ op: 'add', path: '/__proto__/polluted', value: true }], undefined],
  ])('%s', (_what, patch, expected) => {
    const before = JSON.stringify(target);
    const result = applyJsonPatch(target, patch);
    if (expected === undefined) expect(result).toMatchObject({ ok: false, why: expect.stringMatching(/^operation 0: .+$/) });
    else expect(result).toEqual({ ok: true, value: expected });
    expect(JSON.stringify(target)).toBe(before);
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });

  it('copies what is there, within a bound', () => {
    const doublings = (count: number) =>
      Array.from({ length: count }, (_, i): JsonValue => ({ op: 'copy', from: '/spec', path: `/spec/again${i}` }));
    expect(applyJsonPatch(target, doublings(2))).toMatchObject({ ok: true, value: { spec: { again1: { again0: { list: ['a', 'b'] } } } } });
    expect(applyJsonPatch(target, doublings(18))).toEqual({
      ok: false,
      why: expect.stringMatching(/^operation 1\d: more than 3145728 characters copied$/),
    });
  });

  it('nests nothing deeper than a body may', () => {
    const deeper: JsonValue[] = [
      { op: 'add', path: '/around', value: { it: 0 } },
      { op: 'move', from: '/spec', path: '/around/it' },
      { op: 'move', from: '/around', path: '/spec' },
    ];
    const times = (count: number) => Array.from({ length: count }, () => deeper).flat();
    // The whole, `spec` and its list are three levels.
    expect(applyJsonPatch(target, times(97))).toMatchObject({ ok: true });
    expect(applyJsonPatch(target, times(98))).toEqual({ ok: false, why: 'the result is nested more than 100 levels deep' });
    expect(applyJsonPatch(target, times(3_333))).toMatchObject({ ok: false });
    // A document that becomes too deep to be read on the way is refused as well.
    expect(applyJsonPatch(target, [...times(3_300), { op: 'copy', from: '/spec', path: '/again' }])).toMatchObject({ ok: false });
  });

  it('looks at no more than what it copies or moves, however much is beside it', () => {
    const [large, small] = ['x'.repeat(10_000), { a: 'b' }];
    const patch: JsonValue[] = [
      { op: 'copy', from: '/small', path: '/copied' },
      { op: 'move', from: '/copied', path: '/moved' },
    ];
    // The library clones by JSON.parse.
    const parsed = jest.spyOn(JSON, 'parse');
    try {
      expect(applyJsonPatch({ large, small }, patch)).toEqual({ ok: true, value: { large, small, moved: small } });
      expect(parsed.mock.calls.filter(([text]) => text.length >= large.length)).toEqual([]);
    } finally {
      parsed.mockRestore();
    }
  });
});

describe('A strategic merge patch', () => {
  const keys = { 'metadata.finalizers': '', 'metadata.ownerReferences': 'uid', 'status.conditions': 'type' };
  const target: JsonObject = {
    metadata: { labels: { a: '1' }, finalizers: ['x/a', 'x/b'], ownerReferences: [{ uid: '1', name: 'one' }] },
    status: { conditions: [{ type: 'Ready', status: 'False' }] },
  };
  it.each<[string, JsonObject, JsonObject]>([
    [
      'merges maps',
      { metadata: { labels: { b: '2', a: null } } },
      { metadata: { ...(target['metadata'] as JsonObject), labels: { b: '2' } } },
    ],
    [
      'adds to a set',
      { metadata: { finalizers: ['x/b', 'x/c'] } },
      { metadata: { ...(target['metadata'] as JsonObject), finalizers: ['x/a', 'x/b', 'x/c'] } },
    ],
    [
      'takes from a set',
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/a'], '$setElementOrder/finalizers': ['x/b'] } },
      { metadata: { ...(target['metadata'] as JsonObject), finalizers: ['x/b'] } },
    ],
    [
      'merges lists by key',
      {
        status: {
          conditions: [{ type: 'Ready', status: 'True' }, { type: 'New' }],
          '$setElementOrder/conditions': [{ type: 'New' }, { type: 'Ready' }],
        },
      },
      { status: { conditions: [{ type: 'New' }, { type: 'Ready', status: 'True' }] } },
    ],
    [
      'removes an element',
      { metadata: { ownerReferences: [{ uid: '1', $patch: 'delete' }] } },
      { metadata: { ...(target['metadata'] as JsonObject), ownerReferences: [] } },
    ],
    [
      'replaces a list',
      { status: { conditions: [{ $patch: 'replace' }, { type: 'Only' }] } },
      { status: { conditions: [{ type: 'Only' }] } },
    ],
    ['replaces a map', { metadata: { $patch: 'replace', labels: { z: '9' } } }, { metadata: { labels: { z: '9' } } }],
    ['retains keys', { metadata: { $retainKeys: ['labels'], labels: { b: '2' } } }, { metadata: { labels: { a: '1', b: '2' } } }],
  ])('%s', (_what, patch, expected) => {
    const result = strategicMerge(target, patch, keys);
    expect(result).toEqual({ ok: true, value: { ...target, ...expected } });
    expect(JSON.stringify(result)).not.toContain('$');
  });

  it.each<[JsonObject]>([
    [{ metadata: { $patch: 'explode' } }],
    [{ metadata: { '$setElementOrder/x': 1 } }],
    [{ $unknown: 1 }],
    [{ status: { conditions: [{ status: 'True' }] } }],
  ])('refuses %j', (patch) => expect(strategicMerge(target, patch, keys)).toMatchObject({ ok: false }));
});
