/**
 * A file of a snapshot: a head of fixed length, then blocks.
 *
 *   0       4       8                    1024     +4        +8
 *   length  CRC-32  head (JSON), zeros   length   CRC-32    block (msgpack)   length …
 *
 * The head is written last, and the file gets its name after that, so one that was not finished is none. It says how long the file is, and every block
 * has its checksum: a file that was cut, or changed anywhere, is told from a whole one before anything of that block is believed.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';

/** Raised when a file of today could not be read by a former version, or a former one not by this. */
export const FORMAT = 2;

export type Head = Readonly<{
  format: number;
  storeId: string;
  /** Of the code that folds. */
  version: string;
  /** Name of the file that this one continues; absent in one that stands alone. */
  before?: string;
  /** What it holds, with what it continues, is the fold at this position, which is that of the event `eventId`. */
  position: string;
  eventId: string;
  foreign: number;
  unknownKind: number;
  bytes: number;
}>;

/** The file is not what was written. */
export class SnapshotDamagedError extends Error {}

const HEAD_BYTES = 1_024;
const PREFIX_BYTES = 8;
const READ_BYTES = 1 << 20;
/** Longer than any block: a length that was damaged is not believed. */
const BLOCK_BYTES_MAX = 1 << 28;

const packr = new Packr({ useRecords: true });

export class SnapshotFileWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  #bytes = HEAD_BYTES;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** `path`: under which it is written, until it is finished. */
  static async create(path: string): Promise<SnapshotFileWriter> {
    return new SnapshotFileWriter(await open(path, 'wx'), path);
  }

  /** Gives the length of the block. Packing is synchronous. */
  async write(block: unknown): Promise<number> {
    const body = packr.pack(block);
    const bytes = prefixed(body, PREFIX_BYTES + body.length);
    await this.#file.write(bytes, 0, bytes.length, this.#bytes);
    this.#bytes += bytes.length;
    return bytes.length;
  }

  /** Resolves when the file is durable under its final name. */
  async finish(head: Omit<Head, 'format' | 'bytes'>, path: string): Promise<Head> {
    const whole: Head = { format: FORMAT, ...head, bytes: this.#bytes };
    await this.#file.write(prefixed(Buffer.from(JSON.stringify(whole)), HEAD_BYTES), 0, HEAD_BYTES, 0);
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, path);
    await syncDirectory(dirname(path));
    return whole;
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true });
  }
}

/** Throws SnapshotDamagedError, and what the file system throws. */
export async function readHead(path: string): Promise<Head> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(bytes, 0, HEAD_BYTES, 0);
    if (bytesRead < HEAD_BYTES) throw new SnapshotDamagedError('it has no head');
    const head = JSON.parse(checked(bytes, HEAD_BYTES - PREFIX_BYTES).toString()) as Head;
    const { size } = await file.stat();
    if (head.format === FORMAT && size !== head.bytes) throw new SnapshotDamagedError(`it has ${size} bytes, not ${head.bytes}`);
    return head;
  } finally {
    await file.close();
  }
}

/** The blocks of a file, one after the other. Throws SnapshotDamagedError in place of a block that is not what was written. */
export async function* readBlocks(path: string): AsyncGenerator<unknown, void, undefined> {
  const file = await open(path, 'r');
  try {
    let at = HEAD_BYTES;
    let held: Buffer = Buffer.alloc(0);
    for (;;) {
      const needed = held.length < PREFIX_BYTES ? PREFIX_BYTES : PREFIX_BYTES + lengthOf(held);
      if (held.length >= needed && held.length > 0) {
        yield packr.unpack(checked(held, held.length - PREFIX_BYTES));
        held = held.subarray(needed);
        continue;
      }
      const more = Buffer.allocUnsafe(Math.max(READ_BYTES, needed - held.length));
      const { bytesRead } = await file.read(more, 0, more.length, at);
      if (bytesRead === 0) {
        if (held.length > 0) throw new SnapshotDamagedError('its last block is cut');
        return;
      }
      at += bytesRead;
      held = Buffer.concat([held, more.subarray(0, bytesRead)]);
    }
  } finally {
    await file.close();
  }
}

function prefixed(body: Uint8Array, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (PREFIX_BYTES + body.length > length) throw new Error('the head of a snapshot is too long');
  bytes.writeUInt32BE(body.length, 0);
  bytes.writeUInt32BE(crc32(body), 4);
  bytes.set(body, PREFIX_BYTES);
  return bytes;
}

function lengthOf(bytes: Buffer): number {
  const length = bytes.readUInt32BE(0);
  if (length > BLOCK_BYTES_MAX) throw new SnapshotDamagedError('the length of a block is wrong');
  return length;
}

function checked(bytes: Buffer, lengthMax: number): Buffer {
  const length = lengthOf(bytes);
  const body = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
  if (length > lengthMax || crc32(body) !== bytes.readUInt32BE(4)) throw new SnapshotDamagedError('a checksum is wrong');
  return body;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
