import fc from 'fast-check';
import { type EntryObject, type KernelObject, keyOf, vniOfObject } from './kernel-objects.ts';
import { ObjectMap } from './object-map.ts';

const entry = (scope: string, section: string, key: string, value: string, owner = 'LoadBalancer/default/a'): EntryObject => ({
  kind: 'entry',
  ...{ scope, section, key, value, owner },
  position: `${value.length}`,
});

const isBucketed = (section: string) => section === 'buckets';
const KEYS = ['10.0.0.1 . 0', '10.0.0.1 . 1', '10.0.0.1 . 3000', '10.0.0.2 . 5', '2001:db8::1 . 7', '10.0.0.1'];
/** Written as no bucket is. */
const OTHERS = ['10.0.0.1 . 01', '10.0.0.1 . 1.5', '10.0.0.1 . -1', '10.0.0.1 . 1e2', '10.0.0.1 . 70000', '10.0.0.1 . ', 'a/b . 3'];

const objects = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('r1', 'r2', 'elsewhere'),
      fc.constantFrom('buckets', 'others'),
      fc.constantFrom(...KEYS, ...OTHERS),
      fc.constantFrom('', 'x', 'yy'),
      fc.constantFrom('one', 'two'),
    )
    .map(([scope, section, key, value, owner]): KernelObject => entry(scope, section, key, value, owner)),
  fc.nat(3).map((vni): KernelObject => ({ kind: 'route', vni, address: '10.0.0.1', hostIndex: 1, position: '1' })),
);

describe('Kernel objects by key', () => {
  const isAlike = (map: ObjectMap, model: ReadonlyMap<string, KernelObject>) => {
    expect(map.size).toBe(model.size);
    expect(new Map(map)).toEqual(new Map(model));
    expect(new Set(map.keys())).toEqual(new Set(model.keys()));
    expect([...map.values()].length).toBe(model.size);
    for (const [key, object] of model) {
      expect(map.get(key)).toEqual(object);
      expect(map.has(key)).toBe(true);
    }
  };

  it('are those of a plain map, buckets among them', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ object: objects, goes: fc.boolean(), copies: fc.boolean() }), { maxLength: 60 }), (steps) => {
        const map = new ObjectMap(isBucketed);
        const model = new Map<string, KernelObject>();
        const copies: (readonly [ObjectMap, Map<string, KernelObject>])[] = [];
        for (const { object, goes, copies: isCopied } of steps) {
          const key = keyOf(object);
          if (goes) expect(map.delete(key)).toBe(model.delete(key));
          else {
            map.put(object);
            model.set(key, object);
          }
          expect(map.has(key)).toBe(!goes);
          expect(map.get(key)).toEqual(model.get(key));
          if (isCopied) copies.push([map.copy(), new Map(model)]);
        }
        isAlike(map, model);
        for (const [copy, then] of copies) isAlike(copy, then);
        for (const vni of [1, 2]) {
          const buckets = [...model].filter(([, object]) => map.isBucket(object) && vniOfObject(object) === vni).map(([key]) => key);
          expect(new Set(map.bucketKeysOf(vni))).toEqual(new Set(buckets));
          expect(map.bucketsOf(vni)).toBe(buckets.length);
          expect([...map.networksOfBuckets].includes(vni)).toBe(buckets.length > 0);
        }
      }),
    );
  });

  it('are buckets where the section has some, the key is written as theirs, and they are in a router', () => {
    const map = new ObjectMap(isBucketed);
    expect(KEYS.map((key) => map.isBucket(entry('r1', 'buckets', key, 'x')))).toEqual([true, true, true, true, true, false]);
    for (const key of OTHERS) expect([key, map.isBucket(entry('r1', 'buckets', key, 'x'))]).toEqual([key, key === 'a/b . 3']);
    expect(map.isBucket(entry('r1', 'others', '10.0.0.1 . 1', 'x'))).toBe(false);
    expect(map.isBucket(entry('elsewhere', 'buckets', '10.0.0.1 . 1', 'x'))).toBe(false);
  });
});
