/** A process of its own: reads, then folds, the log in an embedded store's directory from zero, and prints the figures as JSON. */
import { randomUUID } from 'node:crypto';
import { type Append, createFold, registry } from '@weft/api';
import { liftingStore, openEmbeddedStore } from '@weft/event-store';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { networkDomain } from '@weft/network';
import { policyDomain } from '@weft/policy';

export type ReplayFigures = { events: number; readPerSecond: number; foldPerSecond: number };

const kinds = registry([networkDomain, ipamDomain, lbDomain, policyDomain]);
const store = liftingStore(await openEmbeddedStore({ directory: process.argv[2] ?? '', ids: randomUUID }), kinds);

async function timed(onAppend: (append: Append) => void): Promise<{ events: number; seconds: number }> {
  let events = 0;
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const subscription = store.subscribe(
      {},
      {
        onAppend: (append) => {
          events += append.events.length;
          onAppend(append);
        },
        onCaughtUp: () => {
          resolve();
          void subscription.stop();
        },
        onEnded: reject,
      },
    );
  });
  return { events, seconds: (performance.now() - started) / 1000 };
}

const read = await timed(() => undefined);
const fold = createFold(kinds);
const folded = await timed((append) => void fold.apply(append));
await store.close();
const figures: ReplayFigures = {
  events: read.events,
  readPerSecond: read.events / read.seconds,
  foldPerSecond: folded.events / folded.seconds,
};
process.stdout.write(JSON.stringify(figures));
