import type { JsonObject } from '@weft/api';
import fc from 'fast-check';
import { readKubernetesProtobuf } from './kubernetes.ts';
import { type Message, ProtobufError, readMessage } from './reader.ts';
import { Writer } from './writer.ts';

function envelope(apiVersion: string, kind: string, raw: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  writer.message(1, (type) => {
    type.text(1, apiVersion);
    type.text(2, kind);
  });
  writer.message(2, raw);
  return Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), writer.bytes()]);
}

describe('Protobuf', () => {
  it('of a Namespace is read as its JSON', () => {
    const body = envelope('v1', 'Namespace', (each) => {
      each.message(1, (metadata) => {
        metadata.text(1, 'team');
        metadata.text(3, '');
        metadata.message(8, () => {});
        metadata.message(11, (label) => {
          label.text(1, 'a');
          label.text(2, '1');
        });
        metadata.message(11, (label) => label.text(1, 'empty'));
        metadata.text(14, 'x/y');
      });
      each.message(2, (spec) => {
        spec.text(1, 'kubernetes');
        spec.text(1, 'other');
      });
    });
    expect(readKubernetesProtobuf(body)).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'team', labels: { a: '1', empty: '' }, finalizers: ['x/y'] },
      spec: { finalizers: ['kubernetes', 'other'] },
    });
  });

  it('of a kind that is not known here is said to be so', () => {
    expect(readKubernetesProtobuf(envelope('v1', 'Pod', () => {}))).toBeUndefined();
    expect(() => readKubernetesProtobuf(Buffer.from('{"kind":"Pod"}'))).toThrow(ProtobufError);
  });

  it('that is damaged is refused, never anything else', () => {
    const good = envelope('v1', 'Namespace', (each) => each.message(1, (metadata) => metadata.text(1, 'team')));
    fc.assert(
      fc.property(fc.nat(good.length), fc.uint8Array({ maxLength: 12 }), (at, bytes) => {
        const bad = Buffer.concat([good.subarray(0, at), bytes]);
        try {
          readKubernetesProtobuf(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('comes back as it was written', () => {
    const inner: Message = { 1: { name: 'text', type: 'string' }, 300: { name: 'flag', type: 'bool' } };
    const message: Message = { 1: { name: 'texts', type: 'string', repeated: true }, 16: { name: 'inner', type: inner } };
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string({ minLength: 1 }), fc.boolean(), (texts, text, flag) => {
        const writer = new Writer();
        for (const each of texts) writer.text(1, each);
        writer.double(40, 1.5);
        writer.message(16, (each) => {
          each.text(1, text);
          each.flag(300, flag);
        });
        const expected: JsonObject = { ...(texts.length > 0 && { texts }), inner: { text, flag } };
        expect(readMessage(writer.bytes(), message)).toEqual(JSON.parse(JSON.stringify(expected)));
      }),
    );
  });
});
