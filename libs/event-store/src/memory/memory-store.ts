/**
 * The event store in memory, for fast tests and simulation: same rules, same subscriptions, same contract suite as the others.
 * Events are frozen as they come in, so that a test finds whoever changes one.
 */
import { type NewEvent, type RecordedEvent, systemClock } from '@weft/api';
import { fromRevision, judgeAppend, NO_EVENTS, type Revision } from '../append.rules.ts';
import { WrongRevisionError } from '../errors.ts';
import { type FlushSeam, GroupCommit, type PendingAppend } from '../group-commit.ts';
import type { LivePage, LocalLog } from '../local-log.ts';
import { LocalStore } from '../local-store.ts';
import type { EventStore } from '../port.ts';
import { type Surroundings, storeIdentity } from '../store-identity.ts';

export type MemoryStoreOptions = Surroundings &
  Readonly<{
    /** Stands around each flush; for tests. */
    flush?: FlushSeam;
    /** Distance between positions, 1 unless given: another one finds code that takes positions for numbers of events. */
    positionStep?: number;
  }>;

export async function createMemoryStore(options: MemoryStoreOptions = {}): Promise<EventStore> {
  const log = new MemoryLog(options.positionStep ?? 1);
  const commits = new GroupCommit({
    commit: async (take) => log.write(take()),
    publish: (page) => store.publish(page),
    flush: options.flush,
    clock: options.clock,
  });
  const store = new LocalStore({ log, commits, clock: options.clock ?? systemClock, release: async () => {} });
  store.storeId = await storeIdentity(store, 'memory:', options);
  return store;
}

class MemoryLog implements LocalLog {
  readonly #events: RecordedEvent[] = [];
  /** Running maximum of the times, by index. */
  readonly #timesMs: number[] = [];
  readonly #streams = new Map<string, number[]>();
  readonly #step: number;

  constructor(step: number) {
    this.#step = step;
  }

  write(batch: readonly PendingAppend[]): LivePage | undefined {
    const first = this.#events.length;
    for (const append of batch) append.outcome = this.#judge(append);
    if (first === this.#events.length) return undefined;
    return { after: first * this.#step, upTo: this.head(), events: this.#events.slice(first) };
  }

  head(): number {
    return this.#events.length * this.#step;
  }

  headToFollow(): number {
    return this.head();
  }

  pageAfter(position: number, limit: number): readonly RecordedEvent[] {
    const from = Math.floor(position / this.#step);
    return this.#events.slice(from, from + limit);
  }

  pageBefore(position: number, limit: number): readonly RecordedEvent[] {
    const upTo = Math.min(Math.floor(position / this.#step), this.#events.length);
    return this.#events.slice(Math.max(0, upTo - limit), upTo).reverse();
  }

  headOf(stream: string): Revision {
    return (this.#streams.get(stream)?.length ?? 0) - 1;
  }

  streamPage(stream: string, from: Revision, direction: 'forwards' | 'backwards', limit: number): readonly RecordedEvent[] {
    const indices = this.#streams.get(stream) ?? [];
    const page =
      direction === 'forwards' ? indices.slice(from, from + limit) : indices.slice(Math.max(0, from + 1 - limit), from + 1).reverse();
    return page.map((index) => this.#events[index] as RecordedEvent);
  }

  revisionAfter(stream: string, position: number): Revision {
    const indices = this.#streams.get(stream) ?? [];
    return countWhile(indices.length, (i) => this.#positionOf(indices[i] as number) <= position);
  }

  floor(position: number): number {
    return Math.min(Math.floor(position / this.#step), this.#events.length) * this.#step;
  }

  positionAt(timeMs: number): number {
    return countWhile(this.#timesMs.length, (i) => (this.#timesMs[i] as number) <= timeMs) * this.#step;
  }

  #positionOf(index: number): number {
    return (index + 1) * this.#step;
  }

  #judge({ stream, expected, events }: PendingAppend): PendingAppend['outcome'] {
    const indices = this.#streams.get(stream) ?? [];
    const actual = indices.length - 1;
    const eventAt = (revision: Revision) => this.#events[indices[revision] as number];
    switch (judgeAppend(actual, expected, events, (revision) => eventAt(revision)?.id)) {
      case 'wrong':
        return new WrongRevisionError(stream, fromRevision(expected), fromRevision(actual));
      case 'repeat': {
        const revision = expected + events.length;
        return { revision: BigInt(revision), position: BigInt(this.#positionOf(indices[revision] as number)), repeated: true };
      }
      case 'write':
        if (actual === NO_EVENTS) this.#streams.set(stream, indices);
        for (const event of events) this.#add(stream, indices, event);
        return {
          revision: BigInt(actual + events.length),
          position: BigInt(this.head()),
          ...(this.#step === 1 && { firstPosition: BigInt(this.head() - events.length + 1) }),
          repeated: false,
        };
    }
  }

  #add(stream: string, indices: number[], { id, type, data, metadata }: NewEvent): void {
    const index = this.#events.length;
    const recorded = { id, type, data, metadata, stream, revision: BigInt(indices.length), position: BigInt(this.#positionOf(index)) };
    indices.push(index);
    this.#events.push(deepFreeze(recorded));
    this.#timesMs.push(Math.max(this.#timesMs.at(-1) ?? Number.NEGATIVE_INFINITY, Date.parse(metadata.time)));
  }
}

/** How many of the first `length` indices satisfy a condition that, once false, stays false. */
function countWhile(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
