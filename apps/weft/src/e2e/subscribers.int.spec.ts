/** Subscribers over each way, killed at any instant, as is what they follow; `npm run test:subscribers` does the same with 10,000 events. */
import { randomOf } from '@weft/testing';
import { withProcesses } from './processes.ts';
import { SubscriberRun } from './subscribers/subscriber-run.ts';

describe('Subscribers in processes of their own, over SSE, from NATS and over gRPC', () => {
  it(
    'miss nothing and see the events of each stream in order, while they, Weft, a gateway and the bus are killed',
    withProcesses(280_000, async (workspace) => {
      const run = new SubscriberRun({ workspace, events: 200, rounds: 1, pauseMsMax: 300, random: randomOf(11), say: () => {} });
      const { events } = await run.run();
      expect(events).toBeGreaterThan(200);
    }),
    300_000,
  );
});
