/**
 * Feeds the projections of a context and publishes their rows (DESIGN 5). Every replica of a context keeps the rows; one, the holder of the projector's lease,
 * publishes them, under a term of its own that is younger than its predecessor's. A context without tables publishes how far it has read.
 *
 *   lease acquired --> where does the log end? --> read until there, rows made --> open
 *
 * Its predecessor may have published what this replica has not read yet: hosts would take it for removed.
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
  SpareTime,
  type TableChanges,
  type Timer,
} from '@weft/api';
import { type Bus, type BusSubscription, createRowPublisher, encodeJson, newTerm, type RowPublisher, subjects } from '@weft/bus';
import { type LeaseHolder, PROJECTOR_SLOT } from '../lease/leases.ts';
import type { Clock, Follower, Ids, Logger, Part } from '../platform.ts';
import { Rebuilding, type RebuildReport, type RowMadeAnew, type Rows } from './rebuilding.ts';

export type ProjectorOptions = Readonly<{
  context: Context;
  bus: Bus;
  follower: Follower;
  clock: Clock;
  ids: Ids;
  log: Logger;
  registry: Registry;
  /** Where the log ends at present. Rejects while the store does not answer. */
  head: () => Promise<Position>;
  /** Projections in addition to those of the context's parts. A context without any publishes progress only. */
  projections?: readonly ProjectionOver[];
}>;

