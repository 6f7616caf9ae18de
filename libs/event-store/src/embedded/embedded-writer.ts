/**
 * Writes batches of appends. Everything is judged inside the write transaction, so several processes may append at once. In memory it
 * keeps the heads of the streams that were written last; what other processes committed in between is read before judging.
 */
import { msOfTime, type NewEvent, type RecordedEvent } from '@weft/api';
import { fromRevision, judgeAppend, NO_EVENTS, type Revision } from '../append.rules.ts';
import { WrongRevisionError } from '../errors.ts';
import type { PendingAppend } from '../group-commit.ts';
import type { LivePage } from '../local-log.ts';
import type { AppendResult } from '../port.ts';
import { BLOCK_EVENTS_MAX, encodeBlock } from './block.codec.ts';
import type { EmbeddedLog } from './embedded-log.ts';
import {
  EMPTY_HEAD,
  type Environment,
  encodeHead,
  encodeIndexEntry,
  type Head,
  indexKey,
  logKey,
  META_HEAD,
  streamKey,
} from './environment.ts';

/** Streams whose heads are kept between batches, about 20 MB. */
const HEADS_MAX = 100_000;
/** More foreign events than this are not worth reading: the heads are forgotten instead. */
const FOREIGN_EVENTS_MAX = 1_024;

type StreamHead = { readonly number: number; revision: Revision };
type Accepted = Readonly<{ number: number; revision: Revision; position: number; count: number }>;
type Block = Readonly<{ key: number; events: readonly RecordedEvent[] }>;

export class EmbeddedWriter {
  readonly #env: Environment;
  readonly #log: EmbeddedLog;
  #heads = new Map<string, StreamHead>();
  #known: Head = EMPTY_HEAD;
  readonly #headsMax: number;

  constructor(env: Environment, log: EmbeddedLog, headsMax = HEADS_MAX) {
    this.#env = env;
    this.#log = log;
    this.#headsMax = headsMax;
  }

