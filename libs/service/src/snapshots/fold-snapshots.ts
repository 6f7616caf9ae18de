/**
 * Snapshots of the fold of the log (ADR 41): a process begins with the newest one that agrees with the log and folds what came after it. They are files of
 * one directory, which all processes of a machine may share, and may be deleted at any time: the log is the truth, and what is lost is time.
 *
 *   00…0120-5a1f….snap  everything           ┐
 *   00…0260-77c2….snap  continues 00…0120-…  │ the fold at 260, at 340, at 400
 *   00…0340-0be9….snap  continues 00…0260-…  │
 *   00…0400-90aa….snap  continues 00…0340-…  ┘ as long as all that changed since is less than everything
 *
 * Where most of the fold has changed since the last one (a burst), the next one holds everything, too: a start reads it once.
 */
import { join } from 'node:path';
import {
  type Append,
  type Clock,
  type Fold,
  type Piece,
  type Position,
  type Random,
  type RecordedEvent,
  type Registry,
  Slices,
  type Timer,
} from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Ids, Logger } from '../platform.ts';
import { type Disk, systemDisk } from './disk.ts';
import { PieceBlocks, piecesIn } from './piece.codec.ts';
import { FORMAT, type Head, readBlocks, readHead, SnapshotFileWriter } from './snapshot-file.ts';

export type FoldSnapshotsOptions = Readonly<{
  directory: string;
  /** Of the code that folds: what another version wrote is left alone. */
  version: string;
  store: Pick<EventStore, 'storeId' | 'readAll'>;
  registry: Registry;
  clock: Clock;
  ids: Ids;
  random: Random;
  log: Logger;
  /**
   * Events from one snapshot to the next: so many at least, and half as many more at most, or six times all that in a burst (`msBetween`). A start has to
   * fold no more. Default 20,000.
   */
  eventsBetween?: number;
  /** And so much time, unless six times as many events come: in a burst most of what one snapshot held, the next one would hold anew. Default 0. */
  msBetween?: number;
  /** Nothing is removed, whatever is wrong with it: for who only looks. */
  keepsAll?: boolean;
  /** Default: the file system. */
  disk?: Disk;
}>;

const EVENTS_BETWEEN = 20_000;
/** In a burst, of the events after which one is due. */
const BURST_FACTOR = 6;
/** A file that continues so many others is not continued. */
const CHAIN_MAX = 50;
/** How many rows are packed at once: as many as make about so many bytes, in less than two milliseconds. */
const ROWS_MIN = 16;
const ROWS_MAX = 128;
const BLOCK_BYTES = 65_536;
/** Nobody works on an unfinished file for so long. */
const UNFINISHED_MS_MAX = 3_600_000;
/** Files of other versions are kept for so long: while an upgrade rolls, both start. */
const OTHERS_MS_MAX = 86_400_000;
const SUFFIX = '.snap';
const UNFINISHED = '.part';

type Found = Readonly<{ name: string; head: Head }>;
/** The file that what is noted in the fold continues, and those that it continues. */
type Chain = readonly Found[];

export class FoldSnapshots {
  readonly #options: FoldSnapshotsOptions;
  readonly #disk: Disk;
  /** Last first; empty when the next one must hold everything. */
  #chain: Chain = [];
  /** How many pieces the file holds that stands alone. */
  #wholePieces = 0;
  /** Since the last one. */
  #events = 0;
  #due: number;
  /** Where the fold stood when half of these had come: a file of another process that is younger will do. */
  #halfway: Position = 0n;
  /** The last event that the fold has applied. */
  #last: RecordedEvent | undefined;
  #writing: Promise<void> | undefined;
  /** When the last one began, and when the next one does that came too early. */
  #begunMs: number;
  #later: Timer | undefined;
  #stopped = false;

  constructor(options: FoldSnapshotsOptions) {
    this.#options = options;
    this.#disk = options.disk ?? systemDisk;
    this.#due = this.#nextDue();
    this.#begunMs = options.clock.monotonicMs();
  }

