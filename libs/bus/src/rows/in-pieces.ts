/** What comes in several messages: a large delta, and a snapshot. Either is complete, or of no use. */

import type { ChunkMessage, DeltaMessage } from './row-messages.ts';
import { type RowEdit, RowTable, sameState, type TableState } from './row-table.ts';

/** Gathers the parts of one delta. */
export class DeltaParts {
  #gathered: { readonly to: TableState; next: number; readonly lines: string[] } | undefined;

  /** All lines of a delta once its last part is in. */
  take({ to, part, parts, lines }: DeltaMessage): readonly string[] | undefined {
    if (parts === 1) return lines;
    if (part === 0) this.#gathered = { to, next: 0, lines: [] };
    const gathered = this.#gathered;
    if (gathered === undefined || !sameState(gathered.to, to) || part < gathered.next) return undefined;
    if (part > gathered.next) {
      this.drop();
      return undefined;
    }
    gathered.lines.push(...lines);
    gathered.next++;
    if (gathered.next < parts) return undefined;
    this.drop();
    return gathered.lines;
  }

  drop(): void {
    this.#gathered = undefined;
  }
}

/** Gathers the chunks of one snapshot. The table changes while it is read, so the deltas between two chunks belong to it. */
export class SnapshotChunks {
  #incoming: { readonly snapshot: number; next: number; readonly table: RowTable; lastMs: number } | undefined;

  /** When its last chunk came; undefined while none is on its way. */
  get lastMs(): number | undefined {
    return this.#incoming?.lastMs;
  }

  /** The table once its last chunk is in, and its rows have the digest that was promised. `edits` are the lines of the message. */
  take(message: ChunkMessage, edits: readonly RowEdit[], nowMs: number): RowTable | undefined {
    if (message.index === 0 && (this.#incoming === undefined || message.snapshot > this.#incoming.snapshot)) this.#begin(message, nowMs);
    const incoming = this.#incoming;
    if (incoming === undefined || incoming.snapshot !== message.snapshot || message.index < incoming.next) return undefined;
    if (message.index > incoming.next || !sameState(incoming.table.state, message.state)) {
      this.drop(); // A chunk was lost, or a delta between two.
      return undefined;
    }
    for (const edit of edits) incoming.table.edit(edit);
    incoming.next++;
    incoming.lastMs = nowMs;
    if (!message.last) return undefined;
    this.drop();
    return incoming.table.sumText() === message.state.digest ? incoming.table : undefined;
  }

  /** A delta that came between two chunks. */
  applyDelta(from: TableState, to: TableState, edits: readonly RowEdit[]): void {
    const table = this.#incoming?.table;
    if (table === undefined || !sameState(table.state, from)) return;
    for (const edit of edits) table.edit(edit);
    table.state = to;
  }

  drop(): void {
    this.#incoming = undefined;
  }

  #begin({ snapshot, state }: ChunkMessage, nowMs: number): void {
    const table = new RowTable();
    table.state = state;
    this.#incoming = { snapshot, next: 0, table, lastMs: nowMs };
  }
}
