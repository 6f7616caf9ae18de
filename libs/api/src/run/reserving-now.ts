/** A reservation stream on a log that answers at once. */
import type { ObjectPort } from './object-port.ts';
import type { Ending, Proposer, ReservationQueue } from './reservation-queue.ts';
import type { ReservationPort } from './reservation-run.ts';

/** `load`: reads the stream into the queue. */
export function reservingNow(
  queue: ReservationQueue,
  proposer: Proposer,
  { load, append }: Readonly<{ load: () => void; append: ObjectPort['append'] }>,
): ReservationPort {
  return {
    load,
    propose: (facts) => {
      const endings: Ending[] = [];
      queue.propose(facts, proposer, (ending) => void endings.push(ending));
      const batch = queue.takeBatch();
      if (batch !== undefined) {
        const appended = append(queue.stream, batch.expected, batch.events);
        if (appended.outcome === 'appended') queue.settle(appended.position);
        else queue.fail('overtaken');
      }
      return endings[0] ?? 'overtaken';
    },
    settled: () => 'durable',
  };
}
