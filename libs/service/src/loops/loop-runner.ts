/**
 * Runs the control loops of a context (DESIGN 10.20): sends the commands that they owe until nothing is owed. Only the replica that holds the lease
 * sends; the others ask the loops as well and keep what is owed, so that they can take over at once. Nothing is stored: after a start, what is owed
 * follows from the fold.
 *
 *   change ──> keys to ask ──slices of 5 ms──> owed? ──> one command for a target at a time ──> fold has its outcome ──> asked again
 */
import {
  type Command,
  type Context,
  type Draft,
  type Position,
  type Registry,
  runDraft,
  runLater,
  type Sent,
  SLICE_MS,
  SpareTime,
  type Timer,
  targetOf,
  withFields,
} from '@weft/api';
import { type Asked, type Explained, type Finding, type KeyState, LoopBoard } from '@weft/derive';
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
const TICK_EVERY_MS = 250;
/** How much of a tick an audit may take. */
const AUDIT_MS = 1;
const FOLLOW_MS_MAX = 10_000;
const PROBLEMS_MAX = 10;
const OWED_TOLD_MAX = 10;

/** `answer`: what is owed, with what was read; as of before the last change while it `waits`. `sends`: whether this replica sends what is owed. */
export type LoopExplanation = Readonly<{
  loop: string;
  key: string;
  context: Context;
  position: bigint;
  /** As of keys in `@weft/derive`; `dormant`: the loop awaits something, and was not asked about anything. */
  state: KeyState | 'dormant';
  awaits?: readonly string[];
  answer?: Explained;
  sends: boolean;
  attempt?: Readonly<{ attempts: number; why: string; waitMs: number }>;
}>;

/** What is owed in one correlation. `askedTo`: every loop was asked about everything up to there; absent while keys wait to be asked. */
export type OwedIn = Readonly<{
  position: Position;
  askedTo?: Position;
  /** The first ones of `count`. */
  owed: readonly Readonly<{ loop: string; key: string; why?: string }>[];
  count: number;
}>;

