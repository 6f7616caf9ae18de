import fc from 'fast-check';
import { DecodeError, decodeJson, decodeJsonObject, encodeJson } from './json-codec.ts';

describe('The JSON codec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodeJson(encodeJson(value), 'a value')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([[undefined], [() => 1], [1n]])('refuses to encode %p', (value) => {
    expect(() => encodeJson(value)).toThrow(TypeError);
  });

  it('says what was not JSON, how long it was and how it began', () => {
    expect(() => decodeJson(Buffer.from('{"half":'), 'a reply')).toThrow(DecodeError);
    expect(() => decodeJson(Buffer.from('{"half":'), 'a reply')).toThrow('a reply: not JSON (8 bytes, starts with "{\\"half\\":")');
    expect(() => decodeJson(Uint8Array.of(0x22, 0xff, 0x22), 'a reply')).toThrow('a reply: not UTF-8 (3 bytes)');
  });

  it.each([
    ['null', 'null'],
    ['[]', 'an array'],
    ['7', 'number'],
  ])('wants an object, not %s', (text, what) => {
    expect(() => decodeJsonObject(Buffer.from(text), 'a reply')).toThrow(`a reply: a JSON object was expected, not ${what}`);
  });
});
