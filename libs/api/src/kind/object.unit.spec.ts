import fc from 'fast-check';
import { keyOfStream, type ObjectKey, streamOf } from './object.ts';

describe('The stream of an object', () => {
  const keys = fc
    .record({
      kind: fc.constantFrom('Host', 'Network', 'NetworkInterface'),
      namespace: fc.constantFrom(undefined, 'a', 'ab', 'b'),
      name: fc.constantFrom('a', 'a.b', 'ab', '-'),
    })
    .map(({ namespace, ...key }): ObjectKey => (namespace === undefined ? key : { ...key, namespace }));

  it('names its key, whichever came before', () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 20 }), (all) => {
        for (const key of all) {
          const stream = `${key.kind}-${key.namespace ?? ''}.${key.name}`;
          expect([streamOf(key), streamOf(key), streamOf({ ...key })]).toEqual([stream, stream, stream]);
          expect(keyOfStream(stream)).toEqual(key);
        }
      }),
    );
  });

  it.each(['', 'Thing', '-a.b', 'Thing-a', 'a.b'])('does not name a key when it is %j', (stream) => {
    expect(keyOfStream(stream)).toBeUndefined();
  });
});