/** What one key owes, while its commands wait or are under way. */
type Work = {
  readonly asked: Asked;
  readonly name: string;
  /** Number of its commands that have neither ended nor been given up unsent. */
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
  /** From the moment on when the log has been read: states before that are of the past, and most of what they owe has been done. */
  #board: LoopBoard | undefined;
  readonly #attempts = new Attempts();
  /** Loops that threw when they were asked, by loop and key; they are asked again when what they read changes. */
  readonly #faults = new Map<string, Error>();
  /** Owed, and not sent yet: this replica does not send, or its turn has not come. By loop and key. */
  readonly #waiting = new Map<string, Work>();
  /** Of what waits while this replica sends. */
  readonly #lanes = new Lanes<Readonly<{ work: Work; draft: Draft }>>();
  readonly #retries = new Map<string, Timer>();
  /** Keys that owed something when they were asked last, by loop and key, with the correlation of the append that made them. */
  readonly #owing = new Map<string, Readonly<{ loop: string; key: string; correlation: string | undefined }>>();
  #active = false;
  #running = 0;
  /** Of these, commands of loops that do not yield. */
  #runningPrompt = 0;
  /** Commands that were sent and are not answered yet. */
  readonly #unanswered = new Set<Promise<void>>();
  #scheduled: Timer | undefined;
  #ticks: Timer | undefined;
  readonly #spare = new SpareTime();
  #stopped = false;
  #forget: (() => void) | undefined;
  readonly counts = { asked: 0, commands: 0, refused: 0, retries: 0, missed: 0 };

  constructor(options: LoopRunnerOptions) {
    this.name = `loops of ${options.context}`;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, follower } = this.#options;
    this.#forget = follower.consume({
      name: this.name,
      onBegin: () => this.#begin(),
      onChange: (change) => this.#board?.apply(change),
    });
    this.#ticks = clock.every(TICK_EVERY_MS, () => this.#tick());
  }

  /** Every loop is to be asked about everything that there is, in slices. */
  #begin(): void {
    const { context, registry, follower, clock } = this.#options;
    const board = new LoopBoard({ registry, loops: registry.loops(context), world: follower, nowMs: () => clock.monotonicMs() });
    board.onWork(() => this.#schedule());
    board.tick(clock.now().getTime());
    this.#board = board;
    this.#schedule();
  }

  #tick(): void {
    const board = this.#board;
    if (board === undefined) return;
    const { clock, follower } = this.#options;
    board.tick(clock.now().getTime());
    if (board.pending > 0) this.#schedule(); // Loops that yield have a turn from time to time.
    if (!this.#spare.isNow({ position: follower.position, nowMs: clock.monotonicMs(), works: board.pending > 0 })) return;
    for (const finding of board.auditSlice(AUDIT_MS)) this.#found(finding);
  }

  /** A loop was not asked although what it reads has changed: a bug, which asking again mends for now. */
  #found({ collection, key, what }: Finding): void {
    this.counts.missed++;
    this.#options.log.error({ collection, key, what }, 'a loop was not asked when it should have been');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forget?.();
    this.#ticks?.cancel();
    this.#scheduled?.cancel();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
    await this.release(LOOPS_SLOT);
  }

  problems(): readonly string[] {
    const faults = [...this.#faults].slice(0, PROBLEMS_MAX).map(([name, error]) => `${name} cannot be asked: ${error.message}`);
    return [...faults, ...this.#attempts.problems(PROBLEMS_MAX)];
  }

  /** Keys that loops have to be asked about. */
  get toAsk(): number {
    return this.#board?.pending ?? 0;
  }

  /** Keys under which the same is owed after its command was carried out or refused. */
  get unsettled(): number {
    return this.#attempts.size;
  }

  /** Keys under which something is owed and not sent. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What one of its loops owes about a key, why, and what is being done about it; undefined for a loop of another context, or of none. */
  explain(name: string, key: string): LoopExplanation | undefined {
    const { registry, context, follower, clock } = this.#options;
    const loop = registry.loops(context).find((each) => each.name === name);
    if (loop === undefined) return undefined;
    const found = this.#board?.explain(loop, key);
    const attempt = this.#attempts.last(nameOf({ loop, key }), clock.monotonicMs());
    return {
      loop: name,
      key,
      context,
      position: follower.position,
      state: found?.state ?? (this.#board === undefined ? 'waits' : 'dormant'),
      ...(found === undefined &&
        this.#board !== undefined && { awaits: (loop.awaits ?? []).map((each) => ('kind' in each ? each.kind : each.ledger)) }),
      ...(found !== undefined && { answer: found.answer }),
      sends: this.#active,
      ...(attempt && { attempt }),
    };
  }

  /** What is owed because of appends of one correlation. O(keys that owe something). */
  owedIn(correlation: string): OwedIn {
    const { follower, clock } = this.#options;
    const found = [...this.#owing].filter(([, owing]) => owing.correlation === correlation);
    const owed = found.slice(0, OWED_TOLD_MAX).map(([name, { loop, key }]) => {
      const why = this.#attempts.last(name, clock.monotonicMs())?.why;
      return { loop, key, ...(why !== undefined && { why }) };
    });
    const isAsked = this.#board?.pending === 0;
    return { position: follower.position, ...(isAsked && { askedTo: follower.position }), owed, count: found.length };
  }

  acquired(slot: number): void {
    if (slot !== LOOPS_SLOT || this.#active) return;
    this.#active = true;
    for (const work of this.#waiting.values()) this.#queue(work);
    this.#schedule();
  }

  /** Ends when what was sent is answered, also what was sent before a lease was lost. What comes of it in the fold is the next holder's concern. */
  async release(slot: number): Promise<void> {
    if (slot !== LOOPS_SLOT) return;
    this.lost(slot);
    await Promise.all([...this.#unanswered]);
  }

  /** What was not sent waits on, and is asked again as things change: it may be sent much later, if ever, and not as it was found now. */
  lost(slot: number): void {
    if (slot !== LOOPS_SLOT) return;
    this.#active = false;
    for (const { work } of this.#lanes.clear()) if (work.begun) void this.#end(work);
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#scheduled ??= this.#options.clock.soon(() => {
      this.#scheduled = undefined;
      this.#slice();
    });
  }

  #slice(): void {
    const { clock } = this.#options;
    const board = this.#board;
    if (this.#stopped || board === undefined) return;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    this.#send();
    const next = () => board.next(this.#runningPrompt > 0);
    for (let asked = next(); asked !== undefined; asked = next()) {
      this.counts.asked++;
      this.#take(asked);
      if (clock.monotonicMs() < untilMs) continue;
      this.#schedule();
      return;
    }
  }

  #take(asked: Asked): void {
    if (asked.owed.length === 0 && asked.fault === undefined && this.#isSettled) return; // As it is as a rule.
    const name = nameOf(asked);
    this.#retries.get(name)?.cancel();
    this.#retries.delete(name);
    if (asked.fault !== undefined) this.#note(name, asked.fault);
    else if (this.#faults.size > 0) this.#faults.delete(name);
    const before = this.#waiting.get(name);
    if (before !== undefined) before.dropped = true;
    this.#waiting.delete(name);
    if (asked.owed.length === 0) {
      this.#owing.delete(name);
      this.#attempts.settled(name);
      return;
    }
    // When it is asked again after its command, no append has made it owed anew.
    const correlation = asked.trigger?.events[0].metadata.$correlationId ?? this.#owing.get(name)?.correlation;
    this.#owing.set(name, { loop: asked.loop.name, key: asked.key, correlation });
    this.#owe(asked, name);
  }

  /** Whether nothing is remembered of any key. */
  get #isSettled(): boolean {
    return this.#retries.size + this.#faults.size + this.#waiting.size + this.#attempts.size + this.#owing.size === 0;
  }

  #owe(asked: Asked, name: string): void {
    const { clock } = this.#options;
    const waitMs = this.#attempts.waitMs(name, asked.owed, clock.monotonicMs());
    if (waitMs > 0) {
      this.#retries.set(
        name,
        clock.after(waitMs, () => this.#askAgain(asked)),
      );
      return;
    }
    const why = 'its command was carried out, and the same is owed still';
    const work: Work = { asked, name, left: asked.owed.length, begun: false, dropped: false, position: 0n, why };
    this.#waiting.set(name, work);
    if (!this.#active) return;
    this.#queue(work);
    this.#send();
  }

  #queue(work: Work): void {
    for (const draft of work.asked.owed) this.#lanes.add(laneOf(draft), { work, draft });
  }

  #note(name: string, error: Error): void {
    if (!this.#faults.has(name)) this.#options.log.error({ err: error, asked: name }, 'a loop cannot be asked');
    this.#faults.set(name, error);
  }

  #askAgain(asked: Asked): void {
    this.#retries.delete(nameOf(asked));
    this.counts.retries++;
    this.#board?.release(asked.loop, asked.key);
  }

  /** Sends what waits, as far as targets are free. */
  #send(): void {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    while (this.#active && this.#running < RUNNING_MAX) {
      // A command for a partition of this process is decided on the spot.
      if (clock.monotonicMs() >= untilMs) {
        this.#schedule();
        return;
      }
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
        this.#board?.hold(work.asked.loop, work.asked.key);
      }
      const isPrompt = Number(work.asked.loop.yields !== true);
      this.#running++;
      this.#runningPrompt += isPrompt;
      void this.#carryOut(work, next.item.draft).then(() => {
        this.#lanes.free(next.lane);
        this.#running--;
        this.#runningPrompt -= isPrompt;
        this.#send();
      });
    }
  }

  async #carryOut(work: Work, draft: Draft): Promise<void> {
    const answered = this.#ask(work, draft);
    this.#unanswered.add(answered);
    await answered;
    this.#unanswered.delete(answered);
    await this.#end(work);
  }

  async #ask(work: Work, draft: Draft): Promise<void> {
    const { follower, client } = this.#options;
    const send = async (command: Command, sent: Sent) => {
      this.counts.commands++;
      const reply = await client.send(command, withFields(sent, { after: follower.position }));
      if (reply.ok) work.position = BigInt(reply.position) > work.position ? BigInt(reply.position) : work.position;
      else {
        this.counts.refused++;
        work.why = `${reply.status.code} ${reply.status.message}`;
      }
      return reply;
    };
    try {
      const { loop, trigger } = work.asked;
      await runLater(runDraft({ loop, draft, trigger }, follower), { send });
    } catch (error) {
      this.#failed(work, error as Error);
    }
  }

  /** One of its commands has ended. After the last one its key is asked again, of a fold that knows what came of them. */
  async #end(work: Work): Promise<void> {
    work.left--;
    if (work.left > 0) return;
    const { follower, clock } = this.#options;
    try {
      if (work.position > follower.position) await follower.waitFor(work.position, FOLLOW_MS_MAX);
    } catch (error) {
      this.#failed(work, error as Error);
    }
    this.#attempts.sent(work.name, work.asked.owed, work.why, clock.monotonicMs());
    this.#board?.release(work.asked.loop, work.asked.key);
  }

  #failed(work: Work, error: Error): void {
    const { loop, key } = work.asked;
    work.why = error.message;
    if (!this.#stopped) this.#options.log.warn({ err: error, loop: loop.name, key }, 'what a loop owes cannot be carried out yet');
  }
}

/** Commands on one object take turns; those on a reservation stream share its appends. */
function laneOf(draft: Draft): string | undefined {
  return draft.target === 'reservation' ? undefined : targetOf(draft);
}

function nameOf({ loop, key }: Pick<Asked, 'loop' | 'key'>): string {
  return `${loop.name} ${key}`;
}
