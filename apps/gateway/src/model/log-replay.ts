import type { Change, Folded, Position, RecordedEvent } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { ObjectChange } from './change-ring.ts';
import { objectChange } from './resource-view.ts';

/** A fold of its own, empty at first: what `createFold` of the API machinery makes. */
export interface ReplayFold {
  apply(event: RecordedEvent): Change;
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
 * The state before the first change of an object is folded from its stream: cost grows with what changed, not with the world.
 */
export async function* replayChanges(store: EventStore, fold: ReplayFold, kind: string, after: Position): AsyncGenerator<ReplayStep> {
  const folded = new Set<string>();
  /** State before the append that is being read, by stream. */
  const open = new Map<string, Folded | undefined>();
  const category = `${kind}-`;
  for await (const event of store.readAll({ from: after })) {
    const { index, count } = event.metadata.append;
    const isLast = index + 1 >= count;
    if (!event.stream.startsWith(category)) {
      if (isLast && open.size === 0) yield { position: event.position };
      continue;
    }
    if (!folded.has(event.stream)) {
      folded.add(event.stream);
      await foldUpTo(store, fold, event);
    }
    const { before, after: next } = fold.apply(event);
    if (!open.has(event.stream)) open.set(event.stream, before);
    if (!isLast) continue;
    const change = objectChange(event.position, open.get(event.stream), next);
    open.delete(event.stream);
    if (open.size === 0) yield { position: event.position, ...(change === undefined ? {} : { change }) };
  }
}

async function foldUpTo(store: EventStore, fold: ReplayFold, event: RecordedEvent): Promise<void> {
  if (event.revision === 0n) return;
  for await (const earlier of store.readStream(event.stream)) {
    if (earlier.revision >= event.revision) return;
    fold.apply(earlier);
  }
}

/** Whether more than `limit` events stand after a position. Reads at most that many. */
export async function isFartherThan(store: EventStore, position: Position, head: Position, limit: number): Promise<boolean> {
  // Positions grow by one or more with each event, so their distance bounds the number of events.
  if (head - position <= BigInt(limit)) return false;
  let count = 0;
  for await (const _ of store.readAll({ from: position, limit: limit + 1 })) count += 1;
  return count > limit;
}
