/**
 * States as they were at a position of the past. An object's state follows from its own stream, so nothing else has to be read, and a state that has not
 * changed since is at hand: cost grows with what has changed after the position, not with the world.
 *
 *   fold of today ── last changed at or before the position? ──yes──> this state
 *                                                            └─no───> its stream, read up to the position
 *
 * Of a list of which most has changed, one pass over the log up to the position costs less than all these streams.
 */
import {
  absent,
  type Folded,
  followAppend,
  inParallel,
  type ObjectKey,
  type Position,
  type Registry,
  type Slices,
  streamOf,
} from '@weft/api';
import { type EventStore, streamAppends } from '@weft/event-store';
import type { Follower } from '../platform.ts';

/** Streams that are read at a time: EventStoreDB answers each after a while. */
const READS_AT_ONCE = 32;
/** States of today that are looked at before others may have their turn. */
const LOOKS_PER_SLICE = 1_024;
/** Measured with ten events in each stream. */
const STREAM_IN_EVENTS = 20;

type PastStore = Pick<EventStore, 'readStream' | 'readAppendPages'>;

export class PastStates {
  readonly #store: PastStore;
  readonly #registry: Registry;
  readonly #follower: Pick<Follower, 'get' | 'all'>;
  readonly #slices: Slices;
  readonly #streamInEvents: number;

  /** The store must give today's event types. `streamInEvents`: what the read of a stream costs, in events of a pass over the log. */
  constructor(
    options: Readonly<{
      store: PastStore;
      registry: Registry;
      follower: Pick<Follower, 'get' | 'all'>;
      slices: Slices;
      streamInEvents?: number;
    }>,
  ) {
    this.#store = options.store;
    this.#registry = options.registry;
    this.#follower = options.follower;
    this.#slices = options.slices;
    this.#streamInEvents = options.streamInEvents ?? STREAM_IN_EVENTS;
  }

  /** As it lived at the position of an append, which the follower must have reached. */
  async object(key: ObjectKey, position: Position): Promise<Folded | undefined> {
    const today = this.#follower.get(key);
    return today === undefined ? undefined : alive(await this.#at(today, position));
  }

  /** The objects of a kind that lived then, in one namespace or in all, by namespace, then name, both bytewise. */
  async list(kind: string, namespace: string | undefined, position: Position): Promise<readonly Folded[]> {
    const states: Folded[] = [];
    const changed: Folded[] = [];
    let looked = 0;
    let events = 0;
    for (const today of this.#follower.all()) {
      if (++looked % LOOKS_PER_SLICE === 0) await this.#slices.turn();
      const { key, revision } = today;
      if (revision !== 'none') events += Number(revision) + 1;
      if (key.kind !== kind || (namespace !== undefined && key.namespace !== namespace) || beganAfter(today, position)) continue;
      if (today.position <= position) states.push(today);
      else changed.push(today);
    }
    // No store has more events up to a position than the position says.
    const isPass = changed.length * this.#streamInEvents > Math.min(events, Number(position));
    for (const state of isPass ? await this.#passed(changed, position) : await this.#read(changed, position)) states.push(state);
    return states.filter((state) => alive(state) !== undefined).sort((a, b) => byName(a.key, b.key));
  }

  async #read(changed: readonly Folded[], position: Position): Promise<readonly Folded[]> {
    const states: Folded[] = [];
    await inParallel(changed, READS_AT_ONCE, async (today) => {
      states.push(await this.#at(today, position));
    });
    return states;
  }

  async #passed(changed: readonly Folded[], position: Position): Promise<readonly Folded[]> {
    const states = new Map(changed.map(({ key }) => [streamOf(key), absent(this.#registry, key)]));
    for await (const page of this.#store.readAppendPages()) {
      for (const append of page) {
        if (append.position > position) return [...states.values()];
        const before = states.get(append.stream);
        if (before !== undefined) states.set(append.stream, followAppend(this.#registry, before, append, { requests: false }));
      }
      await this.#slices.turn();
    }
    return [...states.values()];
  }

  async #at(today: Folded, position: Position): Promise<Folded> {
    if (today.position <= position) return today;
    const { key } = today;
    let state = absent(this.#registry, key);
    for await (const append of streamAppends(this.#store, streamOf(key), { upTo: position })) {
      state = followAppend(this.#registry, state, append, { requests: false });
      await this.#slices.turn();
    }
    return state;
  }
}

function alive(state: Folded): Folded | undefined {
  return state.status === 'live' ? state : undefined;
}

/** Whether its stream began after a position, as far as its state tells. */
function beganAfter({ facets: { created }, revision }: Folded, position: Position): boolean {
  return revision === 'none' || (created !== undefined && created.revision === 0n && created.position > position);
}

function byName(a: ObjectKey, b: ObjectKey): number {
  const [left, right] = a.namespace === b.namespace ? [a.name, b.name] : [a.namespace ?? '', b.namespace ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}
