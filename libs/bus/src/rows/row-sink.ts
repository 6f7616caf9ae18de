/**
 * The subscriber's side of the protocol for one context, without bus and timers: what arrives is put in, what is missing can be read off.
 *
 * A state (rev and digest) names the content of a table, whoever published it. A delta is applied when the table is in the state that the delta
 * starts from, and only if the result has the digest that it promises; anything else is a repeat, or stale, or shows that something was missed. What
 * was missed is a need (`needsRevs`, `tablesInNeed`) that stays until it is met, so an ask or an answer that is lost is simply asked again.
 *
 *   message --> which term counts? --> ProgressTrail: how far are numbered messages gapless?
 *                                  --> FollowedTable: what is held, what should be held?
 *
 * `gaplessTo` is the position of the trail while all tables are synced, or all those that somebody asks about.
 */

import { FollowedTable, type KeepRow } from './followed-table.ts';
import { ProgressTrail } from './progress-trail.ts';
import type { ChunkMessage, DeltaMessage, ProgressMessage, RevsMessage, TableEntry } from './row-messages.ts';
import type { RowChange, TableChange, TableView } from './rows-port.ts';

export type RowSinkOptions = Readonly<{
  /** A term that was silent for so long gives way to an older one that speaks, in ms. A projector speaks each second. */
  silenceMs: number;
  keep?: KeepRow | undefined;
  onChange: (change: TableChange) => void;
  /** `gaplessTo`, also of some tables only, the term or the completeness of a table moved. */
  onProgress: () => void;
}>;

export class RowSink {
  readonly #options: RowSinkOptions;
  readonly #followed = new Map<string, FollowedTable>();
  /** With the position to which they were synced; undefined: not yet, in this term. */
  readonly #unsynced = new Map<FollowedTable, bigint | undefined>();
  /** Those of `#unsynced` whose content is not known to be the present term's at any position. */
  readonly #unknown = new Set<FollowedTable>();
  readonly #trail = new ProgressTrail();
  #term: string | undefined;
  #heardMs = Number.NEGATIVE_INFINITY;
  #gaplessTo: bigint | undefined;
  /** Position of the trail when tables were looked at last. */
  #upTo: bigint | undefined;
  /** What `gaplessTo` says of some table has moved since. */
  #moved = false;

  constructor(options: RowSinkOptions) {
    this.#options = options;
  }

  get term(): string | undefined {
    return this.#term;
  }

  get gaplessTo(): bigint | undefined {
    return this.#gaplessTo;
  }

