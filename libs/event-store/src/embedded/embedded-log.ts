/** Reads the embedded log. The newest blocks are kept as events, as they were written here or decoded, since every subscription reads them. */
import type { RecordedEvent } from '@weft/api';
import { NO_EVENTS, type Revision } from '../append.rules.ts';
import { DamagedError } from '../errors.ts';
import type { LocalLog } from '../local-log.ts';
import { blockHead, decodeBlock, isIntact } from './block.codec.ts';
import {
  decodeHead,
  decodeIndexEntry,
  type Environment,
  type Head,
  type IndexEntry,
  indexKey,
  logKey,
  META_HEAD,
  positionOfKey,
  REVISION_MAX,
  streamKey,
} from './environment.ts';

/** About 4,000 events. */
const CACHED_BLOCKS_MAX = 256;
/** Blocks this near the end are likely to be read again. */
const RECENT_EVENTS = 2_048;

export class EmbeddedLog implements LocalLog {
  readonly #env: Environment;
  readonly #file: string;
  readonly #blocks = new Map<number, readonly RecordedEvent[]>();
  /** Where the commit that is under way in this process begins. */
  #committed = Number.POSITIVE_INFINITY;

  constructor(env: Environment, file: string) {
    this.#env = env;
    this.#file = file;
  }

