/** Asks those who publish rows to make theirs anew beside the present ones, and to go on with the new ones. */
import { CONTEXTS, type Context } from '@weft/api';
import { type Bus, BusError, subjects } from '@weft/bus';
import type { RebuildReport } from '../projector/rebuilding.ts';
import { NotPublishedError } from './compare-rows.ts';

export type SwitchedOver = Omit<RebuildReport, 'position'> & Readonly<{ context: Context; position: string }>;

/** One context after the other. Throws a NotPublishedError where nobody answers, or somebody refuses. */
export async function switchOver(bus: Bus, waitMs: number): Promise<readonly SwitchedOver[]> {
  const switched: SwitchedOver[] = [];
  for (const context of CONTEXTS) {
    let answer: Omit<SwitchedOver, 'context'> | Readonly<{ refused: string }>;
    try {
      const bytes = await bus.request(subjects.rebuild(context), Buffer.from(JSON.stringify({ andSwitch: true })), { timeoutMs: waitMs });
      answer = JSON.parse(Buffer.from(bytes).toString());
    } catch (cause) {
      if (!(cause instanceof BusError)) throw cause;
      throw new NotPublishedError(`nobody who publishes the rows of the ${context} context has answered (${cause.message})`, { cause });
    }
    if ('refused' in answer) throw new NotPublishedError(`the rows of the ${context} context are not made anew: ${answer.refused}`);
    switched.push({ context, ...answer });
  }
  return switched;
}
