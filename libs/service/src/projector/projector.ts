/**
 * Feeds the projections of a context and publishes their rows (DESIGN 5). Every replica of a context keeps the rows; one, the holder of the projector's lease,
 * publishes them, under a term of its own that is younger than its predecessor's. A context without tables publishes how far it has read.
 */
import {
  type Change,
  type Context,
  type Position,
  type Projection,
  type ProjectionOver,
  type Registry,
  SLICE_MS,
  Slices,
  type TableChanges,
  type Timer,
} from '@weft/api';
import { type Bus, createRowPublisher, newTerm, type RowPublisher } from '@weft/bus';
import { type LeaseHolder, PROJECTOR_SLOT } from '../lease/leases.ts';
import type { Clock, Follower, Ids, Logger, Part } from '../platform.ts';

export type ProjectorOptions = Readonly<{
  context: Context;
  bus: Bus;
  follower: Follower;
  clock: Clock;
  ids: Ids;
  log: Logger;
  registry: Registry;
  /** Projections in addition to those of the context's parts. A context without any publishes progress only. */
  projections?: readonly ProjectionOver[];
}>;

const FAULTS_SHOWN_MAX = 5;
const AUDIT_EVERY_MS = 1000;
const AUDIT_MS = 2;

const NOTHING = { differ: [], changes: [] };
/** Rows that are encoded, hashed and sent at once: less than a slice. */
const ROWS_AT_ONCE = 100;

/** Rows of a change that are still to be made, or were made and are still to be published. */
type Unfinished = Readonly<{ projection: Projection; tables: readonly TableChanges[] | undefined }>;

export class Projector implements Part, LeaseHolder {
  readonly name: string;
  readonly #options: ProjectorOptions;
  /** Made when the log has been read. */
  #projections: readonly Projection[] = [];
  /** Those whose rows of what was there then are not all made yet, in this order. */
  #seeding: readonly Projection[] = [];
  #seeds: Timer | undefined;
  #begun = false;
  #failure: Error | undefined;
  /** Table -> the projection that makes it. */
  readonly #owners = new Map<string, Projection>();
  readonly #publisher: RowPublisher;
  #active = false;
  #open = false;
  /** Rows of the change that the fold applied last are still being made. */
  #works = false;
  #audits: Timer | undefined;
  #ends: (() => void)[] = [];

  constructor(options: ProjectorOptions) {
    this.name = `projector of ${options.context}`;
    this.#options = options;
    const { bus, clock, context, log } = options;
    this.#publisher = createRowPublisher({ bus, context, log, clock });
  }

