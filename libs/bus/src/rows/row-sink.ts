/**
 * The subscriber's side of the protocol for one context, without bus and timers: what arrives goes in, what is missing can be read off.
 *
 * A state (rev and digest) names the content of a table, whoever published it. A delta is applied when the table is in the state that the delta
 * starts from, and only if the result has the digest that it promises; anything else is a repeat, or stale, or shows that something was missed. What
 * was missed is a need (`needsRevs`, `tablesInNeed`) that stays until it is met, so an ask or an answer that is lost is simply asked again.
 *
 * A table is `synced` when its state is the one that the projector reported last, or a later one reached from there. `gaplessTo` follows the progress
 * messages as long as their numbers have no gap (else what they say is not `known`) and all tables are synced.
 */

import type { ChunkMessage, DeltaMessage, ProgressMessage, RevsMessage, TableEntry } from './row-messages.ts';
import { isHeld, lineToEdit, type RowEdit, RowTable, sameState, type TableState } from './row-table.ts';
import type { RowChange, TableChange, TableView } from './rows-port.ts';

/** A snapshot that is being received. Deltas that follow each other from its first chunk on are applied between its chunks. */
type Incoming = { snapshot: number; next: number; table: RowTable; lastMs: number };
/** Parts of a delta that came in so far. */
type Parts = { to: TableState; next: number; lines: string[] };

type Followed = {
  readonly name: string;
  held: RowTable;
  complete: boolean;
  /** The held state is known to be one of the present term's. */
  verified: boolean;
  /** Newest state of the projector that is known of. */
  wanted: TableState | undefined;
  incoming: Incoming | undefined;
  parts: Parts | undefined;
};

export type RowSinkOptions = Readonly<{
  /** A term that was silent for so long gives way to an older one that speaks, in ms. A projector speaks each second. */
  silenceMs: number;
  onChange: (change: TableChange) => void;
  /** `gaplessTo`, the term or the completeness of a table moved. */
  onProgress: () => void;
}>;

export class RowSink {
  private readonly followed = new Map<string, Followed>();
  private readonly unsynced = new Set<Followed>();
  /** Those of `unsynced` whose content is not known to be the present term's at any position. */
  private readonly unknown = new Set<Followed>();
  private presentTerm: string | undefined;
  private heardMs = Number.NEGATIVE_INFINITY;
  /** Last progress message that all tables' `wanted` account for. */
  private known: Readonly<{ number: number; upTo: bigint }> | undefined;
  private numberSeen = 0;
  private revsAreNeeded = true;
  private gapless: bigint | undefined;

  constructor(private readonly options: RowSinkOptions) {}

  get term(): string | undefined {
    return this.presentTerm;
  }

  get gaplessTo(): bigint | undefined {
    return this.gapless;
  }

  /** The states of all followed tables should be asked for. */
  get needsRevs(): boolean {
    return this.revsAreNeeded;
  }

  get tables(): string[] {
    return [...this.followed.keys()];
  }

  /** Tables that only a snapshot can bring in line, with the time of the last chunk of one that is on its way. */
  *tablesInNeed(): Generator<Readonly<{ table: string; receivingSinceMs: number | undefined }>> {
    for (const table of this.unsynced) {
      if (!table.complete || table.wanted !== undefined) yield { table: table.name, receivingSinceMs: table.incoming?.lastMs };
    }
  }

  get isInNeedOfAnything(): boolean {
    return this.revsAreNeeded || this.unsynced.size > 0;
  }

  isInNeed(table: string): boolean {
    const followed = this.followed.get(table);
    return followed !== undefined && this.unsynced.has(followed) && (!followed.complete || followed.wanted !== undefined);
  }

  follow(table: string): void {
    if (this.followed.has(table)) return;
    const followed: Followed = {
      name: table,
      held: new RowTable(),
      complete: false,
      verified: false,
      wanted: undefined,
      incoming: undefined,
      parts: undefined,
    };
    this.followed.set(table, followed);
    this.assess(followed);
    this.settle();
  }