  /** The fold of the newest snapshot that is whole and agrees with the log, with where it stands; undefined when there is none. Never rejects. */
  async load(newFold: () => Fold): Promise<Fold | undefined> {
    const { log, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const found = await this.#find();
      for (const { name } of found.toSorted(youngestFirst)) {
        const chain = chainOf(name, found);
        const fold = chain && (await this.#loadChain(chain, newFold));
        if (fold === undefined) continue;
        this.#chain = chain as Chain;
        const ms = Math.round(clock.monotonicMs() - startedMs);
        log.info({ position: fold.position.toString(), files: chain?.length, ms }, 'the fold begins with a snapshot');
        return fold;
      }
      if (found.length > 0) log.warn({ directory: this.#options.directory }, 'no snapshot can be used: the log is folded from its start');
    } catch (error) {
      log.warn({ err: error }, 'snapshots cannot be read: the log is folded from its start');
    }
    return undefined;
  }

  /** The last event that is in the fold, as far as this was told: in what was loaded, or applied. */
  get last(): RecordedEvent | undefined {
    return this.#last;
  }

  /** To be called after the fold has applied the append. */
  applied({ events }: Append): void {
    this.#events += events.length;
    this.#last = events.at(-1) as RecordedEvent;
    if (this.#events <= this.#due / 2) this.#halfway = this.#last.position;
  }

  /** To be called whenever there is time for a snapshot: not while the log is read. It writes one if it is due, now or in a while, without waiting for it. */
  writeIfDue(fold: Fold): void {
    if (this.#events < this.#due || this.#writing !== undefined || this.#stopped) return;
    const { clock, msBetween = 0 } = this.#options;
    const waitMs = this.#begunMs + msBetween - clock.monotonicMs();
    if (waitMs > 0 && this.#events < this.#due * BURST_FACTOR) {
      this.#later ??= clock.after(waitMs, () => this.#afterBurst(fold), { background: true });
      return;
    }
    this.#later?.cancel();
    this.#later = undefined;
    const halfway = this.#halfway;
    this.#events = 0;
    this.#due = this.#nextDue();
    this.#begunMs = clock.monotonicMs();
    this.#writing = this.#write(fold, halfway).finally(() => {
      this.#writing = undefined;
    });
  }

  #afterBurst(fold: Fold): void {
    this.#later = undefined;
    this.writeIfDue(fold);
  }

  /** Processes that share a directory do not write at the same moment. */
  #nextDue(): number {
    const { eventsBetween = EVENTS_BETWEEN, random } = this.#options;
    return eventsBetween * (1 + random() / 2);
  }

  /** Ends when the one that is being written, if any, is there. */
  async whenWritten(): Promise<void> {
    await this.#writing;
  }

  /** Ends when nothing is written any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#later?.cancel();
    await this.#writing;
  }

  async #find(): Promise<readonly Found[]> {
    const { directory, version, store, log } = this.#options;
    const found: Found[] = [];
    for (const name of await this.#disk.names(directory)) {
      if (!name.endsWith(SUFFIX)) continue;
      try {
        const head = await readHead(this.#disk, join(directory, name));
        if (head.format === FORMAT && head.version === version && head.storeId === store.storeId) found.push({ name, head });
      } catch (error) {
        log.warn({ file: name, why: (error as Error).message }, 'a snapshot is damaged: it is passed over');
        await this.#remove(name);
      }
    }
    return found;
  }

  async #loadChain(chain: Chain, newFold: () => Fold): Promise<Fold | undefined> {
    const { directory, registry, log, clock } = this.#options;
    const slices = new Slices(clock);
    const [{ name, head }] = chain as [Found];
    const last = await this.#lastIn(head);
    if (last === undefined) {
      log.warn({ file: name, position: head.position }, 'a snapshot does not agree with the log: it is passed over');
      await this.#remove(name);
      return undefined;
    }
    const fold = newFold();
    this.#wholePieces = 0;
    for (const [i, { name: file }] of chain.toReversed().entries()) {
      try {
        for await (const block of readBlocks(this.#disk, join(directory, file))) {
          for (const piece of piecesIn(registry, block)) {
            fold.image.put(piece);
            if (i === 0) this.#wholePieces++;
          }
          await slices.next();
        }
      } catch (error) {
        log.warn({ file, why: (error as Error).message }, 'a snapshot is damaged: it is passed over');
        await this.#remove(file);
        return undefined;
      }
    }
    const { position, foreign, unknownKind } = head;
    this.#last = last;
    fold.image.stand({ position: BigInt(position), passedOver: { foreign, unknownKind, unreadable: 0 } });
    return fold;
  }

  /** The event that it rests on. None when the log does not hold it at its position: it may be of another log, or of one that was cut since, or restored. */
  async #lastIn({ position, eventId }: Head): Promise<RecordedEvent | undefined> {
    const at = BigInt(position);
    for await (const event of this.#options.store.readAll({ direction: 'backwards', from: at, limit: 1 })) {
      return event.position === at && event.id === eventId ? event : undefined;
    }
    return undefined;
  }

