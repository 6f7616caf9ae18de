/**
 * States as they were at a position of the past. An object's state follows from its own stream, so nothing else has to be read, and a state that has not
 * changed since is at hand: cost grows with what has changed after the position, not with the world.
 *
 *   fold of today ── last changed at or before the position? ──yes──> this state
 *                                                            └─no───> its stream, read up to the position
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

export class PastStates {
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #registry: Registry;
  readonly #follower: Pick<Follower, 'get' | 'all'>;
  readonly #slices: Slices;

  /** The store must give today's event types. */
  constructor(
    options: Readonly<{
      store: Pick<EventStore, 'readStream'>;
      registry: Registry;
      follower: Pick<Follower, 'get' | 'all'>;
      slices: Slices;
    }>,
  ) {
    this.#store = options.store;
    this.#registry = options.registry;
    this.#follower = options.follower;
    this.#slices = options.slices;
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
    for (const today of this.#follower.all()) {
      if (++looked % LOOKS_PER_SLICE === 0) await this.#slices.turn();
      const { key } = today;
      if (key.kind !== kind || (namespace !== undefined && key.namespace !== namespace) || beganAfter(today, position)) continue;
      if (today.position <= position) states.push(today);
      else changed.push(today);
    }
    await inParallel(changed, READS_AT_ONCE, async (today) => {
      states.push(await this.#at(today, position));
    });
    return states.filter((state) => alive(state) !== undefined).sort((a, b) => byName(a.key, b.key));
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