const FAULTS_SHOWN_MAX = 5;
const AUDIT_EVERY_MS = 1000;
const AUDIT_MS = 2;
/** For the log to be read to where it ended when the lease came, before that is looked at again. */
const READ_MS_MAX = 10_000;
const RETRY_MS = 250;

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
  /** The lease, while this replica has it. */
  #holding: object | undefined;
  /** What was in the log when the lease came has been read. */
  #isUpToDate = false;
  #open = false;
  /** Rows of the change that the fold applied last are still being made. */
  #works = false;
  #audits: Timer | undefined;
  readonly #spare = new SpareTime();
  /** Rows that are being made anew, on request. */
  #rebuilding: Rebuilding | undefined;
  #requests: BusSubscription | undefined;
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
    this.#holding = undefined;
    this.#open = false;
    await this.#requests?.stop();
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
    this.#holding = {};
    this.#isUpToDate = false;
    void this.#readOn(this.#holding);
  }

  async release(slot: number): Promise<void> {
    if (slot === PROJECTOR_SLOT) await this.#fallSilent();
  }

  lost(slot: number): void {
    if (slot === PROJECTOR_SLOT) void this.#fallSilent();
  }

  #begin(): void {
    this.#projections = this.#newProjections();
    this.#seeding = this.#projections;
    this.#begun = true;
    this.#seedSoon();
  }

  #newProjections(): readonly Projection[] {
    const { clock, context, registry, follower, projections = [] } = this.#options;
    return [...projections, ...registry.projections(context)].map((over) => over(registry, follower, () => clock.monotonicMs()));
  }

  /**
   * Makes all rows anew beside those that are published, which goes on meanwhile, and compares table by table, each at one position. With `andSwitch` the new
   * projections take the place of the present ones, and what differs is published: hosts get just that. Rejects while another one is under way.
   */
  async rebuild(andSwitch: boolean): Promise<RebuildReport> {
    if (!this.#open || this.#rebuilding !== undefined)
      throw new Error(this.#open ? 'rows are being made anew already' : 'this replica does not publish rows');
    const rebuilding = new Rebuilding(this.#newProjections());
    this.#rebuilding = rebuilding;
    try {
      const slices = new Slices(this.#options.clock);
      const published = this.#publisher.tables;
      const differing = new Set<string>();
      let [rows, different] = [0, 0];
      let first: RowMadeAnew | undefined;
      await this.#made(rebuilding);
      for (const table of new Set([...rebuilding.tables.keys(), ...published.keys()])) {
        await slices.next();
        await this.#made(rebuilding);
        const before = published.get(table)?.rows as Rows | undefined;
        const changes = rebuilding.differencesOf(table, before);
        rows += rebuilding.tables.get(table)?.rows.size ?? 0;
        different += changes.length;
        const [change] = changes;
        if (change === undefined) continue;
        differing.add(table);
        const old = before?.get(change.key);
        first ??= { table, key: change.key, ...(change.row && { anew: change.row }), ...(old && { published: old }) };
      }
      await this.#made(rebuilding);
      if (!this.#open) throw new Error('this replica has ceased to publish rows');
      const { position } = this.#options.follower;
      const { size: tables } = rebuilding.tables;
      // From here on to the end nothing is awaited.
      if (andSwitch) this.#adopt(rebuilding, differing, position);
      return { position, tables, rows, different, ...(first && { first }), switched: andSwitch };
    } finally {
      this.#rebuilding = undefined;
    }
  }

  /** Resolves when its rows, and those that are published, are those of one position, until something is awaited. */
  async #made(rebuilding: Rebuilding): Promise<void> {
    while (!rebuilding.make(SLICE_MS) || this.#works) {
      await new Promise<void>((resolve) => this.#options.clock.soon(resolve));
    }
  }

  #adopt(rebuilding: Rebuilding, differing: Iterable<string>, position: Position): void {
    const changes = [...differing].map((table) => ({
      table,
      changes: rebuilding.differencesOf(table, this.#publisher.tables.get(table)?.rows as Rows | undefined),
    }));
    this.#projections = rebuilding.projections;
    this.#failure = undefined;
    this.#owners.clear();
    for (const [table, { by }] of rebuilding.tables) this.#owners.set(table, by);
    for (const { table, changes: rows } of inPieces(changes)) this.#publisher.change(table, rows, position);
    this.#publisher.progress(position);
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
    this.#rebuilding?.note(change);
    let unfinished: Unfinished[] | undefined;
    for (const projection of this.#projections) {
      if (this.#seeding.length > 0 && this.#seeding.includes(projection)) projection.note(change);
      else {
        const tables = projection.slice === undefined ? projection.onChange(change) : projection.slice(change, SLICE_MS);
        if (tables?.length === 0) continue;
        if (tables !== undefined && isShort(tables)) this.#publish(projection, tables, position);
        else (unfinished ??= []).push({ projection, tables });
      }
    }
    if (unfinished !== undefined) return this.#finish(unfinished, position);
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
    const { clock, follower, log } = this.#options;
    if (!this.isSeeded || this.#works || !this.#spare.isNow({ position: follower.position, nowMs: clock.monotonicMs() })) return;
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

  async #readOn(holding: object): Promise<void> {
    const { clock, follower, head, log } = this.#options;
    while (this.#holding === holding) {
      try {
        await follower.waitFor(await head(), READ_MS_MAX);
        if (this.#holding !== holding) return;
        this.#isUpToDate = true;
        this.#openIfReady();
        return;
      } catch (error) {
        log.debug({ error: String(error) }, 'rows wait until the log is read');
        await clock.pause(RETRY_MS);
      }
    }
  }

  #openIfReady(): void {
    const { follower, clock, ids } = this.#options;
    if (!this.#isUpToDate || this.#open || !this.isSeeded || this.#works) return;
    // The term is the present time: a predecessor that started after us must not have a younger one.
    this.#publisher.progress(follower.position);
    this.#publisher.open(newTerm(clock.now(), ids.uuid()));
    this.#open = true;
    const { bus, context } = this.#options;
    this.#requests = bus.serve(subjects.rebuild(context), async ({ data }) => {
      const { andSwitch } = JSON.parse(Buffer.from(data).toString()) as Readonly<{ andSwitch?: unknown }>;
      try {
        const { position, ...report } = await this.rebuild(andSwitch === true);
        return encodeJson({ ...report, position: position.toString() });
      } catch (error) {
        return encodeJson({ refused: (error as Error).message });
      }
    });
  }

  async #fallSilent(): Promise<void> {
    this.#holding = undefined;
    this.#isUpToDate = false;
    if (!this.#open) return;
    this.#open = false;
    // Not awaited: what is being made anew ends by itself.
    void this.#requests?.stop();
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
