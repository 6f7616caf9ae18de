/** One command under way. */
import { type CommandEnvelope, type DecideContext, type FactsView, factsOf, type Reply, uuidv5 } from '@weft/api';
import type { Clock } from '../platform.ts';

export type Task = {
  readonly envelope: CommandEnvelope;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly reply: Promise<Reply>;
  readonly answer: (reply: Reply) => void;
  /** Something was handed to the store: from then on a failure's outcome is unknown. */
  began: boolean;
  /** Answered. */
  over: boolean;
};

export function decideContextOf({ requestId }: CommandEnvelope, clock: Clock, view: FactsView): DecideContext {
  return { now: clock.now().toISOString(), requestId, derive: (label) => uuidv5(requestId, label), facts: factsOf(view) };
}
