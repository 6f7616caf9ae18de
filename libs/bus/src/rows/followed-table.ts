/** One table of a subscriber: the rows that it holds, and what is known of the state that they should be in. */

import { DeltaParts, SnapshotChunks } from './in-pieces.ts';
import type { ChunkMessage, DeltaMessage } from './row-messages.ts';
import { isHeld, lineToEdit, type RowEdit, RowTable, sameState, type TableState } from './row-table.ts';
import type { AnyRow, RowChange, TableView } from './rows-port.ts';

/** What is kept of a row that has come. The digest is that of the whole row all the same. */
export type KeepRow = (table: string, row: AnyRow) => AnyRow;

export class FollowedTable {
  readonly name: string;
  readonly #keep: KeepRow;
  #held = new RowTable();
  /** A snapshot was received once. */
  #isComplete = false;
  /** The held state is known to be one of the present term's. */
  #isVerified = false;
  /** The newest state at the projector that is known of. */
  #wanted: TableState | undefined;
  readonly #snapshot = new SnapshotChunks();
  readonly #delta = new DeltaParts();

  constructor(name: string, keep: KeepRow = (_, row) => row) {
    this.name = name;
    this.#keep = keep;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Complete, and known to be as the projector had it at some position. */
  get isKnown(): boolean {
    return this.#isComplete && this.#isVerified;
  }

  /** The held state is the one that the projector reported last, or a later one. */
  get isSynced(): boolean {
    const [held, wanted] = [this.#held.state, this.#wanted];
    return this.isKnown && wanted !== undefined && (sameState(held, wanted) || held.rev > wanted.rev);
  }

  /** What is held is of the present term, and later than this state of it. */
  isBeyond(state: TableState): boolean {
    return this.isKnown && this.rev > state.rev;
  }

  /** Complete, but the state that it should be in was not reported yet. */
  get isInDoubt(): boolean {
    return this.#isComplete && this.#wanted === undefined;
  }

  /** When the last chunk of a snapshot came that is on its way. */
  get receivingSinceMs(): number | undefined {
    return this.#snapshot.lastMs;
  }

  get rev(): bigint {
    return this.#held.state.rev;
  }

  get view(): TableView {
    return { table: this.name, complete: this.#isComplete, rev: this.rev, rows: this.#held.rows };
  }

  /** The projector reported that its table is in this state, or was. */
  reported(state: TableState): void {
    this.#want(state);
    // A projector that began anew counts from there: the same rows have a later rev. Digests tell that they are the same.
    if (this.#isComplete && state.rev > this.rev && state.digest === this.#held.state.digest) this.#held.state = state;
    if (sameState(this.#held.state, state)) this.#isVerified = true;
  }

  /** Answers the changes that it made, if any. Throws a DecodeError for lines that are none; nothing is changed then. */
  applyDelta(message: DeltaMessage): readonly RowChange[] {
    const lines = this.#delta.take(message);
    if (lines === undefined) return [];
    const edits = lines.map((line) => this.#edit(line));
    const { from, to } = message;
    this.#snapshot.applyDelta(from, to, edits);
    if (!this.#isComplete) return [];
    if (sameState(this.#held.state, from) && this.#held.digestAfter(edits) === to.digest) return this.#advance(to, edits);
    const isRepeat = sameState(this.#held.state, to);
    // Stale, if it does not go beyond what is held. Where that is not so after all, the next progress message shows it.
    const isStale = this.#isVerified && to.rev <= this.rev;
    if (!isRepeat && !isStale) this.#want(to);
    return [];
  }

  /** Answers the table once a snapshot is complete: for `replaceBy`. Throws a DecodeError, as `applyDelta` does. */
  takeChunk(message: ChunkMessage, nowMs: number): RowTable | undefined {
    return this.#snapshot.take(
      message,
      message.lines.map((line) => this.#edit(line)),
      nowMs,
    );
  }

  /**
   * Puts a complete snapshot in place of what is held, and answers the difference. `isNewest`: it is not older than the last progress message, so
   * that nothing which that one reports can be missing in it.
   */
  replaceBy(table: RowTable, isNewest: boolean): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const key of this.#held.rows.keys()) if (!table.rows.has(key)) changes.push({ key, row: undefined });
    for (const [key, row] of table.rows) {
      if (!isHeld(this.#held, { key, row, hash: table.hashes.get(key) })) changes.push({ key, row });
    }
    this.#held = table;
    this.#isComplete = true;
    this.#isVerified = true;
    if (isNewest) this.#want(table.state);
    return changes;
  }

  /** Messages may have been missed: what came in pieces has a gap. */
  dropPieces(): void {
    this.#snapshot.drop();
    this.#delta.drop();
  }

  dropSnapshot(): void {
    this.#snapshot.drop();
  }

  /** Another projector speaks. What is held stays until its states are known: often they are the same. */
  beginTerm(): void {
    this.#isVerified = false;
    this.#wanted = undefined;
    this.dropPieces();
  }

  #advance(to: TableState, edits: readonly RowEdit[]): readonly RowChange[] {
    for (const edit of edits) this.#held.edit(edit);
    this.#held.state = to;
    this.#isVerified = true;
    return edits.map(({ key, row }) => ({ key, row }));
  }

  #edit(line: string): RowEdit {
    const edit = lineToEdit(line);
    return edit.row === undefined ? edit : { ...edit, row: this.#keep(this.name, edit.row) };
  }

  #want(state: TableState): void {
    if (this.#wanted === undefined || state.rev >= this.#wanted.rev) this.#wanted = state;
  }
}
