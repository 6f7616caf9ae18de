/** JSON to bytes and back, with errors that name the message and what is wrong with it. */
import { isUtf8 } from 'node:buffer';

/** Bytes that are not the JSON that was expected. `what` names the message. */
export class DecodeError extends Error {
  readonly code = 'Decode';
  constructor(
    readonly what: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${what}: ${reason}`, options);
  }
}

/** Throws a TypeError for what JSON cannot express (undefined, a function, a bigint, a cycle). */
export function encodeJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`${typeof value} cannot be sent as JSON`);
  return Buffer.from(text, 'utf8');
}

export function utf8Text(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new DecodeError(what, `not UTF-8 (${bytes.length} bytes)`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** Throws a DecodeError. The shape is the caller's to check. */
export function decodeJson(bytes: Uint8Array, what: string): unknown {
  const text = utf8Text(bytes, what);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DecodeError(what, `not JSON (${bytes.length} bytes, starts with ${JSON.stringify(text.slice(0, 40))})`, { cause });
  }
}

/** As `decodeJson`, for a message that is one JSON object. */
export function decodeJsonObject(bytes: Uint8Array, what: string): { [key: string]: unknown } {
  const value = decodeJson(bytes, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DecodeError(
      what,
      `a JSON object was expected, not ${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}`,
    );
  }
  return value as { [key: string]: unknown };
}
