/**
 * Runs the control loops of a context (DESIGN 10.20): what they owe is sent as commands until it is owed no more. One replica sends, the holder of the
 * lease; the others ask as well and keep what is owed, so that they can go on at once. Nothing is stored: after a start everything that is owed follows
 * from the fold.
 *
 *   change ──> keys to ask ──slices of 5 ms──> owed? ──> one command for a target at a time ──> fold has its outcome ──> asked again
 */
import { type Context, commandOfDraft, type Draft, type Registry, requestIdOfDraft, sentFor, type Timer, targetOf } from '@weft/api';
import { type Asked, type Finding, LoopBoard } from '@weft/derive';
import type { CommandClient } from '../client/command-client.ts';
import { type LeaseHolder, LOOPS_SLOT } from '../lease/leases.ts';
import type { Clock, Follower, Logger, Part } from '../platform.ts';
import { Attempts } from './attempts.ts';
import { Lanes } from './lanes.ts';

export type LoopRunnerOptions = Readonly<{
  context: Context;
  registry: Registry;
  follower: Follower;
  client: CommandClient;
  clock: Clock;
  log: Logger;
}>;

const RUNNING_MAX = 128;
const SLICE_MS = 5;
const TICK_EVERY_MS = 250;
/** Of each tick, while there is nothing else to do. */
const AUDIT_MS = 1;
const FOLLOW_MS_MAX = 10_000;
const PROBLEMS_MAX = 10;

/** What one key owes, on its way. */
type Work = {
  readonly asked: Asked;
  readonly name: string;
  readonly owed: string;
  /** Commands that have not ended. */
  left: number;
  begun: boolean;
  /** Another answer came before the first command was sent. */
  dropped: boolean;
  position: bigint;
  why: string;
};

export class LoopRunner implements Part, LeaseHolder {
  readonly name: string;
  readonly #options: LoopRunnerOptions;
  readonly #board: LoopBoard;
  readonly #attempts = new Attempts();
  /** Loops that threw when they were asked, by loop and key; they are asked again when what they read changes. */
  readonly #faults = new Map<string, Error>();
  /** Owed, and not sent yet: this replica does not send, or its turn has not come. By loop and key. */
  readonly #waiting = new Map<string, Work>();
  readonly #lanes = new Lanes<Readonly<{ work: Work; draft: Draft }>>();
  readonly #retries = new Map<string, Timer>();
  #active = false;
  #running = 0;
  #scheduled: Timer | undefined;
  #ticks: Timer | undefined;
  #idle: (() => void)[] = [];
  #stopped = false;
  #forget: (() => void) | undefined;
  readonly counts = { asked: 0, commands: 0, refused: 0, retries: 0, missed: 0 };

  constructor(options: LoopRunnerOptions) {
    const { context, registry, follower, clock } = options;
    this.name = `loops of ${context}`;
    this.#options = options;
    this.#board = new LoopBoard({ registry, loops: registry.loops(context), world: follower, nowMs: () => clock.monotonicMs() });
    this.#board.onWork(() => this.#schedule());
  }

