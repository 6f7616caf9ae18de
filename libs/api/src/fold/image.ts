/**
 * What a fold holds, in pieces that can be kept outside of the process and put into an empty fold of the same code: snapshots (DESIGN 9.7).
 *
 *   scan ──> each state and each record, while the fold goes on          ┐ put in this order into an empty fold:
 *   takeChanges ──> what has changed since the scan began, at one moment  │ the fold as it was at that moment
 *   takeChanges ──> what has changed since then, at one moment            ┘ … at this one
 */
import type { Folded } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import type { Position } from '../log/envelope.ts';
import type { PassedOver } from './fold.ts';

/** `moved`: among the records of its ledger it stands behind all others, in the order of the pieces. Absent `record`: there is none under this key. */
export type RecordPiece = Readonly<{ ledger: string; key: string; record?: unknown; moved: boolean }>;
/** A stream that was found at a place once, by its hash (`FormerMembers`). */
export type FormerPiece = Readonly<{ place: number; stream: string }>;
export type Piece = Readonly<{ state: Folded }> | RecordPiece | FormerPiece;
/**
 * A state that lies outside: `read` makes it when somebody looks at it first. `values`: under which it is found, for each index of its kind in the order of
 * their declaration; none of one that does not live.
 */
export type KeptState = Readonly<{
  key: ObjectKey;
  isLive: boolean;
  isUnreadable: boolean;
  values: readonly (readonly string[])[];
  read: () => Folded;
}>;
export type KeptPiece = Readonly<{ kept: KeptState }> | RecordPiece | FormerPiece;

/** Where a fold stands. */
export type Stand = Readonly<{ position: Position; passedOver: PassedOver }>;

export interface FoldImage {
  /** All pieces, each as it is when it is taken; from now on changes are noted. Several `apply` may come while it is read. */
  scan(): Iterable<Piece>;
  /** What has changed since the last call, or since the last scan began, as it is now. O(changed) */
  takeChanges(): readonly Piece[];
  /** How many pieces `takeChanges` would give. */
  readonly changes: number;
  put(piece: Piece | KeptPiece): void;
  /** What was put is the fold at this point of the log; from now on changes are noted. */
  stand(at: Stand): void;
}
