import { type Append, appendOf, type Change, type Position, type RecordedEvent } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { ObjectChange } from './change-ring.ts';
import { objectChange } from './resource-view.ts';

/** A fold of its own, empty at first: what `createFold` of the API machinery makes. */
export interface ReplayFold {
  apply(append: Append): Change;
}

export type ReplayStep = Readonly<{
  /** Every change of the kind up to here has been given. */
  position: Position;
  change?: ObjectChange;
}>;

/**
 * The changes of one kind after a position, read from the log again, for watches that start before the ring of recent changes. A step follows
 * each append of any kind, so that the reader can leave as soon as the ring has the rest.
 *
 * The state before the first change of an object is folded from its stream: cost grows with what changed, not with the world. Throws a TooFarError when
 * these streams are so long that more than `earlierMax` events would have to be read for that.
 */
export async function* replayChanges(
  store: EventStore,
  fold: ReplayFold,
  { kind, after, earlierMax }: Readonly<{ kind: string; after: Position; earlierMax: number }>,
): AsyncGenerator<ReplayStep> {
  let earlier = 0;
  const folded = new Set<string>();
  const category = `${kind}-`;
  for await (const page of store.readAppendPages({ from: after })) {
    for (const append of page) {
      const { stream, position } = append;
      if (!stream.startsWith(category)) {
        yield { position };
        continue;
      }
      if (!folded.has(stream)) {
        folded.add(stream);
        earlier += Number(append.events[0].revision);
        if (earlier > earlierMax) throw new TooFarError(`more than ${earlierMax} earlier events are needed to go on from ${after}`);
        await foldUpTo(store, fold, append);
      }
      const { before, after: next } = fold.apply(append);
      const change = objectChange(append, before, next);
      yield { position, ...(change === undefined ? {} : { change }) };
    }
  }
}

export class TooFarError extends Error {}

/** What stands in its stream before an append, as one. */
async function foldUpTo(store: EventStore, fold: ReplayFold, { stream, events: [first] }: Append): Promise<void> {
  if (first.revision === 0n) return;
  const earlier: RecordedEvent[] = [];
  for await (const event of store.readStream(stream, { limit: Number(first.revision) })) earlier.push(event);
  fold.apply(appendOf(earlier));
}

/** Whether more than `limit` events stand after a position. Reads at most that many. */
export async function isFartherThan(store: EventStore, position: Position, head: Position, limit: number): Promise<boolean> {
  // Positions grow by one or more with each event, so their distance bounds the number of events.
  if (head - position <= BigInt(limit)) return false;
  let count = 0;
  for await (const _ of store.readAll({ from: position, limit: limit + 1 })) count += 1;
  return count > limit;
}