  unfollow(table: string): void {
    const followed = this.followed.get(table);
    if (followed === undefined) return;
    this.followed.delete(table);
    this.unsynced.delete(followed);
    this.unknown.delete(followed);
    this.settle();
  }

  view(table: string): TableView | undefined {
    const followed = this.followed.get(table);
    if (followed === undefined) return undefined;
    return { table, complete: followed.complete, rev: followed.held.state.rev, rows: followed.held.rows };
  }

  /** Messages may have passed us by. */
  reconnected(): void {
    this.revsAreNeeded = true;
    for (const followed of this.followed.values()) {
      followed.incoming = undefined;
      followed.parts = undefined;
    }
  }

  progress(message: ProgressMessage, nowMs: number): void {
    if (!this.hears(message.term, nowMs)) return;
    const { number, previous, upTo } = message;
    this.numberSeen = Math.max(this.numberSeen, number);
    if (this.followed.size === 0) {
      // Nothing that could have been missed.
      if (this.known === undefined || number > this.known.number) this.known = { number, upTo };
      this.revsAreNeeded = false;
    } else if (this.known !== undefined && previous === this.known.number) {
      this.known = { number, upTo };
      this.want(message.changed);
    } else if (this.known === undefined || number > this.known.number) {
      this.revsAreNeeded = true;
    }
    this.settle();
  }

  revs(message: RevsMessage, nowMs: number): void {
    if (!this.hears(message.term, nowMs)) return;
    const { number, upTo } = message;
    if (this.known !== undefined && number < this.known.number) return; // An answer that was overtaken.
    this.known = { number, upTo };
    this.want(message.states);
    const inDoubt = [...this.followed.values()].some(({ complete, wanted }) => complete && wanted === undefined);
    this.revsAreNeeded = number < this.numberSeen || inDoubt;
    this.settle();
  }

  /** Throws a DecodeError for lines that are none; nothing is changed then. */
  delta(message: DeltaMessage, nowMs: number): void {
    if (!this.hears(message.term, nowMs)) return;
    const followed = this.followed.get(message.table);
    if (followed === undefined) return;
    const lines = message.parts === 1 ? message.lines : gather(followed, message);
    if (lines !== undefined) this.applyDelta(followed, message, lines.map(lineToEdit));
    this.assess(followed);
    this.settle();
  }

  /** Throws a DecodeError, as `delta` does. */
  chunk(message: ChunkMessage, nowMs: number): void {
    if (!this.hears(message.term, nowMs)) return;
    const followed = this.followed.get(message.table);
    if (followed === undefined || !this.unsynced.has(followed)) return;
    const edits = message.lines.map(lineToEdit);
    let { incoming } = followed;
    if (message.index === 0 && (incoming === undefined || message.snapshot > incoming.snapshot)) {
      incoming = { snapshot: message.snapshot, next: 0, table: new RowTable(), lastMs: nowMs };
      incoming.table.state = message.state;
      followed.incoming = incoming;
    }
    if (incoming === undefined || incoming.snapshot !== message.snapshot || message.index < incoming.next) return;
    // A chunk or a delta between two was lost: the rest is of no use.
    if (message.index > incoming.next || !sameState(incoming.table.state, message.state)) {
      followed.incoming = undefined;
      return;
    }
    for (const edit of edits) incoming.table.edit(edit);
    incoming.next++;
    incoming.lastMs = nowMs;
    if (!message.last) return;
    followed.incoming = undefined;
    if (incoming.table.sumText() !== message.state.digest) return;
    const wasComplete = followed.complete;
    this.replace(followed, incoming.table, message.number);
    this.assess(followed);
    this.settle(!wasComplete);
  }

  private applyDelta(followed: Followed, { from, to }: DeltaMessage, edits: RowEdit[]): void {
    const { incoming, held } = followed;
    if (incoming !== undefined && sameState(incoming.table.state, from)) {
      for (const edit of edits) incoming.table.edit(edit);
      incoming.table.state = to;
    }
    if (!followed.complete) return;
    if (sameState(held.state, from) && held.digestAfter(edits) === to.digest) {
      for (const edit of edits) held.edit(edit);
      held.state = to;
      followed.verified = true;
      this.tell(
        followed,
        edits.map(({ key, row }) => ({ key, row })),
      );
      return;
    }
    if (sameState(held.state, to)) return; // A repeat.
    if (followed.verified && to.rev <= held.state.rev) return; // Stale. If not, the next progress message tells.
    if (followed.wanted === undefined || to.rev >= followed.wanted.rev) followed.wanted = to;
  }

