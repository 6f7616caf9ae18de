/**
 * What can be told about an lmdb file without opening it. lmdb maps the file: where it was cut off, the first look at a missing page
 * ends the process (SIGBUS), or a tree quietly ends early. So the size is held against the last page number first.
 *
 * Layout of the two meta pages, one of which is newer: lmdb 1.0, `MDB_page_header` and `MDB_meta` in mdb.c, as bundled in lmdb-js 3.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DamagedError } from '../errors.ts';

const MAGIC = 0xbeefc0de;
const META_AT = 24; // Behind the page header: page number, transaction, flags and bounds.
const PAGE_SIZE_AT = META_AT + 24; // Kept in the pad of the free-space tree's record.
const FREE_ROOT_AT = META_AT + 24 + 40;
const LAST_PAGE_AT = META_AT + 24 + 48 * 2;
const TRANSACTION_AT = LAST_PAGE_AT + 8;
const META_BYTES = TRANSACTION_AT + 8;
/** Other processes write the meta pages while this one reads them. */
const READS_MAX = 10;

type Meta = Readonly<{ pageBytes: number; lastPage: number; transaction: bigint; freeRoot: bigint }>;

/** Throws DamagedError when the file is shorter than its own record of itself. A file that does not exist, or is empty, is a new store. */
export function checkDataFile(file: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    if (fstatSync(descriptor).size === 0) return;
    const meta = readMeta(descriptor);
    if (meta === undefined) throw damaged(file, 'its head is not that of an event log');
    const { size } = fstatSync(descriptor);
    const wanted = (meta.lastPage + 1) * meta.pageBytes;
    if (size < wanted) throw damaged(file, `it holds ${size} bytes, its last page ends at ${wanted}`);
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(descriptor: number): Meta | undefined {
  for (let i = 0; i < READS_MAX; i++) {
    const first = metaAt(descriptor, 0);
    if (first === undefined) continue;
    const second = metaAt(descriptor, first.pageBytes);
    if (second === undefined) continue;
    return second.transaction > first.transaction ? second : first;
  }
  return undefined;
}

function metaAt(descriptor: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(descriptor, bytes, 0, META_BYTES, offset) < META_BYTES) return undefined;
  if (bytes.readUInt32LE(META_AT) !== MAGIC) return undefined;
  const pageBytes = bytes.readUInt32LE(PAGE_SIZE_AT);
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined;
  return {
    pageBytes,
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    transaction: bytes.readBigUInt64LE(TRANSACTION_AT),
    freeRoot: bytes.readBigUInt64LE(FREE_ROOT_AT),
  };
}

function damaged(file: string, what: string): DamagedError {
  return new DamagedError(
    `${file}: ${what}: the event log is damaged or cut off. Stop every Weft process, put a backup of this file in its place, or move the directory away to begin anew; nothing was changed`,
  );
}
