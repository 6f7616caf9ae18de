/** The port over a log of this process: what the in-memory and the embedded store have in common. */
import type { Append, NewEvent, Position, RecordedEvent, Timers } from '@weft/api';
import { checkEvents, checkStreamName, NO_EVENTS, toRevision } from './append.rules.ts';
import { appendPages } from './append-grouping.ts';
import { ClosedError, InvalidArgumentError } from './errors.ts';
import type { GroupCommit } from './group-commit.ts';
import { checkLimit } from './limits.ts';
import type { LivePage, LocalLog } from './local-log.ts';
import { LocalSubscription } from './local-subscription.ts';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  ReadAllOptions,
  ReadOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
} from './port.ts';

/** Events a read takes at once before it lets others run: about half a millisecond. */
const PAGE_EVENTS = 256;

export type LocalStoreParts = Readonly<{
  log: LocalLog;
  commits: GroupCommit;
  /** For turns that others get between two pages. */
  clock: Pick<Timers, 'soon'>;
  /** Why the store cannot be used, if so. */
  fault?: () => Error | undefined;
  /** Appends are refused. */
  readOnly?: boolean;
  /** Follow what other processes append, while somebody is subscribed. */
  follow?: Readonly<{ start(): void; stop(): void }>;
  release: () => Promise<void>;
}>;

export class LocalStore implements EventStore {
  storeId = '';
  readonly #log: LocalLog;
  readonly #parts: LocalStoreParts;
  readonly #subscriptions = new Set<LocalSubscription>();
  #closing: Promise<void> | undefined;

  constructor(parts: LocalStoreParts) {
    this.#parts = parts;
    this.#log = parts.log;
  }

  async append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult> {
    checkStreamName(stream);
    const revision = toRevision(stream, expected);
    checkEvents(stream, events);
    this.#assertUsable();
    if (this.#parts.readOnly)
      throw new InvalidArgumentError(`the store was opened to be read only: nothing can be appended to stream "${stream}"`);
    return this.#parts.commits.push(stream, revision, events);
  }

  async *readStream(stream: string, options: ReadOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    checkStreamName(stream);
    const { direction = 'forwards' } = options;
    let left = checkLimit(options.limit);
    const from = options.from === undefined ? undefined : toRevision(stream, options.from);
    this.#assertUsable();
    const head = this.#log.headOf(stream);
    let next = direction === 'forwards' ? (from ?? 0) : Math.min(from ?? head, head);
    while (left > 0 && (direction === 'forwards' ? next <= head : next > NO_EVENTS)) {
      this.#assertUsable();
      const page = this.#log.streamPage(stream, next, direction, Math.min(left, PAGE_EVENTS));
      for (const event of page) yield event;
      left -= page.length;
      next += direction === 'forwards' ? page.length : -page.length;
      if (page.length === PAGE_EVENTS) await nextTurn(this.#parts.clock);
    }
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const page of this.readAllPages(options)) {
      for (let i = 0; i < page.length; i++) yield page[i] as RecordedEvent;
    }
  }

  async *readAllPages(options: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const { direction = 'forwards' } = options;
    let left = checkLimit(options.limit);
    const from = options.from === undefined ? undefined : toNumber(options.from);
    this.#assertUsable();
    const head = this.#log.head();
    let at = direction === 'forwards' ? (from ?? 0) : Math.min(from ?? head, head);
    while (left > 0 && (direction === 'forwards' ? at < head : at > 0)) {
      this.#assertUsable();
      const wanted = Math.min(left, PAGE_EVENTS);
      const whole = direction === 'forwards' ? this.#log.pageAfter(at, wanted) : this.#log.pageBefore(at, wanted);
      if (whole.length === 0) return;
      const page = whole.length > left ? whole.slice(0, left) : whole;
      yield page;
      left -= page.length;
      const last = Number((page.at(-1) as RecordedEvent).position);
      at = direction === 'forwards' ? last : last - 1;
      await nextTurn(this.#parts.clock);
    }
  }

  readAppendPages({ from }: Readonly<{ from?: Position }> = {}): AsyncIterable<readonly Append[]> {
    const pages = this.readAllPages(from === undefined ? {} : { from });
    return appendPages(pages, (stream, options) => this.readStream(stream, options));
  }

  subscribe({ after = 0n, stream }: SubscribeOptions, handlers: SubscriptionHandlers): Subscription {
    if (stream !== undefined) checkStreamName(stream);
    const position = toNumber(after);
    this.#assertUsable();
    const subscription = new LocalSubscription({
      log: this.#log,
      stream,
      after: position,
      handlers,
      clock: this.#parts.clock,
      onDone: (ended) => {
        this.#subscriptions.delete(ended);
        if (this.#subscriptions.size === 0) this.#parts.follow?.stop();
      },
    });
    if (this.#subscriptions.size === 0) this.#parts.follow?.start();
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async head(): Promise<Position> {
    this.#assertUsable();
    return BigInt(this.#log.head());
  }

  async floor(position: Position): Promise<Position> {
    const at = toNumber(position);
    this.#assertUsable();
    return BigInt(this.#log.floor(at));
  }

  async positionAt(time: Date): Promise<Position> {
    const timeMs = time.getTime();
    if (Number.isNaN(timeMs)) throw new InvalidArgumentError('positionAt: not a time');
    this.#assertUsable();
    return BigInt(this.#log.positionAt(timeMs));
  }

  async ping(): Promise<void> {
    this.#assertUsable();
    this.#log.head();
    const { trouble } = this.#parts.commits;
    if (trouble !== undefined) throw trouble;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** What a commit of this process wrote. */
  publish(page: LivePage): void {
    for (const subscription of this.#subscriptions) subscription.publish(page);
  }

  /** Another process may have written. */
  wake(): void {
    for (const subscription of this.#subscriptions) subscription.wake();
  }

  /** The store is of no more use: subscriptions end with this error. */
  fail(cause: Error): void {
    for (const subscription of this.#subscriptions) void subscription.end(cause);
  }

  async #close(): Promise<void> {
    await this.#parts.commits.close();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.end(new ClosedError('the store was closed'))));
    await this.#parts.release();
  }

  #assertUsable(): void {
    if (this.#closing !== undefined) throw new ClosedError('the store was closed');
    const fault = this.#parts.fault?.();
    if (fault !== undefined) throw fault;
  }
}

/** Positions past the end of any log are all alike. Throws InvalidArgumentError below 0. */
function toNumber(position: Position): number {
  if (typeof position !== 'bigint' || position < 0n)
    throw new InvalidArgumentError(`position ${String(position)} is not a whole number from 0`);
  return position > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(position);
}

function nextTurn(clock: Pick<Timers, 'soon'>): Promise<void> {
  return new Promise((resolve) => void clock.soon(resolve));
}
