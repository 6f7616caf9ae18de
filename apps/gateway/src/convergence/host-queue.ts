/** What a host has to apply, of changes that are remembered, and its last report. */
import type { Position, RecordedEvent } from '@weft/api';
import type { Note, TrackedChange } from './tracked-change.ts';

/** Notes of changes that are forgotten are looked for when there are twice as many as after the last time. */
const NOTES_MIN = 64;

export class HostQueue {
  readonly host: string;
  /** `HostApplied.v1`. */
  report: RecordedEvent | undefined;
  /** Changes with interfaces there whose links are not up. */
  readonly linked = new Set<TrackedChange>();
  #notes: Note[] = [];
  #notesMax = NOTES_MIN;

  constructor(host: string) {
    this.host = host;
  }

  add(note: Note): void {
    this.#notes.push(note);
    if (this.#notes.length <= this.#notesMax) return;
    this.#notes = this.#notes.filter(({ change }) => !change.isForgotten);
    this.#notesMax = Math.max(NOTES_MIN, 2 * this.#notes.length);
  }

  /** Whether it has reported something that stands behind this position. */
  hasReportedSince(position: Position): boolean {
    return this.report !== undefined && this.report.position > position;
  }

  /** Takes out those that the host has by now. O(what it has not). */
  take(has: (note: Note) => boolean): readonly Note[] {
    const taken: Note[] = [];
    const left: Note[] = [];
    for (const note of this.#notes) {
      if (note.change.isForgotten) continue;
      (has(note) ? taken : left).push(note);
    }
    this.#notes = left;
    return taken;
  }
}