  /** The head record as it is now: also what other processes have committed. */
  readHead(): Head {
    this.refresh();
    return decodeHead(this.#env.meta.getBinary(META_HEAD));
  }

  /** Leaves the snapshot that lmdb keeps for a turn, so that what was acknowledged before is seen. */
  refresh(): void {
    this.#env.root.resetReadTxn();
  }

  head(): number {
    return this.readHead().position;
  }

  headToFollow(): number {
    return Math.min(this.head(), this.#committed);
  }

  /** A commit of this process writes behind `position`. Its `end` must follow. */
  begin(position: number): void {
    this.#committed = position;
  }

  end(): void {
    this.#committed = Number.POSITIVE_INFINITY;
  }

  pageAfter(position: number, limit: number): readonly RecordedEvent[] {
    const { position: head } = this.readHead();
    if (position >= head) return [];
    const keep = head - position < RECENT_EVENTS;
    const wanted = position + 1;
    let next = this.#isBlock(wanted) ? wanted : this.#blockKeyAt(wanted);
    const page: RecordedEvent[] = [];
    while (page.length < limit && next <= head) {
      const block = this.block(next, keep);
      for (let i = Math.max(0, wanted - next); i < block.length; i++) page.push(block[i] as RecordedEvent);
      next += block.length;
    }
    return page;
  }

  pageBefore(position: number, limit: number): readonly RecordedEvent[] {
    let at = Math.min(position, this.head());
    const page: RecordedEvent[] = [];
    while (at > 0 && page.length < limit) {
      const key = this.#blockKeyAt(at);
      const block = this.block(key, true);
      for (let i = at - key; i >= 0; i--) page.push(block[i] as RecordedEvent);
      at = key - 1;
    }
    return page;
  }

  headOf(stream: string): Revision {
    this.refresh();
    const number = this.streamNumber(stream);
    return number === undefined ? NO_EVENTS : this.headOfNumber(number);
  }

  streamNumber(stream: string): number | undefined {
    return this.#env.streams.getBinary(streamKey(stream))?.readUInt32BE(0);
  }

  headOfNumber(number: number): Revision {
    const last = this.#indexEntryAt(number, REVISION_MAX);
    return last === undefined ? NO_EVENTS : last.revision + last.count - 1;
  }

  streamPage(stream: string, from: Revision, direction: 'forwards' | 'backwards', limit: number): readonly RecordedEvent[] {
    this.refresh();
    const number = this.streamNumber(stream);
    if (number === undefined) return [];
    const [start, reverse] = direction === 'forwards' ? [this.#indexEntryAt(number, from)?.revision ?? from, false] : [from, true];
    const page: RecordedEvent[] = [];
    const range = this.#env.index.getRange({
      start: indexKey(number, start),
      end: indexKey(number, reverse ? 0 : REVISION_MAX),
      reverse,
      limit,
    });
    const entries: IndexEntry[] = [];
    for (const { key, value } of range) entries.push(decodeIndexEntry(key, value));
    // lmdb leaves the end out: the stream's first append, when going backwards.
    if (reverse && entries.at(-1)?.revision !== 0 && entries.length < limit) entries.push(...this.#entriesFrom(number, 0));
    for (const entry of entries) {
      const [first, last] = reverse
        ? [Math.min(from, entry.revision + entry.count - 1), entry.revision]
        : [Math.max(from, entry.revision), entry.revision + entry.count - 1];
      for (let at = first; reverse ? at >= last : at <= last; at += reverse ? -1 : 1) {
        page.push(this.#eventIn(entry, stream, at));
        if (page.length === limit) return page;
      }
    }
    return page;
  }

  /** Every append of a stream, in order. */
  *appendsOf(stream: string): Generator<IndexEntry, void, undefined> {
    this.refresh();
    const number = this.streamNumber(stream);
    if (number === undefined) return;
    const range = this.#env.index.getRange({ start: indexKey(number, 0), end: indexKey(number, REVISION_MAX) });
    for (const { key, value } of range) yield decodeIndexEntry(key, value);
  }

  revisionAfter(stream: string, position: number): Revision {
    this.refresh();
    const number = this.streamNumber(stream);
    if (number === undefined) return 0;
    const head = this.headOfNumber(number);
    let [low, high] = [0, head + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.positionOf(number, middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Position of an event that exists. */
  positionOf(number: number, revision: Revision): number {
    const entry = this.#indexEntryAt(number, revision);
    if (entry === undefined) throw this.damaged(`the index lacks revision ${revision} of stream number ${number}`);
    return entry.position + (revision - entry.revision);
  }

  /** The event at a revision that exists. */
  eventAt(stream: string, number: number, revision: Revision): RecordedEvent {
    const entry = this.#indexEntryAt(number, revision);
    if (entry === undefined) throw this.damaged(`the index lacks revision ${revision} of stream number ${number}`);
    return this.#eventIn(entry, stream, revision);
  }

  floor(position: number): number {
    return Math.min(position, this.head());
  }

  positionAt(timeMs: number): number {
    const head = this.head();
    let [low, high] = [1, head + 1]; // Every block that begins below `low` is early enough as a whole.
    while (low < high) {
      const key = this.#blockKeyAt(Math.floor((low + high) / 2));
      const { count, maxTimeMs } = this.#headOfBlock(key);
      if (maxTimeMs <= timeMs) low = key + count;
      else high = key;
    }
    if (low > head) return head;
    let position = low - 1;
    for (const event of this.block(low, false)) {
      if (Date.parse(event.metadata.time) > timeMs) break;
      position = Number(event.position);
    }
    return position;
  }

  /** The block whose first event has this position, decoded. Throws DamagedError. */
  block(key: number, keep: boolean): readonly RecordedEvent[] {
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const bytes = this.#env.log.getBinary(logKey(key));
    if (bytes === undefined) throw this.damaged(`position ${key} is missing`);
    if (blockHead(bytes)?.first !== key || !isIntact(bytes)) throw this.damaged(`position ${key} has a wrong checksum`);
    const events = decodeBlock(bytes);
    if (keep) this.keep(key, events);
    return events;
  }

  /** Keeps the events of a block, so that it need not be decoded. The block must be on the disk: another process may write one in place of one that failed. */
  keep(key: number, events: readonly RecordedEvent[]): void {
    if (this.#blocks.size >= CACHED_BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value as number);
    this.#blocks.set(key, events);
  }

  damaged(what: string): DamagedError {
    return new DamagedError(
      `${this.#file}: ${what}: the event log is damaged. Stop every Weft process, put a backup of this file in its place, or move the directory away to begin anew; nothing was changed`,
    );
  }

  /** The index has no checksums: what it leads to says whether it was right. */
  #eventIn(entry: IndexEntry, stream: string, revision: Revision): RecordedEvent {
    const position = entry.position + (revision - entry.revision);
    let block = this.block(entry.block, true);
    let at = position - entry.block;
    if (at >= block.length) {
      const key = this.#blockKeyAt(position);
      block = this.block(key, true);
      at = position - key;
    }
    const event = block[at];
    if (event === undefined) throw this.damaged(`position ${position} is missing`);
    if (event.stream !== stream || Number(event.revision) !== revision)
      throw this.damaged(`the index names position ${position} for revision ${revision} of stream "${stream}"`);
    return event;
  }

  /** The append that a revision belongs to, or the stream's last one below it. */
  #indexEntryAt(number: number, revision: Revision): IndexEntry | undefined {
    const range = this.#env.index.getRange({ start: indexKey(number, revision), end: indexKey(number, 0), reverse: true, limit: 1 });
    for (const { key, value } of range) return decodeIndexEntry(key, value);
    return this.#entriesFrom(number, 0)[0]; // lmdb leaves the end of a range out.
  }

  #entriesFrom(number: number, revision: Revision): IndexEntry[] {
    const key = indexKey(number, revision);
    const value = this.#env.index.getBinary(key);
    return value === undefined ? [] : [decodeIndexEntry(key, value)];
  }

  #isBlock(key: number): boolean {
    return this.#blocks.has(key) || this.#env.log.getBinaryFast(logKey(key)) !== undefined;
  }

  /** First position of the block that holds a position, which exists. */
  #blockKeyAt(position: number): number {
    for (const key of this.#env.log.getKeys({ start: logKey(position), reverse: true, limit: 1 })) return positionOfKey(key);
    throw this.damaged(`position ${position} is missing`);
  }

  #headOfBlock(key: number) {
    const bytes = this.#env.log.getBinary(logKey(key));
    const head = bytes === undefined ? undefined : blockHead(bytes);
    if (head === undefined) throw this.damaged(`position ${key} is missing`);
    return head;
  }
}
