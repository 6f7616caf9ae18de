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
import type { Actor, EventMetadata, JsonObject, RecordedEvent } from '@weft/api';
import { Packr } from 'msgpackr';

export const BLOCK_EVENTS_MAX = 16;
const MAGIC = 0x57; // "W"
const VERSION = 1;
const HEADER_BYTES = 22;
const CRC_AT = 18;

export type BlockHead = Readonly<{ first: number; count: number; maxTimeMs: number }>;

/**
 * One event in its block: id, type, stream, revision, time, place and size of its append, request id, correlation and causation id
 * (0 where they equal the request id), actor, uid, rest of the metadata (0 where none), data.
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
  Actor,
  string | 0,
  JsonObject | 0,
  JsonObject,
];

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
  if (block.length <= HEADER_BYTES || block[0] !== MAGIC || block[1] !== VERSION) return undefined;
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

function toRow({ id, type, stream, revision, data, metadata }: RecordedEvent): Row {
  const { uid, actor, requestId, $correlationId, $causationId, time, append, ...rest } = metadata;
  let more: JsonObject | 0 = 0;
  for (const _ in rest) {
    more = rest as unknown as JsonObject;
    break;
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
    actor,
    uid ?? 0,
    more,
    data,
  ];
}

function fromRow(row: Row, position: number): RecordedEvent {
  const [id, type, stream, revision, time, index, count, requestId, correlationId, causationId, actor, uid, more, data] = row;
  const metadata = {
    actor,
    requestId,
    $correlationId: correlationId === 0 ? requestId : correlationId,
    $causationId: causationId === 0 ? requestId : causationId,
    time,
    append: { index, count },
  } as EventMetadata & { uid?: string };
  if (uid !== 0) metadata.uid = uid;
  if (more !== 0) Object.assign(metadata, more);
  return { id, type, data, metadata, stream, revision: BigInt(revision), position: BigInt(position) };
}
