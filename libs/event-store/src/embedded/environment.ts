/**
 * The lmdb environment of an embedded store, its four databases and their keys.
 *
 *   log      position of a block's first event (u48)      -> block (block.codec.ts)
 *   streams  stream name, or a hash of a long one         -> stream number (u32)
 *   index    stream number (u32), revision of an append's -> position of that event (u48), events in the append (u32),
 *            first event (u48)                               position of the block it lies in (u48)
 *   meta     "format" -> text;  "head" -> last position (u48), running maximum of times (f64), last block (u48), streams (u32)
 */
import { createHash } from 'node:crypto';
import { type Database, open, type RootDatabase } from 'lmdb';

export const FORMAT = 'weft-event-store/1';
export const DATA_FILE = 'events.mdb';

export type Table = Database<Buffer, Buffer>;
export type Environment = Readonly<{ root: RootDatabase<Buffer, Buffer>; log: Table; streams: Table; index: Table; meta: Table }>;

/** Address space, not disk: lmdb never has to move its map before a log reaches this size, and then it does. */
const MAP_BYTES = 64 * 2 ** 30;

/** What a new file takes before its first event: lmdb's own record, four databases, the format. */
export const SETUP_TRANSACTIONS = 5;

export type EnvironmentOptions = Readonly<{
  /** Off: a database that is missing is an error. */
  create?: boolean;
  /** Nothing is written but the lock of readers, and that only where the file system takes it. */
  readOnly?: boolean;
}>;

export function openEnvironment(file: string, { create = true, readOnly = false }: EnvironmentOptions = {}): Environment {
  const root = open<Buffer, Buffer>({
    path: file,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 4,
    mapSize: MAP_BYTES,
    // A commit resolves when it is on the disk, not when others may see it.
    overlappingSync: false,
    // Only whole transactions are written; lmdb's own batches would reject promises that nobody holds.
    eventTurnBatching: false,
    noMemInit: true,
    readOnly,
  });
  // `create` is known to lmdb, not to its types.
  const options = { encoding: 'binary', keyEncoding: 'binary', create } as const;
  const table = (name: string): Table => {
    const found = root.openDB<Buffer, Buffer>({ name, ...options }) as Table | undefined;
    if (found === undefined) throw new Error(`database "${name}" is missing`);
    return found;
  };
  try {
    return { root, log: table('log'), streams: table('streams'), index: table('index'), meta: table('meta') };
  } catch (error) {
    void root.close();
    throw error;
  }
}

export const META_FORMAT = Buffer.from('format');
export const META_HEAD = Buffer.from('head');

export type Head = Readonly<{ position: number; maxTimeMs: number; lastBlock: number; streams: number }>;

export const EMPTY_HEAD: Head = { position: 0, maxTimeMs: 0, lastBlock: 0, streams: 0 };

export function encodeHead(head: Head): Buffer {
  const bytes = Buffer.allocUnsafe(24);
  bytes.writeUIntBE(head.position, 0, 6);
  bytes.writeDoubleBE(head.maxTimeMs, 6);
  bytes.writeUIntBE(head.lastBlock, 14, 6);
  bytes.writeUInt32BE(head.streams, 20);
  return bytes;
}

export function decodeHead(bytes: Buffer | undefined): Head {
  if (bytes === undefined) return EMPTY_HEAD;
  return {
    position: bytes.readUIntBE(0, 6),
    maxTimeMs: bytes.readDoubleBE(6),
    lastBlock: bytes.readUIntBE(14, 6),
    streams: bytes.readUInt32BE(20),
  };
}

export function logKey(position: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(position, 0, 6);
  return key;
}

export function positionOfKey(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(0, 6);
}

/** lmdb takes keys up to 1,978 bytes; names may be longer. */
const STREAM_KEY_BYTES_MAX = 500;

export function streamKey(stream: string): Buffer {
  const name = Buffer.from(stream);
  if (name.length <= STREAM_KEY_BYTES_MAX) return Buffer.concat([Buffer.of(1), name]);
  return Buffer.concat([Buffer.of(2), createHash('sha256').update(name).digest()]);
}

export function indexKey(number: number, revision: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key.writeUInt32BE(number, 0);
  key.writeUIntBE(revision, 4, 6);
  return key;
}

export const REVISION_MAX = 2 ** 48 - 1;

/** Where one append of a stream lies. */
export type IndexEntry = Readonly<{ number: number; revision: number; position: number; count: number; block: number }>;

export function encodeIndexEntry(position: number, count: number, block: number): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(position, 0, 6);
  bytes.writeUInt32BE(count, 6);
  bytes.writeUIntBE(block, 10, 6);
  return bytes;
}

export function decodeIndexEntry(rawKey: Uint8Array, value: Buffer): IndexEntry {
  const key = Buffer.from(rawKey.buffer, rawKey.byteOffset, rawKey.length);
  return {
    number: key.readUInt32BE(0),
    revision: key.readUIntBE(4, 6),
    position: value.readUIntBE(0, 6),
    count: value.readUInt32BE(6),
    block: value.readUIntBE(10, 6),
  };
}
