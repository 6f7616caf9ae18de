/** Hears how far projectors have read, and which tables changed at which positions, without any row. */
import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription } from '../port.ts';
import { parseSubject, subjects } from '../subjects.ts';
import { decodeRowMessage, type ProgressMessage } from './row-messages.ts';

export type RowsProgress = Readonly<{
  context: string;
  /** The projector has read the log so far. */
  upTo: bigint;
  /** Each table with the positions at which it changed, lowest first. */
  changed: readonly Readonly<{ table: string; revs: readonly bigint[] }>[];
  /** A message before this one was missed, or another projector speaks: what changed meanwhile is not known. */
  gap: boolean;
}>;

/** Messages that cannot be read leave a gap. */
export function listenToProgress(bus: Bus, log: BusLog, listener: (progress: RowsProgress) => void): BusSubscription {
  const last = new Map<string, Pick<ProgressMessage, 'term' | 'number'>>();
  let bad = 0;
  return bus.subscribe(subjects.anyRowsProgress(), ({ subject, data }) => {
    const parsed = parseSubject(subject);
    if (parsed?.of !== 'rows-progress') return;
    const { context } = parsed;
    try {
      const message = decodeRowMessage(data);
      if (message.kind !== 'progress') return;
      const { term, number, previous, upTo } = message;
      const before = last.get(context);
      last.set(context, { term, number });
      const gap = before === undefined || before.term !== term || before.number !== previous;
      const changed = message.changed.map(({ table, state, earlier = [] }) => ({ table, revs: [...earlier, state.rev] }));
      listener({ context, upTo, changed, gap });
    } catch (error) {
      last.delete(context);
      if (bad++ === 0) log.error({ err: error, context }, 'a progress message cannot be read');
    }
  });
}
