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
  type ObjectKey,
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
  /** The fork that a rehearsal began with. */
  #present: FoldFork | undefined;
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
    if (this.#present === undefined) this.#tell(change);
    else {
      this.#present.pin(change);
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
    if (this.#present !== undefined) throw new Error('another rehearsal is going on');
    this.#loops.tick(Date.parse(now));
    await this.settle();
    // Nothing else runs between the end of `settle` and here, so loops and rows are those of the position at which the fork begins.
    const { registry, world, breathe } = this.#options;
    const present = new FoldFork(registry, world);
    const begunAt = world.position;
    const onAppend = (change: Change) => this.#tell(change);
    const reservation = (stream: string) => this.#reservations.forkAt(stream, begunAt);
    const writer = new ForkWriter({ registry, fork: present, now, onAppend, reservation });
    const parts = { registry, writer, now, breathe, loops: this.#loops, rows: this.#rows, demand: this.#demand, present };
    const stage = { show: (fork: FoldFork) => void (this.#world.current = fork), tell: onAppend, settle: () => this.settle() };
    this.#present = present;
    this.#world.current = present;
    const rehearsal = new Rehearsal(parts, stage);
    try {
      await rehearsal.begin();
      return await play(rehearsal);
    } finally {
      rehearsal.end();
      this.#end(present, writer.appends.at(-1));
    }
  }

  #end(present: FoldFork, last: Append | undefined): void {
    this.#rows.unwatch();
    this.#world.current = this.#options.world;
    this.#present = undefined;
    if (last !== undefined) for (const change of between(present, last, 'back')) this.#tell(change);
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

/** All that differs in a fork, as if one append had brought it about, or taken it back. Which one it is does not matter. */
function* between(fork: FoldFork, append: Append, way: 'there' | 'back'): Iterable<Change> {
  const turned = <C extends Readonly<{ before: unknown; after: unknown }>>(change: C): C =>
    way === 'there' ? change : { ...change, before: change.after, after: change.before };
  for (const change of fork.changed()) yield { append, ...turned(change) };
  const records = [...fork.changedRecords()].map(turned);
  if (records.length > 0) yield { append, records };
}

type Parts = Readonly<{
  registry: Registry;
  writer: ForkWriter;
  now: string;
  breathe: () => Promise<void>;
  loops: StandingLoops;
  rows: StandingRows;
  demand: RowsOnDemand;
  /** The present at rest. */
  present: FoldFork;
}>;
type Setting = Readonly<{ show: (fork: FoldFork) => void; tell: (change: Change) => void; settle: () => Promise<void> }>;

export class Rehearsal {
  readonly #parts: Parts;
  readonly #stage: Setting;
  /** The present with what is played. */
  #fork: FoldFork;
  #shown: 'before' | 'after' = 'after';
  /** Appends before the rehearsal's own. */
  #begun = 0;
  /** Loops and keys that get nowhere at present, whatever is played. */
  #stuck: ReadonlySet<string> = new Set();

  constructor(parts: Parts, stage: Setting) {
    this.#parts = parts;
    this.#stage = stage;
    this.#fork = parts.present;
  }

  /** Does what is owed already. */
  async begin(): Promise<void> {
    const { rows, registry, present, writer } = this.#parts;
    const { left } = await this.settle();
    this.#stuck = new Set(left.map(({ loop, key }) => `${loop} ${key}`));
    await this.#stage.settle();
    this.#begun = writer.appends.length;
    rows.watch();
    this.#fork = new FoldFork(registry, present);
    writer.fork = this.#fork;
    this.#stage.show(this.#fork);
  }

  /** Takes back what was played. */
  end(): void {
    this.#turn('before');
  }

  send(command: Command, requestId: string, actor: Actor): Promise<Reply> {
    const sent: Sent = { requestId, actor, correlationId: requestId, causationId: requestId };
    return this.#send(command, sent);
  }

  #send(command: Command, sent: Sent): Promise<Reply> {
    return this.#parts.writer.carryOut(command, { ...sent, after: this.#parts.writer.fork.position.toString() });
  }

  /** Runs the loops until they are at rest. What gets nowhere without what is played, too, is not told. */
  async settle(): Promise<Settled> {
    const { writer, now, breathe, loops } = this.#parts;
    const carrying = {
      send: (command: Command, sent: Sent) => this.#send(command, sent),
      world: { get: (key: ObjectKey) => writer.fork.get(key) },
      appended: () => writer.appends.length,
      commandsMax: COMMANDS_MAX,
      breathe,
    };
    const first = await loops.settle(carrying);
    loops.tick(Date.parse(now) + LATER_MS);
    const { left, refusals, cut } = await loops.settle(carrying);
    const isNew = ({ loop, key }: Readonly<{ loop: string; key: string }>) => !this.#stuck.has(`${loop} ${key}`);
    return { left: left.filter(isNew), refusals: refusals.filter(isNew), cut: cut || first.cut };
  }

  /** Of the rehearsal's own commands, and of what loops did about them. */
  get appends(): readonly Append[] {
    return this.#parts.writer.appends.slice(this.#begun);
  }

  /** The present with what was played. */
  get fork(): FoldFork {
    return this.#fork;
  }

  /** The present at rest. */
  get present(): FoldFork {
    return this.#parts.present;
  }

  /** From now on `rows` and `tables` are those after what was played (as at first), or those before it. Nothing may be played in the state before. */
  async show(which: 'before' | 'after'): Promise<void> {
    this.#turn(which);
    await this.#stage.settle();
  }

  #turn(which: 'before' | 'after'): void {
    if (this.#shown === which) return;
    this.#shown = which;
    const { writer, present } = this.#parts;
    this.#stage.show(which === 'after' ? this.#fork : present);
    const last = writer.appends.at(-1);
    if (last !== undefined && this.#fork !== present) {
      for (const change of between(this.#fork, last, which === 'after' ? 'there' : 'back')) this.#stage.tell(change);
    }
  }

  /** Rows whose contents differ, while the state after is shown. */
  async rowDifferences(): Promise<readonly RowDifference[]> {
    await this.#stage.settle();
    return [...this.#parts.rows.differences()];
  }

  /** All rows by table. */
  get tables(): StandingRows['tables'] {
    return this.#parts.rows.tables;
  }

  /** The same, as packets ask for them. */
  get rows(): RowIndex {
    return this.#parts.demand;
  }
}
