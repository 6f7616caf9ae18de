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
   * True when we have read or written the state ourselves, so that it is the newest while nobody else writes. Otherwise our view does not know the
   * stream, and the state is a guess. That is enough to try an append: its expected revision decides whether the guess was right.
   */
  certain: boolean;
};

export type ObjectPort = {
  /** Waits until no other command runs on this object, and gives its memory. The run has it until it ends or enters another object. */
  enter(key: ObjectKey): ObjectMemory;
  /** Brings that memory up to what the view shows. Called before each decision. Throws NotDoneError when the command's time is up. */
  refresh(): DecideContext;
  /** Reads the events after that memory's state, which is certain then. */
  readTail(): void;
  /** Waits until the view has reached this position. */
  awaitFacts(position: Position): void;
  /** Makes the claims in order, and gives the outcome of each in the same order. All are tried, also when one of them fails. */
  claim(claims: readonly Claim[], context: DecideContext): readonly (Reservation | Error)[];
  /** Why the claim would be refused now, if it would. Appends nothing. */
  peek(claim: Claim, context: DecideContext): Status | undefined;
  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Appended;
  /** Shows the events of a stream from its start until `visit` gives false. */
  replay(stream: string, visit: (event: RecordedEvent) => boolean): void;
  /** Sends these reservation commands under their request ids. Nobody waits for them; a loop finds in the log what was lost, and sends it again. */
  release(releases: readonly Release[]): void;
  /** Whether a reply without an append is allowed now: nobody else can have become the writer meanwhile. */
  mayAnswer(): boolean;
};

export type Appended = Readonly<
  /** `firstPosition`: that of its first event, where the positions of all its events are known to follow one another. */
  | { outcome: 'appended'; revision: bigint; position: Position; firstPosition?: Position }
  /** The stream was not at the expected revision. In this case and the last one nothing was written. */
  | { outcome: 'overtaken' }
  | { outcome: 'tooLarge'; limitBytes: number }
>;
