/**
 * Feeds a projection and publishes its rows (DESIGN 5). Every replica of a context keeps the rows; one, the holder of the projector's lease,
 * publishes them, under a term of its own that is younger than its predecessor's. A context without tables publishes how far it has read.
 */
import type { Change, Context, Registry } from '@weft/api';
import { type Bus, createRowPublisher, newTerm, type RowChange, type RowPublisher } from '@weft/bus';
import { type LeaseHolder, PROJECTOR_SLOT } from '../lease/leases.ts';
import type { Clock, Follower, Ids, Logger, Part } from '../platform.ts';

export interface Projection {
  /** Counts up when the rows of the same log come out differently. */
  readonly version: number;
  /** Changes in log order; the rows that differ, by table. */
  onChange(change: Change): readonly Readonly<{ table: string; changes: readonly RowChange[] }>[];
  /** Rows that could not be made, for people; they count as absent. */
  readonly faults?: readonly string[];
}

/** Reads the follower, which takes each change in before the projection is given it. */
export type ProjectionOver = (registry: Registry, follower: Follower) => Projection;

export type ProjectorOptions = Readonly<{
  context: Context;
  bus: Bus;
  follower: Follower;
  clock: Clock;
  ids: Ids;
  log: Logger;
  registry: Registry;
  /** Made over the follower. Absent: no tables, progress only. */
  projection?: ProjectionOver;
}>;

const FAULTS_SHOWN_MAX = 5;

export class Projector implements Part, LeaseHolder {
  readonly name: string;
  readonly #options: ProjectorOptions;
  readonly #projection: Projection | undefined;
  #publisher: RowPublisher;
  #active = false;
  #open = false;
  #ends: (() => void)[] = [];

  constructor(options: ProjectorOptions) {
    this.name = `projector of ${options.context}`;
    this.#options = options;
    this.#publisher = this.#newPublisher();
    this.#projection = options.projection?.(options.registry, options.follower);
  }

  /** Before the follower starts. */
  async start(): Promise<void> {
    const { follower } = this.#options;
    this.#ends.push(
      follower.consume({
        name: this.name,
        from: 0n,
        onChange: (change) => {
          const { position } = change.append;
          for (const { table, changes } of this.#projection?.onChange(change) ?? []) this.#publisher.change(table, changes, position);
          if (this.#open) this.#publisher.progress(position);
        },
        onCaughtUp: () => this.#openIfReady(),
      }),
    );
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await this.#publisher.close();
  }

  problems(): readonly string[] {
    const faults = this.#projection?.faults ?? [];
    return faults.length === 0 ? [] : [`rows cannot be made: ${faults.slice(0, FAULTS_SHOWN_MAX).join('; ')}`];
  }

  /** Rows as published, by table. */
  get tables(): RowPublisher['tables'] {
    return this.#publisher.tables;
  }

  get publishes(): boolean {
    return this.#open;
  }

  acquired(slot: number): void {
    if (slot !== PROJECTOR_SLOT) return;
    this.#active = true;
    this.#openIfReady();
  }

  async release(slot: number): Promise<void> {
    if (slot === PROJECTOR_SLOT) await this.#fallSilent();
  }

  lost(): void {
    void this.#fallSilent();
  }

  #openIfReady(): void {
    const { follower } = this.#options;
    if (!this.#active || this.#open || !follower.caughtUp) return;
    // A term from now: a predecessor that started later than we did must not seem younger.
    void this.#replacePublisher();
    this.#publisher.open();
    this.#publisher.progress(follower.position);
    this.#open = true;
  }

  async #fallSilent(): Promise<void> {
    this.#active = false;
    if (!this.#open) return;
    this.#open = false;
    await this.#replacePublisher();
  }

  #replacePublisher(): Promise<void> {
    const former = this.#publisher;
    this.#publisher = this.#newPublisher();
    for (const [table, { rev, rows }] of former.tables) {
      this.#publisher.change(
        table,
        [...rows].map(([key, row]) => ({ key, row })),
        rev,
      );
    }
    return former.close();
  }

  #newPublisher(): RowPublisher {
    const { bus, context, clock, ids, log } = this.#options;
    return createRowPublisher({ bus, context, term: newTerm(clock.now(), ids.uuid()), log });
  }
}