  /** Resolves when the batch is on the disk. */
  async commit(take: () => readonly PendingAppend[]): Promise<LivePage | undefined> {
    let page: LivePage | undefined;
    try {
      await this.#env.root.childTransaction(() => {
        page = this.#write(take());
      });
      if (page !== undefined) for (const { key, events } of blocksOf(page)) this.#log.keep(key, events);
      return page;
    } catch (error) {
      this.#forget();
      throw await rootCause(error);
    } finally {
      this.#log.end();
    }
  }

  #forget(): void {
    this.#heads.clear();
    this.#known = EMPTY_HEAD;
  }

  #write(batch: readonly PendingAppend[]): LivePage | undefined {
    const before = this.#log.readHead();
    this.#learnForeign(before);
    // Only here: a head that was dropped within a batch would be read from the disk without what the batch holds for it.
    if (this.#heads.size > this.#headsMax) this.#heads = new Map([...this.#heads].slice(-this.#headsMax / 2));
    const events: RecordedEvent[] = [];
    const accepted: Accepted[] = [];
    const created: string[] = [];
    let position = before.position;
    let streams = before.streams;
    for (const append of batch) {
      const head = this.#headOf(append.stream);
      const actual = head?.revision ?? NO_EVENTS;
      switch (judgeAppend(actual, append.expected, append.events, (revision) => this.#idAt(append.stream, revision, events))) {
        case 'wrong':
          append.outcome = new WrongRevisionError(append.stream, fromRevision(append.expected), fromRevision(actual));
          break;
        case 'repeat':
          append.outcome = this.#resultAt(append.stream, append.expected + append.events.length, events);
          break;
        case 'write': {
          const number = head?.number ?? streams++;
          if (head === undefined) created.push(append.stream);
          accepted.push({ number, revision: actual + 1, position: position + 1, count: append.events.length });
          let revision = actual;
          for (const event of append.events) events.push(record(event, append.stream, ++revision, ++position));
          if (head === undefined) this.#heads.set(append.stream, { number, revision });
          else head.revision = revision;
          append.outcome = {
            revision: BigInt(revision),
            position: BigInt(position),
            firstPosition: BigInt(position - append.events.length + 1),
            repeated: false,
          };
        }
      }
    }
    if (events.length === 0) return undefined;
    this.#log.begin(before.position);
    this.#known = this.#put(before, events, accepted, created);
    return { after: before.position, upTo: position, events };
  }

  /** Everything is encoded before the first put, so an event that cannot be leaves the transaction empty. */
  #put(before: Head, events: readonly RecordedEvent[], accepted: readonly Accepted[], created: readonly string[]): Head {
    const blocks: { key: number; bytes: Buffer }[] = [];
    let maxTimeMs = before.position === 0 ? Number.NEGATIVE_INFINITY : before.maxTimeMs;
    for (const { key, events: part } of blocksOf({ after: before.position, events })) {
      for (const event of part) maxTimeMs = Math.max(maxTimeMs, msOfTime(event.metadata.time));
      blocks.push({ key, bytes: encodeBlock(key, maxTimeMs, part) });
    }
    const { log, streams, index, meta } = this.#env;
    for (const { key, bytes } of blocks) log.put(logKey(key), bytes);
    const first = before.position + 1;
    for (const { number, revision, position, count } of accepted) {
      const block = position - ((position - first) % BLOCK_EVENTS_MAX);
      index.put(indexKey(number, revision), encodeIndexEntry(position, count, block));
    }
    created.forEach((stream, i) => {
      const number = Buffer.allocUnsafe(4);
      number.writeUInt32BE(before.streams + i, 0);
      streams.put(streamKey(stream), number);
    });
    const head: Head = {
      position: before.position + events.length,
      maxTimeMs,
      lastBlock: (blocks.at(-1) as { key: number }).key,
      streams: before.streams + created.length,
    };
    meta.put(META_HEAD, encodeHead(head));
    return head;
  }

  /** Brings the heads up to what other processes committed since. */
  #learnForeign(now: Head): void {
    const unseen = now.position - this.#known.position;
    if (unseen > FOREIGN_EVENTS_MAX) {
      this.#heads.clear();
    } else if (unseen > 0) {
      for (const event of this.#log.pageAfter(this.#known.position, unseen)) {
        const head = this.#heads.get(event.stream);
        if (head !== undefined) head.revision = Number(event.revision);
      }
    }
    this.#known = now;
  }

  #headOf(stream: string): StreamHead | undefined {
    const known = this.#heads.get(stream);
    if (known !== undefined) return known;
    const number = this.#log.streamNumber(stream);
    if (number === undefined) return undefined;
    const head = { number, revision: this.#log.headOfNumber(number) };
    this.#heads.set(stream, head);
    return head;
  }

  #idAt(stream: string, revision: Revision, batch: readonly RecordedEvent[]): string | undefined {
    return this.#eventAt(stream, revision, batch)?.id;
  }

  #resultAt(stream: string, revision: Revision, batch: readonly RecordedEvent[]): AppendResult {
    const event = this.#eventAt(stream, revision, batch) as RecordedEvent;
    return { revision: event.revision, position: event.position, repeated: true };
  }

  /** Looks in the batch first: its events are not on the disk yet. */
  #eventAt(stream: string, revision: Revision, batch: readonly RecordedEvent[]): RecordedEvent | undefined {
    const wanted = BigInt(revision);
    for (const event of batch) if (event.stream === stream && event.revision === wanted) return event;
    const number = this.#log.streamNumber(stream);
    return number === undefined ? undefined : this.#log.eventAt(stream, number, revision);
  }
}

/** The blocks in which a commit writes its events. */
function blocksOf({ after, events }: Pick<LivePage, 'after' | 'events'>): readonly Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < events.length; at += BLOCK_EVENTS_MAX)
    blocks.push({ key: after + 1 + at, events: events.slice(at, at + BLOCK_EVENTS_MAX) });
  return blocks;
}

function record({ id, type, data, metadata }: NewEvent, stream: string, revision: Revision, position: number): RecordedEvent {
  return { id, type, data, metadata, stream, revision: BigInt(revision), position: BigInt(position) };
}

/** lmdb rejects with a general error and reports the cause by a promise of its own, which must not stay unhandled. */
async function rootCause(error: unknown): Promise<unknown> {
  const commitError: unknown = (error as { commitError?: unknown } | null)?.commitError;
  if (!(commitError instanceof Promise)) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}
