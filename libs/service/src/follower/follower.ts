/**
 * The running fold of the log in this process: one subscription, from a snapshot or from the start of the log, every append folded once. Once the log has
 * been read, consumers begin with the fold as it is and get every change from there, in order. What this version cannot fold stops the object that it
 * belongs to, and nothing else; it is counted and logged.
 *
 *   snapshot ──> fold <── appends until the end of the log ──┬── consumers begin ── changes ──>
 */
import {
  type Append,
  type Change,
  type Clock,
  createFold,
  type Fold,
  type Folded,
  type Followed,
  type FormerMembers,
  type KnownStates,
  type ObjectKey,
  type PassedOver,
  type Position,
  type RecordedEvent,
  type Registry,
  resourceVersionOf,
  Slices,
  type Timer,
  type Timers,
} from '@weft/api';
import type { EventStore, Subscription } from '@weft/event-store';
import type { Consumer, Follower, Logger, Part } from '../platform.ts';
import type { FoldSnapshots } from '../snapshots/fold-snapshots.ts';

export class FollowerTimeoutError extends Error {
  constructor(
    readonly wanted: Position,
    readonly position: Position,
    readonly timeoutMs: number,
  ) {
    super(`the log was read to ${position} only, ${wanted} was not reached within ${timeoutMs} ms`);
  }
}

export class FollowerEndedError extends Error {}

export type LogFollowerOptions = Readonly<{
  store: EventStore;
  registry: Registry;
  clock: Clock;
  log: Logger;
  /** Without them the log is read from its start. */
  snapshots?: FoldSnapshots;
  /** Of what it keeps where objects were once; default: of nothing. */
  followed?: Followed;
  /** What writers of this process have computed. */
  known?: KnownStates;
}>;

type Consuming = Consumer & { failed?: Error };
type Waiter = {
  readonly position: Position;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
};

const WAITERS_MAX = 10_000;

export class LogFollower implements Follower, Part {
  readonly name = 'follower';
  readonly #store: EventStore;
  readonly #newFold: () => Fold;
  #fold: Fold;
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #slices: Slices;
  readonly #snapshots: FoldSnapshots | undefined;
  readonly #consumers = new Set<Consuming>();
  /** Sorted by position, lowest first. */
  #waiters: Waiter[] = [];
  #position: Position = 0n;
  /** Of the last append in the fold. */
  #last: RecordedEvent | undefined;
  #caughtUp = false;
  #ended: Error | undefined;
  #starting: Promise<void> | undefined;
  #subscription: Subscription | undefined;
  #firstCatchUp: (() => void)[] = [];

  constructor(options: LogFollowerOptions) {
    this.#timers = options.clock;
    this.#slices = new Slices(options.clock);
    this.#store = options.store;
    this.#newFold = () => createFold(options.registry, options);
    this.#fold = this.#newFold();
    this.#log = options.log;
    this.#snapshots = options.snapshots;
  }

  get storeId(): string {
    return this.#store.storeId;
  }

  get position(): Position {
    return this.#position;
  }

  get passedOver(): PassedOver {
    return this.#fold.passedOver;
  }

  get version(): string {
    return this.#last === undefined ? '' : resourceVersionOf(this.#last);
  }

  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  get(key: ObjectKey): Folded | undefined {
    return this.#fold.get(key);
  }

  list(kind: string, namespace?: string): Iterable<Folded> {
    return namespace === undefined ? this.#fold.list(kind) : this.#fold.list(kind, namespace);
  }

  by(kind: string, index: string, value: string): Iterable<Folded> {
    return this.#fold.by(kind, index, value);
  }

  values(kind: string, index: string): Iterable<string> {
    return this.#fold.values?.(kind, index) ?? [];
  }

  listOrdered(kind: string, namespace?: string): Iterable<Folded> {
    return this.#fold.listOrdered(kind, namespace);
  }

  all(): Iterable<Folded> {
    return this.#fold.all();
  }

  count(kind: string, namespace?: string): number {
    return this.#fold.count(kind, namespace);
  }

  record(ledger: string, key: string): unknown {
    return this.#fold.record(ledger, key);
  }

  records(ledger: string): ReadonlyMap<string, unknown> {
    return this.#fold.records(ledger);
  }

