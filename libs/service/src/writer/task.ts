/** One command under way. */
import { type CommandEnvelope, type DecideContext, type Facts, type Reply, uuidv5 } from '@weft/api';
import type { Clock } from '../platform.ts';

export type Task = {
  readonly envelope: CommandEnvelope;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly reply: Promise<Reply>;
  readonly answer: (reply: Reply) => void;
  /** True once the store has been asked to append: from then on the outcome of a failure is unknown. */
  began: boolean;
  /** True once it was answered. */
  over: boolean;
};

export function decideContextOf({ requestId }: CommandEnvelope, clock: Clock, facts: Facts): DecideContext {
  return { now: clock.now().toISOString(), requestId, derive: (label) => uuidv5(requestId, label), facts };
}
