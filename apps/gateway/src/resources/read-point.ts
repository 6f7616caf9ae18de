import { type Position, resourceVersionOf } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Follower } from '@weft/service';
import { expired, timeout, unavailable } from '../http/failures.ts';
import type { ResourceView } from '../model/resource-view.ts';
import type { AskedVersion } from './list-options.ts';

/** Makes reads include every write that was acknowledged before they came in, also through another gateway (http-api 8.2). */
export class ReadPoint {
  readonly #store: EventStore;
  readonly #follower: Follower;
  readonly #view: ResourceView;
  readonly #waitMs: number;
  #acknowledged: Position = 0n;
  #running: Promise<Position> | undefined;
  #next: Promise<Position> | undefined;

  constructor(options: { store: EventStore; follower: Follower; view: ResourceView; waitMs: number }) {
    this.#store = options.store;
    this.#follower = options.follower;
    this.#view = options.view;
    this.#waitMs = options.waitMs;
  }

  /** The highest position that this gateway has answered a write with. */
  get acknowledged(): Position {
    return this.#acknowledged;
  }

  acknowledge(position: Position): void {
    if (position > this.#acknowledged) this.#acknowledged = position;
  }

  /** Resolves when the view has begun; 503 when the log is not read in time. */
  async begun(): Promise<void> {
    if (this.#follower.caughtUp || (await this.#reach(0n))) return;
    throw unavailable(`the log is being read (at ${this.#follower.position})`);
  }

  /** Resolves when the view has every write that was acknowledged before the call. 504 when it lags too far, 503 when the store is away. */
  async latest(): Promise<void> {
    const acknowledged = this.#acknowledged;
    let target = await this.head();
    if (acknowledged > target) target = acknowledged;
    if (!(await this.#reach(target))) {
      throw timeout(`Timeout: the view of the log is at ${this.#view.position} and has not reached ${target} within ${this.#waitMs} ms`);
    }
  }

  /**
   * Resolves with the position of a resourceVersion when the view has reached it. 504 when it does not get there in time, 410 when this log does not hold
   * it, 503 when the store is away.
   */
  async atLeast(asked: AskedVersion): Promise<Position> {
    const { version, position } = asked;
    if (position === undefined) throw expired(foreignVersion(asked));
    if (!(await this.#reach(position))) {
      throw timeout(`Timeout: Too large resource version: ${version}, current: ${this.#view.version}`, [
        { reason: 'ResourceVersionTooLarge', field: '', message: 'Too large resource version' },
      ]);
    }
    if (
      !(await this.holds(asked).catch((cause: Error) => Promise.reject(unavailable(`the event store does not answer: ${cause.message}`))))
    )
      throw expired(foreignVersion(asked));
    return position;
  }

  /**
   * Whether this log holds the event that a resourceVersion was made of: not when it comes from another store, or from a history that a restored backup does
   * not hold (ADR 45). For positions that the view has reached. Rejects when the store does not answer.
   */
  async holds({ version, position }: AskedVersion): Promise<boolean> {
    if (version === this.#view.version) return true;
    if (position === undefined) return false;
    for await (const event of this.#store.readAll({ direction: 'backwards', from: position, limit: 1 }))
      return event.position === position && resourceVersionOf(event) === version;
    return false;
  }

  /** Whether `position` is reached in time. */
  async reaches(position: Position): Promise<boolean> {
    return this.#reach(position);
  }

  /** The log's last position, read after the call. Callers that come while one read runs share the next one. */
  async head(): Promise<Position> {
    try {
      return await this.#sharedHead();
    } catch (cause) {
      throw unavailable(`the event store does not answer: ${(cause as Error).message}`);
    }
  }

  #sharedHead(): Promise<Position> {
    if (this.#running === undefined) {
      this.#running = this.#store.head().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => 0n)
      .then(() => {
        this.#next = undefined;
        return this.#sharedHead();
      });
    return this.#next;
  }

  async #reach(position: Position): Promise<boolean> {
    try {
      await this.#follower.waitFor(position, this.#waitMs);
      return true;
    } catch {
      return this.#follower.caughtUp && this.#follower.position >= position;
    }
  }
}

export function foreignVersion({ version }: AskedVersion): string {
  return `the resource version ${version} is none of this log: it comes from another one, or from before a backup was restored`;
}
