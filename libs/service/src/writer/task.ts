/** One command under way. */
import { type CommandEnvelope, type DecideContext, type Facts, NotDoneError, type Reply, textOfTime, uuidv5 } from '@weft/api';
import type { Clock } from '../platform.ts';
import type { Sender } from './senders.ts';

export type Task = {
  readonly envelope: CommandEnvelope;
  readonly sender: Sender;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly reply: Promise<Reply>;
  readonly answer: (reply: Reply) => void;
  /** True once the store has been asked to append: from then on the outcome of a failure is unknown. */
  began: boolean;
  /** True once it was answered. */
  over: boolean;
  /** While it waits for its turn: gives that up. */
  withdraw?: ((why: Error) => void) | undefined;
};

/** `problems`: why others that came before it were not done. */
export function tooLate(problems: readonly string[]): NotDoneError {
  return new NotDoneError(['the command waited too long and was not begun', ...problems].join('; '));
}

export function decideContextOf({ requestId }: CommandEnvelope, clock: Clock, facts: Facts): DecideContext {
  return { now: textOfTime(clock.now()), requestId, derive: (label) => uuidv5(requestId, label), facts };
}
