/** What all control loops owe in a world that is switched between the fold and its forks: asked only about keys whose reads differ. */
import {
  type Change,
  type Command,
  type FactsView,
  type Registry,
  type Reply,
  runDraft,
  runLater,
  type Sent,
  type Status,
} from '@weft/api';
import { type FoldedWorld, LoopBoard, OwedByLoops, type Owing } from '@weft/derive';

/** A command of a loop that is refused: it would be repeated after longer and longer pauses. */
export type LoopRefusal = Readonly<{ loop: string; key: string; status: Status }>;
export type Settled = Readonly<{
  /** Loops and keys that owe something still, as nothing gets them on. */
  left: readonly Readonly<{ loop: string; key: string }>[];
  refusals: readonly LoopRefusal[];
  /** Whether the bound was reached before all was done. */
  cut: boolean;
}>;

export type Carrying = Readonly<{
  send: (command: Command, sent: Sent) => Promise<Reply>;
  world: Pick<FactsView, 'get'>;
  /** Rises with each append. */
  appended: () => number;
  commandsMax: number;
  /** Called between two commands; throws when it should end. */
  breathe: () => Promise<void> | undefined;
}>;

export class StandingLoops {
  readonly #board: LoopBoard;
  readonly #owed: OwedByLoops;

  constructor(registry: Registry, world: FoldedWorld, nowMs: () => number) {
    this.#board = new LoopBoard({ registry, loops: registry.loops(), world, nowMs });
    this.#owed = new OwedByLoops(this.#board);
  }

  apply(change: Change): void {
    this.#board.apply(change);
  }

  /** Unix time, ms. It never goes back. */
  tick(nowMs: number): void {
    this.#board.tick(nowMs);
  }

  /** Asks until no key waits, or `isOver` says that the time is up. Gives whether all is asked. */
  ask(isOver: () => boolean = () => false): boolean {
    return this.#owed.ask({ isOver });
  }

  /** Carries out what is owed, in a fixed order, until nothing is, or nothing gets on. */
  async settle(carrying: Carrying): Promise<Settled> {
    const refusals = new Map<string, LoopRefusal>();
    /** What was owed when it was carried out last, and how far the log was then. */
    const tried = new Map<string, Readonly<{ owed: string; appended: number }>>();
    let cut = true;
    for (let commands = 0; commands < carrying.commandsMax; ) {
      this.ask();
      const next = this.#next(tried, carrying.appended());
      if (next === undefined) {
        cut = false;
        break;
      }
      const [name, owing] = next;
      refusals.delete(name);
      for (const draft of owing.owed) {
        commands++;
        const reply = await runLater(runDraft({ ...owing, draft }, carrying.world), carrying);
        if (!reply.ok) refusals.set(name, { loop: owing.loop.name, key: owing.key, status: reply.status });
      }
      tried.set(name, { owed: JSON.stringify(owing.owed), appended: carrying.appended() });
      this.#board.release(owing.loop, owing.key);
      await carrying.breathe();
    }
    const left = [...this.#owed.values()].map(({ loop, key }) => ({ loop: loop.name, key }));
    return { left, refusals: [...refusals.values()], cut };
  }

  /** What was not tried yet comes first; then what did not get on, if anything has happened since. */
  #next(tried: ReadonlyMap<string, Readonly<{ owed: string; appended: number }>>, appended: number): [string, Owing] | undefined {
    let again: [string, Owing] | undefined;
    for (const name of this.#owed.names) {
      const owing = this.#owed.get(name) as Owing;
      const before = tried.get(name);
      if (before === undefined || before.owed !== JSON.stringify(owing.owed)) return [name, owing];
      if (again === undefined && before.appended < appended) again = [name, owing];
    }
    return again;
  }
}
