/**
 * What can be known about an lmdb file without opening it. lmdb maps the file: where it was cut off, the first look at a missing page
 * ends the process (SIGBUS), or a tree quietly ends early. So the size is held against the last page number first.
 *
 * Layouts are those of lmdb 1.0 (mdb.c: `MDB_page_header`, `MDB_meta`, `MDB_node`; midl.h for lists of free pages), as bundled in lmdb-js 3,
 * on little-endian machines.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Timers } from '@weft/api';
import { DamagedError } from '../errors.ts';

const MAGIC = 0xbeefc0de;
/** Behind the page header: page number, transaction, flags and bounds. */
const PAGE_HEADER_BYTES = 24;
const PAGE_SIZE_AT = PAGE_HEADER_BYTES + 24; // Kept in the pad of the free-space tree's record.
const FREE_ROOT_AT = PAGE_HEADER_BYTES + 24 + 40;
const LAST_PAGE_AT = PAGE_HEADER_BYTES + 24 + 48 * 2;
const TRANSACTION_AT = LAST_PAGE_AT + 8;
const META_BYTES = TRANSACTION_AT + 8;
const NO_PAGE = 2n ** 64n - 1n;

/** Another process may be making the file, or writing its meta pages, at this moment. */
const ATTEMPTS_MAX = 100;
const ATTEMPT_PAUSE_MS = 5;

type Meta = Readonly<{ pageBytes: number; lastPage: number; transaction: bigint; freeRoot: bigint }>;

/**
 * Throws DamagedError when the file is shorter than its own record of itself. Resolves with the number of its last transaction, 0 for a file that
 * does not exist: a new store.
 */
export async function checkDataFile(path: string, timers: Timers): Promise<number> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  try {
    let meta = await readMeta(file);
    for (let i = 0; meta === undefined && i < ATTEMPTS_MAX; i++) {
      await timers.pause(ATTEMPT_PAUSE_MS);
      meta = await readMeta(file);
    }
    const { size } = await file.stat();
    if (meta === undefined) throw damaged(path, size === 0 ? 'it is empty' : 'its head is not that of an event log');
    const wanted = (meta.lastPage + 1) * meta.pageBytes;
    // The last pages may never have been written, when they were given back within their transaction.
    if (size < wanted && !(await areFree(file, meta, Math.floor(size / meta.pageBytes), size))) {
      throw damaged(path, `it holds ${size} bytes, its last page ends at ${wanted}`);
    }
    return Number(meta.transaction);
  } finally {
    await file.close();
  }
}

/** The newer of the two meta pages. */
async function readMeta(file: FileHandle): Promise<Meta | undefined> {
  const first = await metaAt(file, 0);
  const second = first === undefined ? undefined : await metaAt(file, first.pageBytes);
  if (first === undefined || second === undefined) return undefined;
  return second.transaction > first.transaction ? second : first;
}

async function metaAt(file: FileHandle, offset: number): Promise<Meta | undefined> {
  const bytes = await readBytes(file, offset, META_BYTES);
  if (bytes === undefined || bytes.readUInt32LE(PAGE_HEADER_BYTES) !== MAGIC) return undefined;
  const pageBytes = bytes.readUInt32LE(PAGE_SIZE_AT);
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined;
  return {
    pageBytes,
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    transaction: bytes.readBigUInt64LE(TRANSACTION_AT),
    freeRoot: bytes.readBigUInt64LE(FREE_ROOT_AT),
  };
}

/** Whether every page from `first` on is in the list of free pages. */
async function areFree(file: FileHandle, meta: Meta, first: number, size: number): Promise<boolean> {
  if (size % meta.pageBytes !== 0 || meta.freeRoot === NO_PAGE) return false;
  const free = new Set<number>();
  if (!(await collectFree(file, meta, Number(meta.freeRoot), free))) return false;
  for (let page = first; page <= meta.lastPage; page++) if (!free.has(page)) return false;
  return true;
}

const LEAF = 0x02;
const BRANCH = 0x01;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const NODE_HEADER_BYTES = 8;
const BIG_DATA = 0x01;

/** Walks the tree of free pages. False: a page of the tree itself is missing. */
async function collectFree(file: FileHandle, meta: Meta, number: number, free: Set<number>): Promise<boolean> {
  const page = await readBytes(file, number * meta.pageBytes, meta.pageBytes);
  if (page === undefined) return false;
  const flags = page.readUInt16LE(FLAGS_AT);
  const nodes = page.readUInt16LE(LOWER_AT) / 2;
  for (let i = 0; i < nodes; i++) {
    const node = PAGE_HEADER_BYTES + page.readUInt16LE(PAGE_HEADER_BYTES + 2 * i);
    const low = page.readUInt32LE(node);
    const nodeFlags = page.readUInt16LE(node + 4);
    if ((flags & BRANCH) !== 0) {
      if (!(await collectFree(file, meta, low + nodeFlags * 2 ** 32, free))) return false;
    } else if ((flags & LEAF) !== 0) {
      const at = node + NODE_HEADER_BYTES + page.readUInt16LE(node + 6);
      const list =
        (nodeFlags & BIG_DATA) === 0
          ? page.subarray(at, at + low)
          : await readBytes(file, Number(page.readBigUInt64LE(at)) * meta.pageBytes + PAGE_HEADER_BYTES, low);
      if (list === undefined) return false;
      addPages(list, free);
    }
  }
  return true;
}

/** A count, then page numbers; a negative one says how many pages begin at the number behind it. */
function addPages(list: Buffer, free: Set<number>): void {
  const entries = Number(list.readBigUInt64LE(0));
  for (let i = 1; i <= entries; i++) {
    let first = Number(list.readBigInt64LE(8 * i));
    if (first === 0) continue;
    const count = first < 0 ? -first : 1;
    if (first < 0) first = Number(list.readBigInt64LE(8 * ++i));
    for (let page = first; page < first + count; page++) free.add(page);
  }
}

async function readBytes(file: FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytesRead === length ? bytes : undefined;
}

export function damaged(path: string, what: string): DamagedError {
  return new DamagedError(
    `${path}: ${what}: the event log is damaged or cut off. Stop every Weft process, put a backup of this file in its place, or move the directory away to begin anew; nothing was changed`,
  );
}
