/** The subscriber's side on a bus, for any number of contexts: one feed for each, and the listeners to all of them. */

import type { Bus } from '../port.ts';
import { ContextFeed, type FeedOptions } from './context-feed.ts';
import type { RowSubscriber, TableChange, TableView } from './rows-port.ts';

export type { RowSubscriberTiming } from './context-feed.ts';

export type RowSubscriberOptions = FeedOptions &
  Readonly<{
    bus: Bus;
    /** Contexts whose progress is heard from the start, with or without tables. `follow` adds others. */
    contexts: readonly string[];
  }>;

export function createRowSubscriber(options: RowSubscriberOptions): RowSubscriber {
  return new BusRowSubscriber(options);
}

class BusRowSubscriber implements RowSubscriber {
  readonly #options: RowSubscriberOptions;
  readonly #feeds = new Map<string, ContextFeed>();
  /** By table. */
  readonly #contextOf = new Map<string, string>();
  readonly #changeListeners = new Set<(change: TableChange) => void>();
  readonly #progressListeners = new Set<(context: string) => void>();
  readonly #stopHearing: () => void;
  #isClosed = false;

  constructor(options: RowSubscriberOptions) {
    this.#options = options;
    for (const context of options.contexts) this.#feedOf(context);
    this.#stopHearing = options.bus.onConnection((connected) => {
      if (connected) for (const feed of this.#feeds.values()) feed.reconnected();
    });
  }

  /** Throws a TypeError when the table is another context's, a RangeError past TABLES_MAX tables. */
  follow(context: string, table: string): void {
    if (this.#isClosed) return;
    const owner = this.#contextOf.get(table);
    if (owner === context) return;
    if (owner !== undefined) throw new TypeError(`table ${table} is followed as one of ${owner}; it cannot be one of ${context} too`);
    this.#feedOf(context).follow(table);
    this.#contextOf.set(table, context);
  }

  unfollow(context: string, table: string): void {
    if (this.#contextOf.get(table) !== context) return;
    this.#contextOf.delete(table);
    this.#feeds.get(context)?.unfollow(table);
  }

  view(table: string): TableView | undefined {
    return this.#feeds.get(this.#contextOf.get(table) ?? '')?.sink.view(table);
  }

  gaplessTo(context: string, tables?: Iterable<string>): bigint | undefined {
    const sink = this.#feeds.get(context)?.sink;
    return tables === undefined ? sink?.gaplessTo : sink?.gaplessToOf(tables);
  }

  onChange(listener: (change: TableChange) => void): () => void {
    return added(this.#changeListeners, listener);
  }

  onProgress(listener: (context: string) => void): () => void {
    return added(this.#progressListeners, listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopHearing();
    await Promise.all([...this.#feeds.values()].map((feed) => feed.close()));
    this.#changeListeners.clear();
    this.#progressListeners.clear();
  }

  #feedOf(context: string): ContextFeed {
    const known = this.#feeds.get(context);
    if (known !== undefined) return known;
    const feed = new ContextFeed(context, this.#options, {
      onChange: (change) => this.#notify(this.#changeListeners, change),
      onProgress: () => this.#notify(this.#progressListeners, context),
    });
    this.#feeds.set(context, feed);
    return feed;
  }

  #notify<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of [...listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#options.log.error({ err: error }, 'a listener to rows failed');
      }
    }
  }
}

/** Returns its removal. The same function may be added twice. */
function added<T>(listeners: Set<(value: T) => void>, listener: (value: T) => void): () => void {
  const each = (value: T) => listener(value);
  listeners.add(each);
  return () => listeners.delete(each);
}