  /** Before the follower starts: every change is looked at from the first one on. */
  async start(): Promise<void> {
    const { clock, follower } = this.#options;
    this.#forget = follower.consume({
      name: this.name,
      from: 0n,
      onChange: (change) => this.#board.apply(change),
      onCaughtUp: () => this.#schedule(),
    });
    this.#board.tick(clock.now().getTime());
    this.#ticks = clock.every(TICK_EVERY_MS, () => this.#tick());
  }

  #tick(): void {
    const { clock, follower } = this.#options;
    this.#board.tick(clock.now().getTime());
    if (!follower.caughtUp || this.#board.pending > 0) return;
    for (const finding of this.#board.auditSlice(AUDIT_MS)) this.#found(finding);
  }

  /** A loop was not asked although what it reads has changed: a bug, which asking again mends for now. */
  #found({ collection, key, what }: Finding): void {
    this.counts.missed++;
    this.#options.log.error({ collection, key, what }, 'a loop was not asked when it should have been');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forget?.();
    await this.release(LOOPS_SLOT);
    this.#ticks?.cancel();
    this.#scheduled?.cancel();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
  }

  problems(): readonly string[] {
    const faults = [...this.#faults].slice(0, PROBLEMS_MAX).map(([name, error]) => `${name} cannot be asked: ${error.message}`);
    return [...faults, ...this.#attempts.problems(PROBLEMS_MAX)];
  }

  /** Keys that loops have to be asked about. */
  get toAsk(): number {
    return this.#board.pending;
  }

  /** Keys under which the same is owed after its command was carried out or refused. */
  get unsettled(): number {
    return this.#attempts.size;
  }

  /** Keys under which something is owed and not sent. */
  get waiting(): number {
    return this.#waiting.size;
  }

  acquired(slot: number): void {
    if (slot !== LOOPS_SLOT) return;
    this.#active = true;
    this.#schedule();
  }

  async release(slot: number): Promise<void> {
    if (slot !== LOOPS_SLOT || !this.#active) return;
    this.#active = false;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  lost(): void {
    this.#active = false;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#scheduled ??= this.#options.clock.soon(() => {
      this.#scheduled = undefined;
      this.#slice();
    });
  }

  #slice(): void {
    const { clock, follower } = this.#options;
    const board = this.#board;
    // During the reading of the log states are of the past, and most of what they owe has been done.
    if (!follower.caughtUp) return;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    this.#send();
    for (let asked = board.next(); asked !== undefined; asked = board.next()) {
      this.counts.asked++;
      this.#take(asked);
      if (clock.monotonicMs() < untilMs) continue;
      this.#schedule();
      return;
    }
  }

  #take(asked: Asked): void {
    const name = nameOf(asked);
    this.#retries.get(name)?.cancel();
    this.#retries.delete(name);
    if (asked.fault !== undefined) this.#note(name, asked.fault);
    else if (this.#faults.size > 0) this.#faults.delete(name);
    const before = this.#waiting.get(name);
    if (before !== undefined) before.dropped = true;
    this.#waiting.delete(name);
    if (asked.owed.length === 0) this.#attempts.settled(name);
    else this.#owe(asked, name);
  }

  #owe(asked: Asked, name: string): void {
    const owed = JSON.stringify(asked.owed);
    const { clock } = this.#options;
    const waitMs = this.#attempts.waitMs(name, owed, clock.monotonicMs());
    if (waitMs > 0) {
      this.#retries.set(
        name,
        clock.after(waitMs, () => this.#askAgain(asked)),
      );
      return;
    }
    const why = 'its command was carried out, and the same is owed still';
    const work: Work = { asked, name, owed, left: asked.owed.length, begun: false, dropped: false, position: 0n, why };
    this.#waiting.set(name, work);
    for (const draft of asked.owed) this.#lanes.add(laneOf(draft), { work, draft });
    this.#send();
  }

  #note(name: string, error: Error): void {
    if (!this.#faults.has(name)) this.#options.log.error({ err: error, asked: name }, 'a loop cannot be asked');
    this.#faults.set(name, error);
  }

  #askAgain(asked: Asked): void {
    this.#retries.delete(nameOf(asked));
    this.counts.retries++;
    this.#board.release(asked.loop, asked.key);
  }

  /** Sends what waits, as far as targets are free. */
  #send(): void {
    while (this.#active && this.#running < RUNNING_MAX) {
      const next = this.#lanes.take();
      if (next === undefined) return;
      const { work } = next.item;
      if (work.dropped) {
        this.#lanes.free(next.lane);
        continue;
      }
      if (!work.begun) {
        work.begun = true;
        this.#waiting.delete(work.name);
        this.#board.hold(work.asked.loop, work.asked.key);
      }
      this.#running++;
      void this.#carryOut(work, next.item.draft).then(() => {
        this.#lanes.free(next.lane);
        this.#running--;
        if (this.#running === 0) for (const idle of this.#idle.splice(0)) idle();
        this.#send();
      });
    }
  }

  async #carryOut(work: Work, draft: Draft): Promise<void> {
    const { follower, client, clock, log } = this.#options;
    const { loop, key, trigger } = work.asked;
    this.counts.commands++;
    try {
      const requestId = requestIdOfDraft(draft, follower);
      const reply = await client.send(commandOfDraft(draft), {
        ...sentFor(loop.name, requestId, trigger),
        after: follower.position,
      });
      if (reply.ok) work.position = BigInt(reply.position) > work.position ? BigInt(reply.position) : work.position;
      else {
        this.counts.refused++;
        work.why = `${reply.status.code} ${reply.status.message}`;
      }
      work.left--;
      if (work.left > 0) return;
      // It is asked again of a fold that knows what came of its commands.
      if (work.position > follower.position) await follower.waitFor(work.position, FOLLOW_MS_MAX);
    } catch (error) {
      work.why = (error as Error).message;
      log.warn({ err: error, loop: loop.name, key }, 'what a loop owes cannot be carried out yet');
    }
    this.#attempts.sent(work.name, work.owed, work.why, clock.monotonicMs());
    this.#board.release(loop, key);
  }
}

/** Commands on one object take turns; those on a reservation stream share its appends. */
function laneOf(draft: Draft): string | undefined {
  return draft.target === 'reservation' ? undefined : targetOf(draft);
}

function nameOf({ loop, key }: Pick<Asked, 'loop' | 'key'>): string {
  return `${loop.name} ${key}`;
}