  async #write(fold: Fold, halfway: Position): Promise<void> {
    const { directory, version, store, ids, log, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const unfinished = join(directory, `${ids.uuid()}${UNFINISHED}`);
    let writer: SnapshotFileWriter | undefined;
    try {
      if (await this.#isWrittenByAnother(halfway)) return;
      const before = await this.#continued(fold);
      writer = await SnapshotFileWriter.create(this.#disk, unfinished);
      if (before === undefined) this.#wholePieces = await this.#writePieces(writer, fold.image.scan());
      // At one moment: what has changed, and where the fold stands then.
      const changes = fold.image.takeChanges();
      const { foreign, unknownKind } = fold.passedOver;
      const { position, id: eventId } = this.#last as RecordedEvent;
      const begun = { storeId: store.storeId, version, ...(before !== undefined && { before }), position: position.toString(), eventId };
      await this.#writePieces(writer, changes);
      const name = `${begun.position.padStart(20, '0')}-${ids.uuid().slice(0, 8)}${SUFFIX}`;
      const head = await writer.finish({ ...begun, foreign, unknownKind }, join(directory, name));
      this.#chain = [{ name, head }, ...(before === undefined ? [] : this.#chain)];
      const ms = Math.round(clock.monotonicMs() - startedMs);
      log.debug({ file: name, bytes: head.bytes, ...(before !== undefined && { changes: changes.length }), ms }, 'a snapshot was written');
      if (before === undefined) await this.#removeOthers(name, position);
    } catch (error) {
      this.#chain = []; // What was noted is lost: the next one holds everything.
      await writer?.abandon();
      if (!this.#stopped) log.warn({ err: error }, 'a snapshot cannot be written');
    }
  }

  /** Gives their number. In slices: what serves requests has its turn after each block. */
  async #writePieces(writer: SnapshotFileWriter, pieces: Iterable<Piece>): Promise<number> {
    const { registry, clock } = this.#options;
    const blocks = new PieceBlocks(registry);
    const slices = new Slices(clock);
    let rows = ROWS_MIN;
    const write = async (block: unknown) => {
      const bytes = await writer.write(block);
      if (bytes > 2 * BLOCK_BYTES) rows = Math.max(1, rows >> 1);
      else if (bytes < BLOCK_BYTES) rows = Math.min(ROWS_MAX, rows << 1);
      await slices.next();
      if (this.#stopped) throw new Error('the process ends');
    };
    let count = 0;
    for (const piece of pieces) {
      count++;
      const block = blocks.add(piece, rows);
      if (block !== undefined) await write(block);
    }
    for (const block of blocks.rest()) await write(block);
    return count;
  }

  async #isWrittenByAnother(halfway: Position): Promise<boolean> {
    const own = new Set(this.#chain.map(({ name }) => name));
    const found = await this.#find();
    return found.some(({ name, head }) => !own.has(name) && BigInt(head.position) > halfway);
  }

  /** The file that the next one continues; undefined when it must hold everything. */
  async #continued({ image }: Fold): Promise<string | undefined> {
    const tip = this.#chain[0];
    const whole = this.#chain.at(-1)?.head.bytes ?? 0;
    const since = this.#chain.slice(0, -1).reduce((sum, { head }) => sum + head.bytes, 0);
    if (tip === undefined || this.#chain.length >= CHAIN_MAX || since > whole || 2 * image.changes > this.#wholePieces) return undefined;
    const files = await Promise.all(this.#chain.map(({ name }) => this.#disk.stat(join(this.#options.directory, name))));
    return files.every((file, i) => file?.bytes === this.#chain[i]?.head.bytes) ? tip.name : undefined;
  }

  /** What nobody needs any more once everything is in the file `kept`. */
  async #removeOthers(kept: string, position: Position): Promise<void> {
    const { directory, clock, version, store } = this.#options;
    const nowMs = clock.now().getTime();
    for (const name of await this.#disk.names(directory)) {
      if (name === kept) continue;
      const path = join(directory, name);
      const ageMs = nowMs - ((await this.#disk.stat(path))?.changedMs ?? nowMs);
      const head = name.endsWith(SUFFIX) ? await readHead(this.#disk, path).catch(() => undefined) : undefined;
      const isOurs = head?.version === version && head.storeId === store.storeId;
      if (isOurs ? BigInt(head.position) < position : ageMs > (head === undefined ? UNFINISHED_MS_MAX : OTHERS_MS_MAX))
        await this.#remove(name);
    }
  }

  async #remove(name: string): Promise<void> {
    if (this.#options.keepsAll === true) return;
    await this.#disk.remove(join(this.#options.directory, name)).catch(() => {});
  }
}

/** A file with those that it continues, up to one that stands alone; undefined when one of them is missing. */
function chainOf(name: string, found: readonly Found[]): Chain | undefined {
  const byName = new Map(found.map((each) => [each.name, each]));
  const chain: Found[] = [];
  for (let next: string | undefined = name; next !== undefined; ) {
    const file = byName.get(next);
    if (file === undefined || chain.length > CHAIN_MAX) return undefined;
    chain.push(file);
    next = file.head.before;
  }
  return chain;
}

function youngestFirst(a: Found, b: Found): number {
  const [left, right] = [BigInt(a.head.position), BigInt(b.head.position)];
  return left === right ? 0 : left < right ? 1 : -1;
}
