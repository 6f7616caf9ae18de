/** What the stores that live in this process read from: pages, synchronously. Positions and revisions are plain numbers in here. */
import type { RecordedEvent } from '@weft/api';
import type { Revision } from './append.rules.ts';

export interface LocalLog {
  /** Position of the last event that may be seen, 0 when there is none. */
  head(): number;
  /** As `head`, without what a commit of this process has written and not yet ended: subscriptions get that from the commit. */
  headToFollow(): number;
  /** At most about `limit` events after a position, in order; empty only at the end. */
  pageAfter(position: number, limit: number): readonly RecordedEvent[];
  /** At most about `limit` events at or before a position, last first; empty only at the start. */
  pageBefore(position: number, limit: number): readonly RecordedEvent[];
  /** Revision of a stream's last event, -1 without one. */
  headOf(stream: string): Revision;
  /** At most `limit` events of a stream from a revision, which exists, in either direction. */
  streamPage(stream: string, from: Revision, direction: 'forwards' | 'backwards', limit: number): readonly RecordedEvent[];
  /** The first revision of a stream whose position is above the given one; one past its last when there is none. */
  revisionAfter(stream: string, position: number): Revision;
  floor(position: number): number;
  /** Position of the last event whose running maximum of times (ms since 1970) is at or before `timeMs`. */
  positionAt(timeMs: number): number;
}

/** What one commit of this process wrote, handed to its subscriptions without a read. Contiguous: nothing lies between `after` and `upTo` but `events`. */
export type LivePage = Readonly<{ after: number; upTo: number; events: readonly RecordedEvent[] }>;
