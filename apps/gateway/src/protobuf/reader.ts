/** Reads protobuf messages as JSON objects by a table of fields. Unknown fields are passed over, as protobuf wants. */
import type { JsonObject, JsonValue } from '@weft/api';

export type FieldType = 'string' | 'bytes' | 'int' | 'bool' | 'time' | 'microTime' | 'stringMap' | Message;
export type Field = Readonly<{ name: string; type: FieldType; repeated?: true }>;
export type Message = Readonly<{ [number: number]: Field }>;

export class ProtobufError extends Error {}

const DEPTH_MAX = 16;

class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new ProtobufError('a number is cut off or too long');
  }

  take(length: number): Buffer {
    if (length < 0 || this.at + length > this.#bytes.length) throw new ProtobufError('a field is longer than its message');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  /** The content of a field whose tag was read: a number for wire type 0, bytes for 2; undefined for types that no message here uses. */
  content(wireType: number): bigint | Buffer | undefined {
    switch (wireType) {
      case 0:
        return this.varint();
      case 1:
        this.take(8);
        return undefined;
      case 2:
        return this.take(Number(this.varint()));
      case 5:
        this.take(4);
        return undefined;
      default:
        throw new ProtobufError(`wire type ${wireType} is not known`);
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function readMessage(bytes: Buffer, message: Message, depth = 0): JsonObject {
  if (depth > DEPTH_MAX) throw new ProtobufError('messages are nested too deeply');
  const object: JsonObject = {};
  const cursor = new Cursor(bytes);
  while (!cursor.done) {
    const tag = Number(cursor.varint());
    const content = cursor.content(tag & 7);
    const field = message[tag >> 3];
    if (field === undefined || content === undefined) continue;
    const value = readValue(content, field.type, depth);
    if (field.type === 'stringMap') object[field.name] = { ...(object[field.name] as JsonObject | undefined), ...(value as JsonObject) };
    else if (field.repeated) object[field.name] = [...((object[field.name] as JsonValue[] | undefined) ?? []), value];
    else if (value !== '') object[field.name] = value; // Go writes empty strings where it means absent.
  }
  return object;
}

function readValue(content: bigint | Buffer, type: FieldType, depth: number): JsonValue {
  if (type === 'int' || type === 'bool') {
    if (typeof content !== 'bigint') throw new ProtobufError('a number was expected');
    return type === 'bool' ? content !== 0n : Number(content);
  }
  if (typeof content === 'bigint') throw new ProtobufError('bytes were expected');
  switch (type) {
    case 'string':
      return text(content);
    case 'bytes':
      return content.toString('base64');
    case 'time':
    case 'microTime': {
      const { seconds = 0, nanos = 0 } = readMessage(content, timestamp, depth + 1) as { seconds?: number; nanos?: number };
      if (seconds === 0 && nanos === 0) return '';
      const whole = new Date(seconds * 1000);
      if (Number.isNaN(whole.getTime())) throw new ProtobufError('a time is out of range');
      const start = whole.toISOString().slice(0, 19);
      return type === 'time' ? `${start}Z` : `${start}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
    }
    case 'stringMap': {
      const { key = '', value = '' } = readMessage(content, mapEntry, depth + 1) as { key?: string; value?: string };
      return Object.fromEntries([[key, value]]);
    }
    default:
      return readMessage(content, type, depth + 1);
  }
}

function text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProtobufError('a text is not UTF-8');
  }
}

const timestamp: Message = { 1: { name: 'seconds', type: 'int' }, 2: { name: 'nanos', type: 'int' } };
const mapEntry: Message = { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: 'string' } };
