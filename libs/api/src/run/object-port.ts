/** What a command on an object needs from whoever carries it out. Every method may throw NotDoneError or OutcomeUnknownError. */
import type { Release } from '../claims/open-releases.ts';
import type { Claim, DecideContext, Folded } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import type { NewEvent, Position, RecordedEvent } from '../log/envelope.ts';
import type { Status } from '../status/status.ts';
import type { Reservation } from './reservation-run.ts';

/** What is known of one object's stream. A run changes it: there is one run at a time on an object. */
export type ObjectMemory = {
  state: Folded;
  /**
   * The state was read or written by us, so that it is the newest while nobody else writes. Else it is that of a stream which our view does
   * not know: good enough to try an append, whose expected revision settles it.
   */
  certain: boolean;
};

export type ObjectPort = {
  /** The memory of this object, once no other command runs on it; until the run ends or enters another object. */
  enter(key: ObjectKey): ObjectMemory;
  /** Brings that memory up to what the view shows. Called before each decision. Throws NotDoneError when the command's time is up. */
  refresh(): DecideContext;
  /** Reads the events beyond that memory's state, which is certain then. */
  readTail(): void;
  /** Until the view has reached this position. */
  awaitFacts(position: Position): void;
  /** Makes the claims, in order; how each ended, in the same order. All are tried, whatever becomes of the others. */
  claim(claims: readonly Claim[], context: DecideContext): readonly (Reservation | Error)[];
  /** Why the claim would be refused now, if it would. Appends nothing. */
  peek(claim: Claim, context: DecideContext): Status | undefined;
  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Appended;
  /** Shows the events of a stream from its start until `visit` gives false. */
  replay(stream: string, visit: (event: RecordedEvent) => boolean): void;
  /** Carries these reservation commands out at some time, under their request ids; nobody waits, and what is lost is found again in the log. */
  release(releases: readonly Release[]): void;
  /** Whether what is known may be answered without an append: others cannot have become the writer unnoticed. */
  mayAnswer(): boolean;
};

export type Appended = Readonly<
  | { outcome: 'appended'; revision: bigint; position: Position }
  /** The stream was not at the expected revision. Nothing was written, nor in the last case. */
  | { outcome: 'overtaken' }
  | { outcome: 'tooLarge'; limitBytes: number }
>;
