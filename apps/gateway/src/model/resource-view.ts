import {
  type Append,
  type Change,
  type Folded,
  type KindModule,
  type ObjectKey,
  type Position,
  positionOfVersion,
  type RecordedEvent,
  resourceVersionOf,
} from '@weft/api';
import type { Follower } from '@weft/service';
import type { ObjectChange } from './change-ring.ts';
import { type Held, KindView, OwnObjects } from './kind-view.ts';
import { LogMarks } from './log-marks.ts';

/**
 * What the gateway serves: the process's fold of the log. An append is one change, so half of one is never listed nor watched.
 *
 * States are shared with the follower, not copied.
 */
export class ResourceView {
  readonly #follower: Follower;
  readonly #kinds = new Map<string, KindView>();
  /** Name of a ledger -> the view of the kind whose objects its records are, and these. */
  readonly #served = new Map<string, Served>();
  #position: Position = 0n;
  #version = '';
  /** Of the last append, as long as `#version` is not that of it. */
  #last: RecordedEvent | undefined;
  #marks = new LogMarks(Number.POSITIVE_INFINITY, 0n);
  #unsubscribe: (() => void) | undefined;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  /** The view begins with the follower's state once the log has been read, and takes every change from there. Before that it shows nothing. */
  start(kinds: Kinds, ringCapacity: number, distanceMax = Number.POSITIVE_INFINITY): void {
    for (const { kind } of kinds) this.#kinds.set(kind, new KindView(NOTHING, ringCapacity, 0n));
    this.#unsubscribe = this.#follower.consume({
      name: 'gateway',
      onBegin: () => {
        // Of the last event, which a follower at the end of the log may be beyond.
        this.#version = this.#follower.version;
        this.#begin(kinds, ringCapacity, positionOfVersion(this.#version) ?? 0n);
        this.#marks = new LogMarks(distanceMax, this.#position);
      },
      onChange: (change) => this.#take(change),
    });
  }

  #begin(kinds: Kinds, ringCapacity: number, position: Position): void {
    this.#position = position;
    for (const { kind, servedFrom } of kinds) {
      const own = servedFrom === undefined ? undefined : new OwnObjects();
      const view = new KindView(own ?? heldBy(this.#follower, kind), ringCapacity, position);
      this.#kinds.set(kind, view);
      if (own === undefined) continue;
      for (const ledger of servedFrom ?? []) {
        // Records of a ledger that a kind is served from are states of its objects.
        for (const record of this.#follower.records(ledger).values()) own.put(record as Folded);
        this.#served.set(ledger, { view, own });
      }
    }
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** The state served is that after this event; a watch from here misses nothing and doubles nothing. */
  get position(): Position {
    return this.#position;
  }

  /** The same as a resourceVersion. */
  get version(): string {
    if (this.#last !== undefined) this.#version = resourceVersionOf(this.#last);
    this.#last = undefined;
    return this.#version;
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

  #take({ append, before, after, records }: Change): void {
    const { position, events } = append;
    this.#marks.take(position, events.length);
    const view = after === undefined ? undefined : this.#kinds.get(after.key.kind);
    const change = view && objectChange(append, before, after);
    if (change !== undefined) view?.apply(change);
    if (records !== undefined && this.#served.size > 0) this.#takeRecords(append, records);
    this.#position = position;
    this.#last = events.at(-1);
  }

  /** A record that an append changed twice has changed once. */
  #takeRecords(append: Append, records: NonNullable<Change['records']>): void {
    const changes = new Map<string, { served: Served; before: unknown; after: unknown }>();
    for (const { ledger, key, before, after } of records) {
      const served = this.#served.get(ledger);
      if (served === undefined) continue;
      const known = changes.get(key);
      if (known === undefined) changes.set(key, { served, before, after });
      else known.after = after;
    }
    for (const { served, before, after } of changes.values()) {
      const change = objectChange(append, before as Folded | undefined, after as Folded | undefined);
      if (change === undefined) continue;
      served.own.take(change);
      served.view.apply(change);
    }
  }
}

type Kinds = readonly Pick<KindModule, 'kind' | 'servedFrom'>[];
type Served = Readonly<{ view: KindView; own: OwnObjects }>;

const NOTHING: Held = { size: 0, get: () => undefined, list: () => [] };

function heldBy(follower: Follower, kind: string): Held {
  return {
    get size() {
      return follower.count(kind);
    },
    get: (key) => {
      const folded = follower.get(key);
      return folded?.status === 'live' ? folded : undefined;
    },
    list: (namespace) => [...follower.listOrdered(kind, namespace)],
  };
}

/** Undefined when there was no live object before and is none after. */
export function objectChange(
  { position, events }: Append,
  before: Folded | undefined,
  after: Folded | undefined,
): ObjectChange | undefined {
  const was = before?.status === 'live' ? before : undefined;
  const is = after?.status === 'live' ? after : undefined;
  if (was === undefined && is === undefined) return undefined;
  // States have it at hand, records that are gone do not.
  const version = after?.object.metadata.resourceVersion ?? resourceVersionOf(events.at(-1) as RecordedEvent);
  return { position, version, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) };
}