  async start(): Promise<void> {
    const { clock, follower } = this.#options;
    this.#ends.push(follower.consume({ name: this.name, onBegin: () => this.#begin(), onChange: (change) => this.#take(change) }), () =>
      this.#seeds?.cancel(),
    );
    this.#audits = clock.every(AUDIT_EVERY_MS, () => this.#audit());
    this.#ends.push(() => this.#audits?.cancel());
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await this.#publisher.close();
  }

  problems(): readonly string[] {
    const failed = this.#failure === undefined ? [] : [this.#failure.message];
    const faults = [...failed, ...this.#projections.flatMap((projection) => projection.faults ?? [])];
    return faults.length === 0 ? [] : [`rows cannot be made: ${faults.slice(0, FAULTS_SHOWN_MAX).join('; ')}`];
  }

  /** Rows as published, by table. */
  get tables(): RowPublisher['tables'] {
    return this.#publisher.tables;
  }

  /** Whether the rows of what was there at the start are all made. */
  get isSeeded(): boolean {
    return this.#begun && this.#seeding.length === 0;
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

  lost(slot: number): void {
    if (slot === PROJECTOR_SLOT) void this.#fallSilent();
  }

  #begin(): void {
    const { clock, context, registry, follower, projections = [] } = this.#options;
    this.#projections = [...projections, ...registry.projections(context)].map((over) =>
      over(registry, follower, () => clock.monotonicMs()),
    );
    this.#seeding = this.#projections;
    this.#begun = true;
    this.#seedSoon();
  }

  #seedSoon(): void {
    if (this.#seeding.length === 0) this.#openIfReady();
    else this.#seeds = this.#options.clock.soon(() => this.#seed());
  }

  /** Makes rows of what is there, in slices: nothing is published before all of them are made, since a host would take what is missing for removed. */
  #seed(): void {
    const [projection, ...others] = this.#seeding;
    if (projection === undefined) return;
    try {
      const { done, changes } = projection.seed(SLICE_MS);
      this.#publish(projection, changes, this.#options.follower.position);
      if (done) this.#seeding = others;
      this.#seedSoon();
    } catch (error) {
      this.#failure = error as Error;
      this.#options.log.error({ err: error, projection: projection.name }, 'rows cannot be made');
    }
  }

  /** The rows of a change, in slices where it concerns very many: the fold waits for them, so each is of one position. */
  #take(change: Change): Promise<void> | undefined {
    const { position } = change.append;
    const unfinished: Unfinished[] = [];
    for (const projection of this.#projections) {
      if (this.#seeding.includes(projection)) projection.note(change);
      else {
        const tables = projection.slice === undefined ? projection.onChange(change) : projection.slice(change, SLICE_MS);
        if (tables !== undefined && isShort(tables)) this.#publish(projection, tables, position);
        else unfinished.push({ projection, tables });
      }
    }
    if (unfinished.length > 0) return this.#finish(unfinished, position);
    if (this.#open) this.#publisher.progress(position);
    return undefined;
  }

  async #finish(unfinished: readonly Unfinished[], position: Position): Promise<void> {
    this.#works = true;
    const slices = new Slices(this.#options.clock);
    try {
      for (const { projection, tables: made } of unfinished) {
        let tables = made;
        while (tables === undefined) {
          await slices.next();
          tables = projection.slice?.(undefined, SLICE_MS);
        }
        for (const piece of inPieces(tables)) {
          await slices.next();
          this.#publish(projection, [piece], position);
        }
      }
    } finally {
      this.#works = false;
    }
    if (this.#open) this.#publisher.progress(position);
    else this.#openIfReady();
  }

  /** Nobody catches what is thrown in a timer: without this an audit that fails would end the process. */
  #audit(): void {
    const { follower, log } = this.#options;
    if (!this.isSeeded || this.#works) return;
    try {
      for (const projection of this.#projections) {
        const { differ, changes } = projection.audit?.(AUDIT_MS) ?? NOTHING;
        for (const row of differ) log.error({ projection: projection.name, row }, 'a row was not as the log says; it is made anew');
        this.#publish(projection, changes, follower.position);
      }
    } catch (error) {
      log.error({ err: error }, 'rows cannot be audited');
      this.#audits?.cancel();
    }
  }

  #publish(projection: Projection, tables: readonly TableChanges[], position: Position): void {
    for (const { table, changes } of tables) {
      const owner = this.#owners.get(table) ?? projection;
      if (owner !== projection) throw new Error(`the table ${table} is made by ${owner.name} and by ${projection.name}`);
      this.#owners.set(table, projection);
      this.#publisher.change(table, changes, position);
    }
  }

  #openIfReady(): void {
    const { follower, clock, ids } = this.#options;
    if (!this.#active || this.#open || !this.isSeeded || this.#works) return;
    // The term is the present time: a predecessor that started after us must not have a younger one.
    this.#publisher.open(newTerm(clock.now(), ids.uuid()));
    this.#publisher.progress(follower.position);
    this.#open = true;
  }

  async #fallSilent(): Promise<void> {
    this.#active = false;
    if (!this.#open) return;
    this.#open = false;
    await this.#publisher.fallSilent();
  }
}

function isShort(tables: readonly TableChanges[]): boolean {
  return tables.reduce((sum, { changes }) => sum + changes.length, 0) <= ROWS_AT_ONCE;
}

function* inPieces(tables: readonly TableChanges[]): Iterable<TableChanges> {
  for (const { table, changes } of tables) {
    for (let at = 0; at < changes.length; at += ROWS_AT_ONCE) yield { table, changes: changes.slice(at, at + ROWS_AT_ONCE) };
  }
}