  consume(consumer: Consumer): () => void {
    const entry: Consuming = { ...consumer };
    this.#consumers.add(entry);
    if (this.#caughtUp) this.#begin(entry);
    return () => void this.#consumers.delete(entry);
  }

  get former(): FormerMembers {
    return this.#fold.former;
  }

  /** A repeat does nothing. Resolves once a snapshot was put in place, if there is one; `whenCaughtUp` resolves when the log has been read. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const fold = await this.#snapshots?.load(this.#newFold);
    if (this.#ended !== undefined) return;
    if (fold !== undefined) {
      this.#fold = fold;
      this.#position = fold.position;
      this.#last = this.#snapshots?.last;
    }
    this.#subscription = this.#store.subscribe(fold === undefined ? {} : { after: fold.position }, {
      onAppend: (append) => this.#take(append) ?? this.#slices.next(),
      onCaughtUp: (position) => this.#reachedEnd(position),
      onResumed: (cause) => this.#log.info({ cause: cause.message }, 'subscription resumed'),
      onEnded: (cause) => this.#end(cause),
    });
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#subscription?.stop();
    await this.#snapshots?.stop();
    this.#rejectAll(new FollowerEndedError('the follower was stopped'));
  }

  problems(): readonly string[] {
    const problems: string[] = [];
    if (this.#ended !== undefined) problems.push(`the log cannot be followed beyond ${this.#position}: ${this.#ended.message}`);
    else if (!this.#caughtUp) problems.push(`the log is being read (at ${this.#position})`);
    for (const { name, failed } of this.#consumers) if (failed !== undefined) problems.push(`consumer "${name}" failed: ${failed.message}`);
    return problems;
  }

  whenCaughtUp(): Promise<void> {
    if (this.#caughtUp) return Promise.resolve();
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#firstCatchUp.push(() => (this.#ended === undefined ? resolve() : reject(this.#ended)));
    });
  }

  waitFor(position: Position, timeoutMs: number): Promise<void> {
    if (this.#caughtUp && position <= this.#position) return Promise.resolve();
    if (this.#ended !== undefined) return Promise.reject(new FollowerEndedError(this.#ended.message, { cause: this.#ended }));
    if (this.#waiters.length >= WAITERS_MAX) return Promise.reject(new FollowerTimeoutError(position, this.#position, 0));
    return new Promise((resolve, reject) => {
      const timer = this.#timers.after(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new FollowerTimeoutError(position, this.#position, timeoutMs));
      });
      const waiter: Waiter = { position, resolve, reject, timer };
      let at = this.#waiters.length;
      while (at > 0 && (this.#waiters[at - 1] as Waiter).position > position) at--;
      this.#waiters.splice(at, 0, waiter);
    });
  }

  /** A promise of the time when all consumers are done with it, if some are not at once. */
  #take(append: Append): Promise<void> | undefined {
    // A throw here ends the subscription, with this append as the reason.
    let change: Change;
    try {
      change = this.#fold.apply(append);
    } catch (cause) {
      throw new Error(`the append to "${append.stream}" at ${append.position} cannot be folded: ${(cause as Error).message}`, { cause });
    }
    this.#last = append.events.at(-1);
    const { before, after } = change;
    if (after?.unreadable !== undefined && before?.unreadable === undefined) {
      this.#log.warn(
        { stream: append.stream, position: append.position.toString(), why: after.unreadable },
        'an object can only be read from now on',
      );
    }
    this.#snapshots?.applied(append);
    let unfinished: Promise<void>[] | undefined;
    if (this.#caughtUp) {
      for (const consumer of this.#consumers) {
        const work = this.#tell(consumer, change);
        if (work !== undefined) (unfinished ??= []).push(work);
      }
      this.#snapshots?.writeIfDue(this.#fold);
    }
    this.#advance(append.position);
    return unfinished && Promise.all(unfinished).then(() => undefined);
  }

  #begin(consumer: Consuming): void {
    if (consumer.failed !== undefined) return;
    try {
      consumer.onBegin?.(this.#position);
    } catch (error) {
      this.#fail(consumer, this.#position, error);
    }
  }

  /** For each append and consumer, so it makes nothing that is not needed. */
  #tell(consumer: Consuming, change: Change): Promise<void> | undefined {
    if (consumer.failed !== undefined) return undefined;
    try {
      return consumer.onChange?.(change)?.catch((error: unknown) => this.#fail(consumer, change.append.position, error));
    } catch (error) {
      this.#fail(consumer, change.append.position, error);
      return undefined;
    }
  }

  #fail(consumer: Consuming, position: Position, error: unknown): void {
    consumer.failed = error as Error;
    this.#log.error({ err: error, consumer: consumer.name, position: position.toString() }, 'a consumer failed and gets no more changes');
  }

  #reachedEnd(position: Position): void {
    if (position > this.#position) this.#position = position;
    if (!this.#caughtUp) {
      this.#caughtUp = true;
      for (const consumer of this.#consumers) this.#begin(consumer);
      this.#snapshots?.writeIfDue(this.#fold);
    }
    this.#advance(this.#position);
    for (const resolve of this.#firstCatchUp.splice(0)) resolve();
  }

  #advance(position: Position): void {
    this.#position = position;
    if (!this.#caughtUp) return;
    let reached = 0;
    while (reached < this.#waiters.length && (this.#waiters[reached] as Waiter).position <= position) reached++;
    if (reached === 0) return;
    for (const { resolve, timer } of this.#waiters.splice(0, reached)) {
      timer.cancel();
      resolve();
    }
  }

  #end(cause: Error): void {
    this.#ended = cause;
    this.#log.error({ err: cause, position: this.#position.toString() }, 'follower ended');
    for (const resolve of this.#firstCatchUp.splice(0)) resolve();
    this.#rejectAll(new FollowerEndedError(cause.message, { cause }));
  }

  #rejectAll(error: Error): void {
    for (const { reject, timer } of this.#waiters.splice(0)) {
      timer.cancel();
      reject(error);
    }
  }
}
