/**
 * The control loops of all contexts in a World. They are asked as in services, in random order, and some of their commands are sent again later, until
 * nothing is owed. Then every loop is asked about everything without tracked reads: it must owe nothing.
 */
import {
  askEverything,
  type Change,
  type Command,
  type Draft,
  type Fold,
  owedText,
  type Registry,
  type Reply,
  runDraft,
  runNow,
  type Sent,
  type Status,
} from '@weft/api';
import { LoopBoard, OwedByLoops, type Owing } from '@weft/derive';
import { below, type Seeded } from './random.ts';

/** A command of a loop that was refused. A service would repeat it after longer and longer pauses, and show the problem. */
export type Refusal = Readonly<{ loop: string; key: string; draft: Draft; status: Status }>;

export type WorldLoopsOptions = Readonly<{
  registry: Registry;
  fold: Fold;
  /** Share of commands that are sent a second time, later. */
  duplicates: number;
  /** The first by name has its turn. */
  inOrder: boolean;
  random: () => Seeded;
  nowMs: () => number;
  send: (command: Command, sent: Sent) => Reply;
}>;

type Late = Readonly<{ command: Command; sent: Sent }>;

/** Bound of the commands of one `settle`: with more, loops undo each other's work. */
const COMMANDS_MAX = 200_000;
/** One command may change nothing because it was decided on an older view. So many in a row mean a bug. */
const IDLE_MAX = 50;
/** A service waits longer and longer before it sends the same again, so a loop whose commands get on must owe another thing each time. */
const SAME_MAX = 20;

export class WorldLoops {
  readonly board: LoopBoard;
  readonly refusals: Refusal[] = [];
  readonly #options: WorldLoopsOptions;
  readonly #owed: OwedByLoops;
  readonly #late: Late[] = [];
  readonly #idle = new Map<string, number>();
  /** By loop and key: what was sent last, and how often since something else was owed. */
  readonly #same = new Map<string, Readonly<{ owed: string; times: number }>>();

  constructor(options: WorldLoopsOptions) {
    this.#options = options;
    const { registry, fold } = options;
    this.board = new LoopBoard({ registry, loops: registry.loops(), world: fold, nowMs: () => 0 });
    this.#owed = new OwedByLoops(this.board);
  }

  apply(change: Change): void {
    this.board.apply(change);
  }

  /** Takes over from the loops of another world: commands that come again, and the triggers of keys that wait to be asked. */
  goOnFrom(other: WorldLoops): void {
    this.#late.push(...other.#late);
    for (const [name, count] of other.#idle) this.#idle.set(name, count);
    this.#ask();
    for (const name of this.#owed.names) {
      const owing = this.#owed.get(name) as Owing;
      const trigger = other.board.triggerOf(owing.loop, owing.key) ?? other.#owed.get(name)?.trigger;
      if (trigger !== undefined) this.#owed.set(name, { ...owing, trigger });
    }
  }

  settle(): void {
    const { random, inOrder } = this.#options;
    this.board.tick(this.#options.nowMs());
    for (let commands = 0; commands < COMMANDS_MAX; commands++) {
      this.#ask();
      if (this.#late.length > 0 && (this.#owed.size === 0 || random()() < 0.3)) {
        const [late] = this.#late.splice(below(random(), this.#late.length), 1);
        if (late !== undefined) this.#options.send(late.command, late.sent);
        continue;
      }
      const { names } = this.#owed;
      if (names.length === 0) {
        this.#expectRest();
        return;
      }
      const name = names[inOrder ? 0 : below(random(), names.length)] as string;
      const owing = this.#owed.get(name) as Owing;
      this.#owed.delete(name);
      this.#countSame(name, owing);
      for (const draft of owing.owed) this.#carryOut(name, owing, draft);
      this.board.release(owing.loop, owing.key);
    }
    throw new Error(`loops do not come to rest: ${this.#owed.names.slice(0, 5).join(', ')}`);
  }

  #ask(): void {
    this.#owed.ask({
      each: ({ fault, owed }, name) => {
        if (fault !== undefined) throw fault;
        if (owed.length > 0) return;
        this.#idle.delete(name);
        this.#same.delete(name);
      },
    });
  }

  #carryOut(name: string, { loop, key, trigger }: Owing, draft: Draft): void {
    const { fold, random, duplicates, send } = this.#options;
    const before = fold.position;
    const sendOften = (command: Command, sent: Sent) => {
      const reply = send(command, sent);
      if (duplicates > 0 && random()() < duplicates) this.#late.push({ command, sent });
      return reply;
    };
    const reply = runNow(runDraft({ loop, draft, trigger }, fold), { send: sendOften });
    if (!reply.ok) this.refusals.push({ loop: loop.name, key, draft, status: reply.status });
    if (fold.position > before) {
      this.#idle.clear();
      return;
    }
    const idle = (this.#idle.get(name) ?? 0) + 1;
    this.#idle.set(name, idle);
    if (idle > IDLE_MAX) throw new Error(`loop ${name} owes the same again and again: ${JSON.stringify(draft)} ${JSON.stringify(reply)}`);
  }

  #countSame(name: string, owing: Owing): void {
    const owed = JSON.stringify(owing.owed);
    const before = this.#same.get(name);
    const times = before?.owed === owed ? before.times + 1 : 1;
    this.#same.set(name, { owed, times });
    if (times > SAME_MAX) throw new Error(`loop ${name} owes the same after ${SAME_MAX} commands: ${owed}`);
  }

  #expectRest(): void {
    const { registry, fold, nowMs } = this.#options;
    const owed = [...askEverything(registry, fold, nowMs())];
    if (owed.length > 0) throw new Error(`not asked when they should have been:\n${owedText(owed)}`);
  }
}
