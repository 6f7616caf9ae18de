/**
 * A file of a snapshot: a head of fixed length, then blocks.
 *
 *   0       4       8                    1024     +4        +8
 *   length  CRC-32  head (JSON), zeros   length   CRC-32    block (msgpack)   length …
 *
 * The head is written last, and the file gets its name after that, so one that was not finished is none. It says how long the file is, and every block
 * has its checksum: a file that was cut, or changed anywhere, is told from a whole one before anything of that block is believed.
 */
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { Disk, DiskFile } from './disk.ts';

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
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #path: string;
  #bytes = HEAD_BYTES;

  private constructor(disk: Disk, file: DiskFile, path: string) {
    this.#disk = disk;
    this.#file = file;
    this.#path = path;
  }

  /** `path`: under which it is written, until it is finished. */
  static async create(disk: Disk, path: string): Promise<SnapshotFileWriter> {
    return new SnapshotFileWriter(disk, await disk.create(path), path);
  }

  /** Gives the length of the block. Packing is synchronous. */
  async write(block: unknown): Promise<number> {
    const body = packr.pack(block);
    const bytes = prefixed(body, PREFIX_BYTES + body.length);
    await this.#file.write(this.#bytes, bytes);
    this.#bytes += bytes.length;
    return bytes.length;
  }

  /** Resolves when the file is durable under its final name. */
  async finish(head: Omit<Head, 'format' | 'bytes'>, path: string): Promise<Head> {
    const whole: Head = { format: FORMAT, ...head, bytes: this.#bytes };
    await this.#file.write(0, prefixed(Buffer.from(JSON.stringify(whole)), HEAD_BYTES));
    await this.#file.sync();
    await this.#file.close();
    await this.#disk.rename(this.#path, path);
    return whole;
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await this.#disk.remove(this.#path);
  }
}

/** Throws SnapshotDamagedError, and what the file system throws. */
export async function readHead(disk: Disk, path: string): Promise<Head> {
  const file = await disk.open(path);
  try {
    const bytes = Buffer.from(await file.read(0, HEAD_BYTES));
    if (bytes.length < HEAD_BYTES) throw new SnapshotDamagedError('it has no head');
    const head = JSON.parse(checked(bytes, HEAD_BYTES - PREFIX_BYTES).toString()) as Head;
    const size = (await disk.stat(path))?.bytes;
    if (head.format === FORMAT && size !== head.bytes) throw new SnapshotDamagedError(`it has ${size} bytes, not ${head.bytes}`);
    return head;
  } finally {
    await file.close();
  }
}

/** The blocks of a file, one after the other. Throws SnapshotDamagedError in place of a block that is not what was written. */
export async function* readBlocks(disk: Disk, path: string): AsyncGenerator<unknown, void, undefined> {
  const file = await disk.open(path);
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
      const more = await file.read(at, Math.max(READ_BYTES, needed - held.length));
      if (more.length === 0) {
        if (held.length > 0) throw new SnapshotDamagedError('its last block is cut');
        return;
      }
      at += more.length;
      held = Buffer.concat([held, more]);
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
