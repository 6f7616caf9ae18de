import fc from 'fast-check';
import { jsonBytesBound } from './json-size.ts';

describe('The bound of the bytes of a value as JSON', () => {
  it('is never below them, and not far above for text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(jsonBytesBound(value as never)).toBeGreaterThanOrEqual(Buffer.byteLength(text));
      }),
    );
    expect(jsonBytesBound('\u0000\u0000')).toBe(Buffer.byteLength(JSON.stringify('\u0000\u0000')));
    expect(jsonBytesBound({ name: 'a'.repeat(1_000) })).toBeLessThanOrEqual(6_100);
  });
});
