import type { Change, Folded, KindModule, ObjectKey, Position } from '@weft/api';
import type { Follower } from '@weft/service';
import type { ObjectChange } from './change-ring.ts';
import { KindView } from './kind-view.ts';
import { LogMarks } from './log-marks.ts';

/**
 * What the gateway serves: the process's fold of the log. An append is one change, so half of one is never listed nor watched.
 *
 * States are shared with the follower, not copied.
 */
export class ResourceView {
  readonly #follower: Follower;
  readonly #kinds = new Map<string, KindView>();
  /** Name of a ledger -> the view of the kind whose objects its records are. */
  readonly #served = new Map<string, KindView>();
  #position: Position = 0n;
  #marks = new LogMarks(Number.POSITIVE_INFINITY, 0n);
  #unsubscribe: (() => void) | undefined;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  /** Takes the follower's state as it is and every change from there, in one turn, so nothing falls in between. Returns the position. */
  start(kinds: readonly Pick<KindModule, 'kind' | 'servedFrom'>[], ringCapacity: number, distanceMax = Number.POSITIVE_INFINITY): Position {
    this.#position = this.#follower.position;
    this.#marks = new LogMarks(distanceMax, this.#position);
    for (const { kind, servedFrom = [] } of kinds) {
      const view = new KindView(ringCapacity, this.#position);
      for (const folded of this.#follower.list(kind)) view.put(folded);
      for (const ledger of servedFrom) {
        // Records of a ledger that a kind is served from are states of its objects.
        for (const record of this.#follower.records(ledger).values()) view.put(record as Folded);
        this.#served.set(ledger, view);
      }
      this.#kinds.set(kind, view);
    }
    this.#unsubscribe = this.#follower.consume({
      name: 'gateway',
      from: this.#follower.position,
      onChange: (change) => this.#take(change),
    });
    return this.#position;
  }

  /**
   * Sets which event the follower's position at `start` belongs to: positions that clients get are those of events, so that one which never
   * was an event's is known as foreign. `floor` is the last event at or below `position`.
   */
  settle(position: Position, floor: Position): void {
    if (this.#position === position) this.#position = floor;
    for (const view of this.#kinds.values()) view.ring.settle(position, floor);
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** The state served is that after this event; a watch from here misses nothing and doubles nothing. */
  get position(): Position {
    return this.#position;
  }

  /** Whether more than `distanceMax` events stand behind it; undefined when that is not known of so old a position. */
  isFarther(position: Position): boolean | undefined {
    return this.#marks.isFarther(position);
  }

  kind(kind: string): KindView {
    const view = this.#kinds.get(kind);
    if (view === undefined) throw new Error(`the view does not hold kind ${kind}`);
    return view;
  }

  get(key: ObjectKey): Folded | undefined {
    return this.kind(key.kind).get(key);
  }

  #take({ append: { position, events }, before, after, records }: Change): void {
    this.#marks.take(position, events.length);
    const view = after === undefined ? undefined : this.#kinds.get(after.key.kind);
    const change = view && objectChange(position, before, after);
    if (change !== undefined) view?.apply(change);
    if (records !== undefined && this.#served.size > 0) this.#takeRecords(position, records);
    this.#position = position;
  }

  /** A record that an append changed twice has changed once. */
  #takeRecords(position: Position, records: NonNullable<Change['records']>): void {
    const changes = new Map<string, { view: KindView; before: unknown; after: unknown }>();
    for (const { ledger, key, before, after } of records) {
      const view = this.#served.get(ledger);
      if (view === undefined) continue;
      const known = changes.get(key);
      if (known === undefined) changes.set(key, { view, before, after });
      else known.after = after;
    }
    for (const { view, before, after } of changes.values()) {
      const change = objectChange(position, before as Folded | undefined, after as Folded | undefined);
      if (change !== undefined) view.apply(change);
    }
  }
}

/** Undefined when there was no live object before and is none after. */
export function objectChange(position: Position, before: Folded | undefined, after: Folded | undefined): ObjectChange | undefined {
  const was = before?.status === 'live' ? before : undefined;
  const is = after?.status === 'live' ? after : undefined;
  if (was === undefined && is === undefined) return undefined;
  return { position, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) };
}