  /** The same for these tables, whatever others lag. Undefined also while one of them is not followed. */
  gaplessToOf(tables: Iterable<string>): bigint | undefined {
    let lowest = this.#trail.upTo;
    for (const name of tables) {
      const table = this.#followed.get(name);
      if (table === undefined || this.#unknown.has(table)) return undefined;
      if (!this.#unsynced.has(table)) continue;
      const reached = this.#unsynced.get(table);
      if (lowest === undefined || reached === undefined || reached < lowest) lowest = reached;
    }
    return lowest;
  }

  /** The states of all followed tables should be asked for. */
  get needsRevs(): boolean {
    return this.#trail.hasGap;
  }

  get tables(): string[] {
    return [...this.#followed.keys()];
  }

  /** Tables that only a snapshot can bring in line, with the time of the last chunk of one that is on its way. */
  *tablesInNeed(): Generator<Readonly<{ table: string; receivingSinceMs: number | undefined }>> {
    for (const table of this.#unsynced.keys()) {
      if (!table.isInDoubt) yield { table: table.name, receivingSinceMs: table.receivingSinceMs };
    }
  }

  get isInNeedOfAnything(): boolean {
    return this.#trail.hasGap || this.#unsynced.size > 0;
  }

  isInNeed(name: string): boolean {
    const table = this.#followed.get(name);
    return table !== undefined && this.#unsynced.has(table) && !table.isInDoubt;
  }

  follow(name: string): void {
    if (this.#followed.has(name)) return;
    const table = new FollowedTable(name, this.#options.keep);
    this.#followed.set(name, table);
    this.#unsynced.set(table, undefined);
    this.#assess(table);
    this.#settle();
  }

  unfollow(name: string): void {
    const table = this.#followed.get(name);
    if (table === undefined) return;
    this.#followed.delete(name);
    this.#unsynced.delete(table);
    this.#unknown.delete(table);
    this.#settle();
  }

  view(name: string): TableView | undefined {
    return this.#followed.get(name)?.view;
  }

  /** Messages may have been missed. */
  reconnected(): void {
    this.#trail.noteGap();
    for (const table of this.#followed.values()) table.dropPieces();
  }

  progress(message: ProgressMessage, nowMs: number): void {
    if (!this.#counts(message.term, nowMs)) return;
    if (this.#followed.size === 0) this.#trail.followFreely(message);
    else if (this.#trail.follow(message)) this.#takeStates(message.changed);
    this.#settle();
  }

  revs(message: RevsMessage, nowMs: number): void {
    if (!this.#counts(message.term, nowMs)) return;
    // Asked before some table was followed, and late: of that one it says nothing, and it may have changed since.
    const named = new Set(message.states.map(({ table }) => table));
    for (const name of this.#followed.keys()) if (!named.has(name)) return;
    if (!this.#trail.answered(message)) return;
    this.#takeStates(message.states);
    if ([...this.#followed.values()].some((table) => table.isInDoubt)) this.#trail.noteGap();
    this.#settle();
  }

  /** Throws a DecodeError for lines that are none; nothing is changed then. */
  delta(message: DeltaMessage, nowMs: number): void {
    if (!this.#counts(message.term, nowMs)) return;
    const table = this.#followed.get(message.table);
    if (table === undefined) return;
    this.#report(table, table.applyDelta(message));
    this.#assess(table);
    this.#settle();
  }

  /** Throws a DecodeError, as `delta` does. */
  chunk(message: ChunkMessage, nowMs: number): void {
    if (!this.#counts(message.term, nowMs)) return;
    const table = this.#followed.get(message.table);
    if (table === undefined || !this.#unsynced.has(table)) return;
    const snapshot = table.takeChunk(message, nowMs);
    // One that comes a second time, late, would take the table back behind what `gaplessTo` says.
    if (snapshot === undefined || table.isBeyond(snapshot.state)) return;
    const wasComplete = table.isComplete;
    const changes = table.replaceBy(snapshot, this.#trail.reaches(message.number));
    if (table.isInDoubt) this.#trail.noteGap();
    this.#report(table, changes);
    this.#assess(table);
    this.#settle(!wasComplete);
  }

  #takeStates(entries: readonly TableEntry[]): void {
    for (const { table: name, state } of entries) {
      const table = this.#followed.get(name);
      if (table === undefined) continue;
      table.reported(state);
      this.#assess(table);
    }
  }

  #report(table: FollowedTable, changes: readonly RowChange[]): void {
    if (changes.length > 0) this.#options.onChange({ table: table.name, changes, rev: table.rev });
  }

  #assess(table: FollowedTable): void {
    if (table.isKnown) this.#unknown.delete(table);
    else this.#unknown.add(table);
    if (!table.isSynced) {
      if (!this.#unsynced.has(table)) this.#unsynced.set(table, this.#upTo);
      return;
    }
    if (this.#unsynced.delete(table)) this.#moved = true;
    table.dropSnapshot();
  }

  /** True when a message of this term counts. A newer term takes over; an older one does only when the present one has fallen silent. */
  #counts(term: string, nowMs: number): boolean {
    const present = this.#term;
    if (term !== present) {
      if (present !== undefined && term < present && nowMs - this.#heardMs <= this.#options.silenceMs) return false;
      this.#beginTerm(term);
    }
    this.#heardMs = nowMs;
    return true;
  }

  #beginTerm(term: string): void {
    this.#term = term;
    this.#trail.restart();
    this.#upTo = undefined;
    this.#unsynced.clear();
    for (const table of this.#followed.values()) {
      table.beginTerm();
      this.#assess(table);
    }
    // At once, whatever the message says: what the former term reached is nothing that this one has reached.
    this.#settle();
  }

  /** Brings `gaplessTo` up to date. While tables lag it keeps its value, unless a table's content is not known at all. */
  #settle(completenessMoved = false): void {
    const before = this.#gaplessTo;
    const { upTo } = this.#trail;
    if (upTo === undefined || this.#unknown.size > 0) this.#gaplessTo = undefined;
    else if (this.#unsynced.size === 0) this.#gaplessTo = upTo;
    const moved = this.#moved || completenessMoved || this.#gaplessTo !== before || this.#upTo !== upTo;
    this.#moved = false;
    this.#upTo = upTo;
    if (moved) this.#options.onProgress();
  }
}
