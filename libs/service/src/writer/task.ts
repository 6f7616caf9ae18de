/** One command under way. */
import { type CommandEnvelope, type DecideContext, type FactsView, type Reply, uuidv5 } from '@weft/api';
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

export function decideContextOf(
  envelope: CommandEnvelope,
  clock: Clock,
  facts: FactsView,
  nextMac?: () => string | undefined,
): DecideContext {
  const { requestId } = envelope;
  return { now: clock.now().toISOString(), requestId, derive: (label) => uuidv5(requestId, label), facts, ...(nextMac && { nextMac }) };
}