  /** Puts a complete snapshot in place of what is held, and tells the difference. */
  private replace(followed: Followed, table: RowTable, number: number): void {
    const old = followed.held;
    const changes: RowChange[] = [];
    for (const key of old.rows.keys()) if (!table.rows.has(key)) changes.push({ key, row: undefined });
    for (const [key, row] of table.rows) if (!isHeld(old, { key, row, hash: table.hashes.get(key) })) changes.push({ key, row });
    followed.held = table;
    followed.complete = true;
    followed.verified = true;
    if (this.known !== undefined && number >= this.known.number) {
      // Not older than the last progress message, so nothing in that one can be missing.
      if (followed.wanted === undefined || followed.wanted.rev <= table.state.rev) followed.wanted = table.state;
    } else if (followed.wanted === undefined) {
      this.revsAreNeeded = true;
    }
    this.tell(followed, changes);
  }

  private tell(followed: Followed, changes: RowChange[]): void {
    if (changes.length > 0) this.options.onChange({ table: followed.name, changes, rev: followed.held.state.rev });
  }

  private want(entries: readonly TableEntry[]): void {
    for (const { table, state } of entries) {
      const followed = this.followed.get(table);
      if (followed === undefined) continue;
      if (followed.wanted === undefined || state.rev >= followed.wanted.rev) followed.wanted = state;
      if (sameState(followed.held.state, state)) followed.verified = true;
      this.assess(followed);
    }
  }

  private assess(followed: Followed): void {
    const { complete, verified, wanted, held } = followed;
    if (complete && verified) this.unknown.delete(followed);
    else this.unknown.add(followed);
    const synced = complete && verified && wanted !== undefined && (sameState(held.state, wanted) || held.state.rev > wanted.rev);
    if (!synced) {
      this.unsynced.add(followed);
      return;
    }
    this.unsynced.delete(followed);
    followed.incoming = undefined;
  }

  /** True when a message of this term counts. A newer term takes over; an older one does only when the present one has fallen silent. */
  private hears(term: string, nowMs: number): boolean {
    const present = this.presentTerm;
    if (term !== present) {
      if (present !== undefined && term < present && nowMs - this.heardMs <= this.options.silenceMs) return false;
      this.beginTerm(term);
    }
    this.heardMs = nowMs;
    return true;
  }

  /** What is held stays until the new projector's states are known: often they are the same. */
  private beginTerm(term: string): void {
    this.presentTerm = term;
    this.known = undefined;
    this.numberSeen = 0;
    this.revsAreNeeded = true;
    for (const followed of this.followed.values()) {
      followed.verified = false;
      followed.wanted = undefined;
      followed.incoming = undefined;
      followed.parts = undefined;
      this.assess(followed);
    }
  }

  /** Brings `gaplessTo` up to date. While tables lag it keeps its value, unless a table's content is not known at all. */
  private settle(completenessMoved = false): void {
    const before = this.gapless;
    if (this.known === undefined || this.unknown.size > 0) this.gapless = undefined;
    else if (this.unsynced.size === 0) this.gapless = this.known.upTo;
    if (completenessMoved || this.gapless !== before) this.options.onProgress();
  }
}

/** All lines of a delta once its last part is in. */
function gather(followed: Followed, { to, part, parts, lines }: DeltaMessage): string[] | undefined {
  if (part === 0) followed.parts = { to, next: 0, lines: [] };
  const gathered = followed.parts;
  if (gathered === undefined || !sameState(gathered.to, to) || part < gathered.next) return undefined;
  if (part > gathered.next) {
    followed.parts = undefined;
    return undefined;
  }
  gathered.lines.push(...lines);
  gathered.next++;
  if (gathered.next < parts) return undefined;
  followed.parts = undefined;
  return gathered.lines;
}
