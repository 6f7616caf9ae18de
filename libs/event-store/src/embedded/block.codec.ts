/**
 * How events lie on disk: blocks of up to 16 events, one lmdb value each, under the position of their first event.
 *
 *   byte  0      1         2..3    4..9            10..17              18..21  22..
 *         magic  version   count   first position  running maximum of  CRC-32  events (msgpack)
 *                          u16     u48             times, ms, f64      of all  one array per event
 *                                                                      else
 *
 * One commit writes as few blocks as it can, so a busy log has full blocks and an idle one has blocks of one event. msgpack
 * writes the keys of an object once per block; 16 events are decoded in 40 µs, which is what a read of one event costs at worst.
 */
import { crc32 } from 'node:zlib';
import type { Actor, EventMetadata, JsonObject, JsonValue, RecordedEvent } from '@weft/api';
import { Packr } from 'msgpackr';

export const BLOCK_EVENTS_MAX = 16;
const MAGIC = 0x57; // "W"
/** 1 had no places of their own for `onBehalfOf` and `command`. It is still read. */
const VERSION = 2;
const VERSIONS_READ: ReadonlySet<number | undefined> = new Set([1, VERSION]);
const HEADER_BYTES = 22;
const CRC_AT = 18;

export type BlockHead = Readonly<{ first: number; count: number; maxTimeMs: number }>;

/** JSON of a value of which a log holds many equal ones, so that they are one object in memory; the value itself when it is long. */
type Repeated<V extends object> = string | V;

/**
 * One event in its block: id, type, stream, revision, time, place and size of its append, request id, correlation and causation id
 * (0 where they equal the request id), actor, uid, rest of the metadata, data, on whose behalf, command (0 where there is none).
 */
type Row = [
  string,
  string,
  string,
  number,
  string,
  number,
  number,
  string,
  string | 0,
  string | 0,
  Repeated<Actor>,
  string | 0,
  JsonObject | 0,
  JsonObject,
  Repeated<Actor> | 0,
  Repeated<Command> | 0,
];
type Command = NonNullable<EventMetadata['command']>;

const packr = new Packr({ useRecords: true });

export function encodeBlock(first: number, maxTimeMs: number, events: readonly RecordedEvent[]): Buffer {
  const body = packr.pack(events.map(toRow));
  const block = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  block[0] = MAGIC;
  block[1] = VERSION;
  block.writeUInt16BE(events.length, 2);
  block.writeUIntBE(first, 4, 6);
  block.writeDoubleBE(maxTimeMs, 10);
  body.copy(block, HEADER_BYTES);
  block.writeUInt32BE(checksum(block), CRC_AT);
  return block;
}

/** Reads the head alone; nothing is checked but the form. Undefined: not a block. */
export function blockHead(block: Buffer): BlockHead | undefined {
  if (block.length <= HEADER_BYTES || block[0] !== MAGIC || !VERSIONS_READ.has(block[1])) return undefined;
  return { first: block.readUIntBE(4, 6), count: block.readUInt16BE(2), maxTimeMs: block.readDoubleBE(10) };
}

/** True when the bytes are those that were written. */
export function isIntact(block: Buffer): boolean {
  return block.readUInt32BE(CRC_AT) === checksum(block);
}

export function decodeBlock(block: Buffer): RecordedEvent[] {
  const first = block.readUIntBE(4, 6);
  const rows = packr.unpack(block.subarray(HEADER_BYTES)) as Row[];
  const events = new Array<RecordedEvent>(rows.length);
  for (let i = 0; i < rows.length; i++) events[i] = fromRow(rows[i] as Row, first + i);
  return events;
}

function checksum(block: Buffer): number {
  return crc32(block.subarray(HEADER_BYTES), crc32(block.subarray(0, CRC_AT)));
}

/** Fields of the metadata that have a place of their own in a row. */
const IN_ROW: ReadonlySet<string> = new Set<keyof EventMetadata>([
  'uid',
  'actor',
  'onBehalfOf',
  'requestId',
  '$correlationId',
  '$causationId',
  'time',
  'append',
  'command',
]);

function toRow({ id, type, stream, revision, data, metadata }: RecordedEvent): Row {
  const { uid, actor, onBehalfOf, requestId, $correlationId, $causationId, time, append, command } = metadata;
  let more: JsonObject | 0 = 0;
  for (const field in metadata) {
    if (IN_ROW.has(field)) continue;
    if (more === 0) more = {};
    more[field] = metadata[field as keyof EventMetadata] as unknown as JsonValue;
  }
  return [
    id,
    type,
    stream,
    Number(revision),
    time,
    append.index,
    append.count,
    requestId,
    $correlationId === requestId ? 0 : $correlationId,
    $causationId === requestId ? 0 : $causationId,
    repeated(actor),
    uid ?? 0,
    more,
    data,
    onBehalfOf === undefined ? 0 : repeated(onBehalfOf),
    command === undefined ? 0 : repeated(command),
  ];
}

function fromRow(row: Row, position: number): RecordedEvent {
  const [id, type, stream, revision, time, index, count, requestId, correlationId, causationId, actor, uid, more, data] = row;
  // Blocks of version 1 have no more than these; there, both are in `more`.
  const [onBehalfOf = 0, command = 0] = [row[14], row[15]];
  const metadata: { -readonly [K in keyof EventMetadata]: EventMetadata[K] } = {
    actor: oneOf(actor),
    requestId,
    $correlationId: correlationId === 0 ? requestId : correlationId,
    $causationId: causationId === 0 ? requestId : causationId,
    time,
    append: placeOf(index, count),
  };
  if (uid !== 0) metadata.uid = uid;
  if (command !== 0) metadata.command = oneOf(command);
  if (onBehalfOf !== 0) metadata.onBehalfOf = oneOf(onBehalfOf);
  if (more !== 0) Object.assign(metadata, more);
  return { id, type, data, metadata, stream, revision: BigInt(revision), position: BigInt(position) };
}

/** Longer values are as good as never repeated. */
const REPEATED_TEXT_MAX = 128;
/** Bound of what is shared. A log has some ten actors of Weft's own, and as many users as it has. */
const SHARED_MAX = 4_096;
const shared = new Map<string, object>();

function repeated<V extends object>(value: V): Repeated<V> {
  const text = textOf(value);
  return text.length > REPEATED_TEXT_MAX ? value : text;
}

/** The events of one append share their actor. */
let last: Readonly<{ value: object; text: string }> | undefined;

function textOf(value: object): string {
  if (last?.value !== value) last = { value, text: JSON.stringify(value) };
  return last.text;
}

/** Readers get the same object for equal values, so it is frozen. */
function oneOf<V extends object>(value: Repeated<V>): V {
  if (typeof value !== 'string') return value;
  const known = shared.get(value);
  if (known !== undefined) return known as V;
  const made = Object.freeze(JSON.parse(value) as V);
  if (shared.size >= SHARED_MAX) shared.clear();
  shared.set(value, made);
  return made;
}

/** Most appends have few events: their places are shared too. */
const PLACES = Array.from({ length: 5 }, (_, count) => Array.from({ length: count }, (__, index) => Object.freeze({ index, count })));

function placeOf(index: number, count: number): EventMetadata['append'] {
  return PLACES[count]?.[index] ?? { index, count };
}
