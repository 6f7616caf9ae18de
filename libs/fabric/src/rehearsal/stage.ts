/**
 * Rehearsals: commands, and what control loops do about them, carried out on a fork of the present by the code that carries them out in earnest. Nothing is written.
 *
 *   live fold ── changes ──> loops, rows ── at rest ──> fork ── commands, loops ──> what differs ── told back ──> loops, rows as before
 *                  └─ kept in the fork as they were, and told once the rehearsal is over
 *
 * Loops and rows are derived once from the whole fold, in slices, and then follow it. A rehearsal tells them the difference between the fold and its fork, so it
 * costs what the change costs. One at a time.
 */
import {
  type Actor,
  type Append,
  type Change,
  type Command,
  FoldFork,
  type ForkBase,
  type Registry,
  type Reply,
  type Sent,
} from '@weft/api';
import type { RowIndex } from '../rows/row-index.ts';
import { RowsOnDemand } from '../rows/rows-on-demand.ts';
import { ForkWriter } from './fork-writer.ts';
import { type ReadStream, ReservationStates } from './reservation-states.ts';
import { type Settled, StandingLoops } from './standing-loops.ts';
import { type RowDifference, StandingRows } from './standing-rows.ts';
import { SwitchWorld } from './switch-world.ts';

export type StageOptions = Readonly<{
  registry: Registry;
  /** A fold that must have applied a change before that is given to `note`. */
  world: ForkBase;
  readStream: ReadStream;
  /** Monotonic, ms: for slices only. */
  nowMs: () => number;
  /** Lets others have their turn; throws when the rehearsal should end. */
  breathe: () => Promise<void>;
}>;

const SLICE_MS = 5;
/** Commands of loops in one rehearsal: with more, the change is too large to be foreseen, or loops undo each other's work. */
const COMMANDS_MAX = 20_000;
/** Loops send some releases again after a second: what follows from these belongs to the outcome. */
const LATER_MS = 2_000;

export class Stage {
  readonly #options: StageOptions;
  readonly #world: SwitchWorld;
  readonly #loops: StandingLoops;
  readonly #rows: StandingRows;
  readonly #demand: RowsOnDemand;
  readonly #reservations: ReservationStates;
  #rehearsal: Rehearsal | undefined;
  /** Changes of the fold that came during a rehearsal. */
  #late: Change[] = [];

  constructor(options: StageOptions) {
    const { registry, world, nowMs, readStream } = options;
    this.#options = options;
    this.#world = new SwitchWorld(world);
    this.#loops = new StandingLoops(registry, this.#world, nowMs);
    this.#rows = new StandingRows(registry, this.#world, nowMs);
    this.#demand = new RowsOnDemand(registry, this.#world, { nowMs });
    this.#reservations = new ReservationStates(registry, readStream);
  }

