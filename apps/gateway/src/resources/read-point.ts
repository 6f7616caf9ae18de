import type { Position } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Follower } from '@weft/service';
import { timeout, unavailable } from '../http/failures.ts';
import type { ResourceView } from '../model/resource-view.ts';

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

  /** Resolves when the view is at `position` or later; 504 when it does not get there in time. */
  async atLeast(position: Position): Promise<void> {
    if (!(await this.#reach(position))) {
      throw timeout(`Timeout: Too large resource version: ${position}, current: ${this.#view.position}`, [
        { reason: 'ResourceVersionTooLarge', field: '', message: 'Too large resource version' },
      ]);
    }
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
