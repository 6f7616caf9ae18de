/**
 * The rows of all projections, made from the log alone: it is folded from its start, and rows are made of what it came to. It can go on to a later position.
 * Beside it the running projectors work on. O(events), in memory as a service that folds the log.
 */
import { CONTEXTS, type Context, createFold, type Fold, type JsonObject, type Projection, type Registry } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { projectionsOf, readByRows } from '@weft/fabric';

export type RebuiltTable = Readonly<{ context: Context; rows: ReadonlyMap<string, JsonObject> }>;
type Table = { context: Context; rows: Map<string, JsonObject> };
type Projecting = Readonly<{ context: Context; projection: Projection }>;

export class RebuiltRows {
  readonly fold: Fold;
  /** Rows that cannot be made, for people. */
  faults: readonly string[] = [];
  events = 0;
  readonly #registry: Registry;
  readonly #store: Pick<EventStore, 'readAppendPages'>;
  readonly #tables = new Map<string, Table>();
  #projecting: readonly Projecting[] | undefined;

  /** The store must give today's event types. */
  constructor(registry: Registry, store: Pick<EventStore, 'readAppendPages'>) {
    this.#registry = withLedgersOfRows(registry);
    this.#store = store;
    this.fold = createFold(this.#registry, { lateIndexes: true });
  }

  get tables(): ReadonlyMap<string, RebuiltTable> {
    return this.#tables;
  }

  /** Rows as of a position, at or behind the present one. */
  async readTo(upTo: bigint, onProgress?: (position: bigint) => void): Promise<void> {
    const { fold } = this;
    if (fold.position < upTo) {
      for await (const page of this.#store.readAppendPages({ from: fold.position })) {
        for (const append of page) {
          if (append.position > upTo) break;
          const change = fold.apply(append);
          this.events += append.events.length;
          for (const { projection } of this.#projecting ?? []) projection.note(change);
        }
        onProgress?.(fold.position);
        if (fold.position >= upTo || (page.at(-1)?.position ?? 0n) > upTo) break;
      }
    }
    this.#projecting ??= CONTEXTS.flatMap((context) =>
      [...projectionsOf(context), ...this.#registry.projections(context)].map((over) => ({
        context,
        projection: over(this.#registry, fold, () => 0),
      })),
    );
    for (const { context, projection } of this.#projecting) this.#make(context, projection);
    this.faults = this.#projecting.flatMap(({ projection }) => projection.faults ?? []);
  }

  #make(context: Context, projection: Projection): void {
    for (let done = false; !done; ) {
      const made = projection.seed(Number.POSITIVE_INFINITY);
      ({ done } = made);
      for (const { table, changes } of made.changes) {
        let kept = this.#tables.get(table);
        if (kept === undefined) this.#tables.set(table, (kept = { context, rows: new Map() }));
        for (const { key, row } of changes) {
          if (row === undefined) kept.rows.delete(key);
          else kept.rows.set(key, row);
        }
      }
    }
  }
}

/** Nobody asks for the others here, and they are a quarter of a fold. What domains project themselves may read any. */
function withLedgersOfRows(registry: Registry): Registry {
  if (CONTEXTS.some((context) => registry.projections(context).length > 0)) return registry;
  const { ledgers } = readByRows(registry);
  return { ...registry, ledgers: registry.ledgers.filter(({ ledger }) => ledgers.has(ledger)) };
}
