/**
 * The projector's side of the protocol, without bus and clock: tables that are edited in place, and the messages that describe each edit.
 */

import type { ChunkMessage, DeltaMessage, ProgressMessage, RevsMessage, TableEntry } from './row-messages.ts';
import { canonicalText, EMPTY_STATE, hashLine, isHeld, RowTable, rowToLine, type TableState } from './row-table.ts';
import type { AnyRow, RowChange } from './rows-port.ts';

/** Characters of lines in one message, before it is deflated: costs some milliseconds of work on either side. */
const CHUNK_CHARACTERS = 128 * 1024;
/** Tables named in one progress message. */
const ENTRIES_MAX = 5_000;
/** Of one table in one progress message. */
const REVS_MAX = 64;

export class RowSource {
  readonly #chunkCharacters: number;
  readonly tables = new Map<string, RowTable>();
  #term = '';
  /** Tables that changed since the last progress message, with the revs at which they did. */
  readonly #changed = new Map<string, bigint[]>();
  #upTo = 0n;
  #sentUpTo = 0n;
  #number = 0;
  #lastSnapshot = 0;
  #isOpen = false;
  /**
   * Of a table without rows that was not there when the term began. It counts from there, as one with rows does: who waits for the end of rows that a
   * former projector had, and did not live to tell, sees that they are gone.
   */
  #empty: TableState = EMPTY_STATE;

  constructor(chunkCharacters = CHUNK_CHARACTERS) {
    this.#chunkCharacters = chunkCharacters;
  }

  get term(): string {
    return this.#term;
  }

  /**
   * From now on changes make messages, under this term. Terms are ordered as text: the later of two is the greater one. The tables stay as they are, and are
   * those of the position that `progress` was told last.
   */
  open(term: string): void {
    this.#term = term;
    this.#empty = { ...EMPTY_STATE, rev: this.#upTo };
    this.#isOpen = true;
    this.#changed.clear();
    this.#number = 0;
    this.#sentUpTo = 0n;
  }

  /** From now on changes make no messages. */
  fallSilent(): void {
    this.#isOpen = false;
    this.#changed.clear();
  }

  /** Throws a RangeError when `rev` is below the table's. */
  change(table: string, changes: readonly RowChange[], rev: bigint): DeltaMessage[] {
    let held = this.tables.get(table);
    if (held === undefined) {
      if (changes.every(({ row }) => row === undefined)) return [];
      held = new RowTable();
      held.state = this.#empty;
      this.tables.set(table, held);
    }
    const from = held.state;
    if (rev < from.rev) throw new RangeError(`table ${table} is at rev ${from.rev}; a change at ${rev} is older`);
    const lines: string[] = [];
    // The last of several changes to a key counts: a row that is changed and changed back is no change.
    for (const [key, row] of new Map(changes.map((change) => [change.key, change.row]))) {
      const line = rowToLine(key, row);
      const edit = { key, row, hash: row === undefined ? undefined : hashLine(line) };
      if (isHeld(held, edit)) continue;
      held.edit(edit);
      lines.push(line);
    }
    if (lines.length === 0) return [];
    held.state = { rev, digest: held.sumText() };
    if (!this.#isOpen) return [];
    this.#noteChanged(table, rev);
    const to = held.state;
    const pieces = this.#inPieces(lines);
    return pieces.map((piece, part) => ({ kind: 'delta', term: this.term, table, from, to, part, parts: pieces.length, lines: piece }));
  }

  #noteChanged(table: string, rev: bigint): void {
    const revs = this.#changed.get(table);
    if (revs === undefined) this.#changed.set(table, [rev]);
    else if (revs.at(-1) !== rev) {
      revs.push(rev);
      if (revs.length > REVS_MAX) revs.shift();
    }
  }

  progress(upTo: bigint): void {
    if (upTo > this.#upTo) this.#upTo = upTo;
  }

  /** True when a progress message would say something new. */
  get hasUnsent(): boolean {
    return this.#changed.size > 0 || this.#upTo > this.#sentUpTo;
  }

  /** The next progress message; several when many tables changed, of which only the last carries the new position. */
  takeProgress(): ProgressMessage[] {
    const entries = [...this.#changed].map(([table, revs]) => ({ ...this.#entry(table), earlier: revs.slice(0, -1) }));
    this.#changed.clear();
    const messages: ProgressMessage[] = [];
    for (let start = 0; start === 0 || start < entries.length; start += ENTRIES_MAX) {
      if (start + ENTRIES_MAX >= entries.length) this.#sentUpTo = this.#upTo;
      const previous = this.#number++;
      const changed = entries.slice(start, start + ENTRIES_MAX);
      messages.push({ kind: 'progress', term: this.term, number: this.#number, previous, upTo: this.#sentUpTo, changed });
    }
    return messages;
  }

  revs(tables: readonly string[]): RevsMessage {
    // The position that goes with the number, not a later one: a subscriber may combine it with a snapshot of the same number.
    return { kind: 'revs', term: this.term, number: this.#number, upTo: this.#sentUpTo, states: tables.map((table) => this.#entry(table)) };
  }

  /**
   * Reads a table piece by piece while it changes. Each call of `next` gives one chunk; the deltas that are sent between two calls belong to the
   * snapshot. (A Map's iterator stays valid under insertion and deletion, and reaches what is inserted.)
   */
  snapshot(table: string): Iterator<ChunkMessage> {
    return this.#readTable(table, ++this.#lastSnapshot);
  }

  *#readTable(table: string, snapshot: number): Generator<ChunkMessage> {
    const rows: Iterator<[string, AnyRow]> = (this.tables.get(table)?.rows ?? new Map<string, AnyRow>()).entries();
    for (let index = 0, last = false; !last; index++) {
      const lines: string[] = [];
      for (let characters = 0; characters < this.#chunkCharacters; ) {
        const { value, done } = rows.next();
        if (done === true) {
          last = true;
          break;
        }
        const line = `${JSON.stringify(value[0])}\t${canonicalText(value[1])}`;
        lines.push(line);
        characters += line.length;
      }
      const { state } = this.#entry(table);
      yield { kind: 'chunk', term: this.term, table, snapshot, index, last, state, number: this.#number, lines };
    }
  }

  #entry(table: string): TableEntry {
    return { table, state: this.tables.get(table)?.state ?? this.#empty };
  }

  #inPieces(lines: string[]): string[][] {
    const pieces: string[][] = [];
    let piece: string[] = [];
    let characters = 0;
    for (const line of lines) {
      if (characters >= this.#chunkCharacters) {
        pieces.push(piece);
        piece = [];
        characters = 0;
      }
      piece.push(line);
      characters += line.length;
    }
    pieces.push(piece);
    return pieces;
  }
}
