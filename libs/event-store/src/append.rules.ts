/**
 * What every store asks of an append before it touches a disk or a wire, and how a repeat is distinguished from a conflict.
 * One text for all implementations, so that they cannot differ.
 */
import { type JsonValue, msOfTime, type NewEvent } from '@weft/api';
import { InvalidArgumentError, TooLargeError } from './errors.ts';
import { APPEND_BYTES_MAX, type ExpectedRevision } from './port.ts';

/** A stream's revision as stores hold it inside: that of its last event, -1 for a stream without events. */
export type Revision = number;
export const NO_EVENTS: Revision = -1;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Throws InvalidArgumentError. A leading `$` is the system's (eventstoredb E-9). */
export function checkStreamName(stream: string): void {
  if (typeof stream !== 'string' || stream.length === 0) throw new InvalidArgumentError('a stream name must not be empty');
  if (stream.startsWith('$')) throw new InvalidArgumentError(`stream "${stream}": names that begin with "$" are the store's own`);
  if (!stream.isWellFormed()) throw new InvalidArgumentError(`stream ${JSON.stringify(stream)}: the name is not well-formed Unicode`);
}

/** Throws InvalidArgumentError unless it is `'none'` or a whole number from 0. */
export function toRevision(stream: string, expected: ExpectedRevision): Revision {
  if (expected === 'none') return NO_EVENTS;
  if (typeof expected !== 'bigint' || expected < 0n || expected > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidArgumentError(`stream "${stream}": expected revision ${String(expected)} is neither "none" nor a revision`);
  }
  return Number(expected);
}

export function fromRevision(revision: Revision): ExpectedRevision {
  return revision === NO_EVENTS ? 'none' : BigInt(revision);
}

/** Throws InvalidArgumentError for what a store would refuse or change on its way to the disk, TooLargeError above the limit. */
export function checkEvents(stream: string, events: readonly NewEvent[]): void {
  if (events.length === 0) throw new InvalidArgumentError(`append to "${stream}" holds no events`);
  let bound = 0;
  for (const event of events) {
    if (!UUID.test(event.id)) throw new InvalidArgumentError(`append to "${stream}": event id "${event.id}" is not a UUID in lower case`);
    if (event.type.length === 0 || event.type.startsWith('$')) {
      throw new InvalidArgumentError(`append to "${stream}": event type "${event.type}" is empty or begins with "$"`);
    }
    if (Number.isNaN(msOfTime(event.metadata.time))) {
      throw new InvalidArgumentError(`append to "${stream}": time "${event.metadata.time}" is not RFC 3339`);
    }
    bound += event.type.length * 2 + boundOf(event.data, 'data') + boundOf(event.metadata as unknown as JsonValue, 'metadata');
  }
  if (bound <= APPEND_BYTES_MAX) return; // Nearly always: the bound is at most six times the size.
  const bytes = appendBytes(events);
  if (bytes > APPEND_BYTES_MAX) throw new TooLargeError(stream, bytes, APPEND_BYTES_MAX);
}

/** Exact size by the rule of `APPEND_BYTES_MAX`. */
export function appendBytes(events: readonly NewEvent[]): number {
  let bytes = 0;
  for (const event of events) {
    bytes += event.type.length * 2 + Buffer.byteLength(JSON.stringify(event.data)) + Buffer.byteLength(JSON.stringify(event.metadata));
  }
  return bytes;
}

/**
 * An upper bound of the bytes of a value as JSON text; throws for what JSON cannot carry. A walk costs a fifth of writing the text,
 * and finds the `undefined` that EventStoreDB would drop silently.
 */
function boundOf(value: JsonValue, path: string): number {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new InvalidArgumentError(`${path}: text that is not well-formed Unicode`);
    return value.length * 6 + 2;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new InvalidArgumentError(`${path}: ${value} is not a JSON number`);
    return 25;
  }
  if (typeof value === 'boolean') return 5;
  if (value === null) return 4;
  if (typeof value !== 'object') throw new InvalidArgumentError(`${path}: ${typeof value} is not JSON`);
  let bytes = 2;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) bytes += 1 + boundOf(value[i] as JsonValue, path);
    return bytes;
  }
  for (const key in value) {
    // Whoever copies such an object changes its prototype, decoders included.
    if (key === '__proto__') throw new InvalidArgumentError(`${path}: "__proto__" is not taken as a key`);
    bytes += key.length * 6 + 4 + boundOf(value[key] as JsonValue, key);
  }
  return bytes;
}

export type Judgement = 'write' | 'repeat' | 'wrong';

/**
 * Judges an append against the stream as it is. A repeat is one whose ids all stand in the stream right after the expected
 * revision, whatever came later (eventstoredb E-10, E-11); some old and some new ids are a conflict (E-12). `idAt` is asked only
 * when the expectation is an old one.
 */
export function judgeAppend(
  actual: Revision,
  expected: Revision,
  events: readonly NewEvent[],
  idAt: (revision: Revision) => string | undefined,
): Judgement {
  if (expected === actual) return 'write';
  if (expected > actual || actual - expected < events.length) return 'wrong';
  for (let i = 0; i < events.length; i++) {
    if (idAt(expected + 1 + i) !== events[i]?.id) return 'wrong';
  }
  return 'repeat';
}