  /** A change of the fold. */
  note(change: Change): void {
    if (this.#rehearsal === undefined) this.#tell(change);
    else {
      this.#rehearsal.fork.pin(change);
      this.#late.push(change);
    }
  }

  /** Brings loops and rows up to the world. O(everything) the first time, and what has changed after that. */
  async settle(): Promise<void> {
    const { nowMs, breathe } = this.#options;
    for (;;) {
      const end = nowMs() + SLICE_MS;
      if (this.#loops.ask(() => nowMs() >= end) && this.#rows.settle(SLICE_MS) && this.#demand.settle(SLICE_MS)) return;
      await breathe();
    }
  }

  /** Plays on a fork that begins at rest: what was owed before is done, and no part of what differs. `now`: RFC 3339. */
  async rehearse<T>(now: string, play: (rehearsal: Rehearsal) => Promise<T>): Promise<T> {
    if (this.#rehearsal !== undefined) throw new Error('another rehearsal is going on');
    this.#loops.tick(Date.parse(now));
    await this.settle();
    // Nothing else runs between the end of `settle` and here, so loops and rows are those of the position at which the fork begins.
    const { registry, world, breathe } = this.#options;
    const fork = new FoldFork(registry, world);
    const begunAt = world.position;
    const onAppend = (change: Change) => this.#tell(change);
    const writer = new ForkWriter({ registry, fork, now, onAppend, reservation: (stream) => this.#reservations.forkAt(stream, begunAt) });
    const rehearsal = new Rehearsal(this.#loops, this.#rows, this.#demand, { fork, writer, now, breathe, settleRows: () => this.settle() });
    this.#rehearsal = rehearsal;
    this.#world.current = fork;
    try {
      await rehearsal.begin();
      return await play(rehearsal);
    } finally {
      this.#end(fork, writer.appends.at(-1));
    }
  }

  #end(fork: FoldFork, last: Append | undefined): void {
    this.#rows.unwatch();
    this.#world.current = this.#options.world;
    this.#rehearsal = undefined;
    if (last !== undefined) for (const change of backwards(fork, last)) this.#tell(change);
    const late = this.#late;
    this.#late = [];
    for (const change of late) this.#tell(change);
  }

  #tell(change: Change): void {
    this.#loops.apply(change);
    this.#rows.note(change);
    this.#demand.note(change);
  }
}

/** As if everything were taken back by one append. Which one it is does not matter. */
function* backwards(fork: FoldFork, append: Append): Iterable<Change> {
  for (const { before, after } of fork.changed()) yield { append, before: after, after: before };
  const records = [...fork.changedRecords()].map(({ before, after, ...record }) => ({ ...record, before: after, after: before }));
  if (records.length > 0) yield { append, records };
}

type Playing = Readonly<{
  fork: FoldFork;
  writer: ForkWriter;
  now: string;
  breathe: () => Promise<void>;
  settleRows: () => Promise<void>;
}>;

export class Rehearsal {
  readonly fork: FoldFork;
  readonly #loops: StandingLoops;
  readonly #rows: StandingRows;
  readonly #demand: RowsOnDemand;
  readonly #playing: Playing;
  /** Appends before the rehearsal's own. */
  #begun = 0;

  constructor(loops: StandingLoops, rows: StandingRows, demand: RowsOnDemand, playing: Playing) {
    this.#loops = loops;
    this.#rows = rows;
    this.#demand = demand;
    this.#playing = playing;
    this.fork = playing.fork;
  }

  /** Does what is owed already. */
  async begin(): Promise<void> {
    await this.settle();
    await this.#playing.settleRows();
    this.#begun = this.#playing.writer.appends.length;
    this.#rows.watch();
  }

  send(command: Command, requestId: string, actor: Actor): Promise<Reply> {
    const sent: Sent = { requestId, actor, correlationId: requestId, causationId: requestId };
    return this.#send(command, sent);
  }

  #send(command: Command, sent: Sent): Promise<Reply> {
    return this.#playing.writer.carryOut(command, { ...sent, after: this.fork.position.toString() });
  }

  /** Runs the loops until they are at rest. */
  async settle(): Promise<Settled> {
    const { writer, now, breathe } = this.#playing;
    const carrying = {
      send: (command: Command, sent: Sent) => this.#send(command, sent),
      world: this.fork,
      appended: () => writer.appends.length,
      commandsMax: COMMANDS_MAX,
      breathe,
    };
    await this.#loops.settle(carrying);
    this.#loops.tick(Date.parse(now) + LATER_MS);
    return this.#loops.settle(carrying);
  }

  /** The rehearsal's own, and what loops did about them. */
  get appends(): readonly Append[] {
    return this.#playing.writer.appends.slice(this.#begun);
  }

  /** Rows whose contents differ. */
  async rowDifferences(): Promise<readonly RowDifference[]> {
    await this.#playing.settleRows();
    return [...this.#rows.differences()];
  }

  /** All rows, as they are in the fork after `rowDifferences`. */
  get tables(): StandingRows['tables'] {
    return this.#rows.tables;
  }

  /** The rows of the fork, as packets ask for them, after `rowDifferences`. */
  get rows(): RowIndex {
    return this.#demand;
  }
}
