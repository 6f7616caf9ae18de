/**
 * Runs the reactions of a context (DESIGN 3): events become commands, at least once, in order per source stream, from a checkpoint on. One replica
 * runs them, the holder of the reactor's lease; the others keep what is due, so that they can go on at once.
 *
 * An event whose reaction throws, or is refused in a way that no repeat mends, parks its stream: it shows as a problem and is tried again at the
 * next start. Everything else goes on.
 */
import { join } from 'node:path';
import {
  type Change,
  type Context,
  commandOfDraft,
  createFold,
  type Draft,
  type DueDraft,
  type EventChange,
  eventsOf,
  inParallel,
  type Position,
  type Reaction,
  type RecordedEvent,
  type Registry,
  type Reply,
  reactionActor,
  requestIdOfDraft,
  sentFor,
  targetOf,
  type WatchState,
} from '@weft/api';
import { type Bus, BusError, subjects } from '@weft/bus';
import type { EventStore } from '@weft/event-store';
import type { CommandClient, SendOptions } from '../client/command-client.ts';
import { type LeaseHolder, REACTOR_SLOT } from '../lease/leases.ts';
import type { Clock, Follower, Logger, Part } from '../platform.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, FROM_ZERO, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { type Due, DueList } from './due-list.ts';

export type ReactorOptions = Readonly<{
  context: Context;
  registry: Registry;
  store: EventStore;
  bus: Bus;
  follower: Follower;
  client: CommandClient;
  clock: Clock;
  log: Logger;
  stateDirectory: string;
  /** Changes kept that wait for their reactions; beyond it they are read from the log again when their turn comes. Default 50,000. */
  dueMax?: number;
}>;

const RUNNING_MAX = 128;
/** Commands of one event under way at once. */
const DRAFTS_RUNNING_MAX = 16;
const DUE_MAX = 50_000;
const CHECKPOINT_EVERY_MS = 1_000;
const WATCH_EVERY_MS = 500;
const DUE_DRAFTS_MAX = 256;
const FOLLOWER_MS_MAX = 30_000;
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 2_000;

type Watching = { readonly name: string; readonly on: ReadonlySet<string>; readonly state: WatchState; fault?: string };
type Asked = Readonly<{ reaction: Reaction; drafts: readonly Draft[] }>;
type Parked = { readonly from: Position; readonly why: string };

export class Reactor implements Part, LeaseHolder {
  readonly name: string;
  readonly #options: ReactorOptions;
  readonly #reactions = new Map<string, Reaction[]>();
  readonly #watches: readonly Watching[];
  readonly #file: string;
  readonly #dueMax: number;
  readonly #due = new DueList();
  readonly #parked = new Map<string, Parked>();
  #checkpoint: Checkpoint = FROM_ZERO;
  #written: Checkpoint = FROM_ZERO;
  #writing: Promise<void> = Promise.resolve();
  /** The newest event seen, of whatever type: the checkpoint when nothing is due. */
  #last: { position: Position; eventId: string } = { position: 0n, eventId: '' };
  /** Changes were dropped: what is due must be read from the log. */
  #overflow = false;
  #reading = false;
  #active = false;
  /** Its checkpoint is the one that counts. */
  #saves = false;
  #running = 0;
  #idle: (() => void)[] = [];
  #watchesRunning = false;
  #watchProblem: string | undefined;
  #ends: (() => void | Promise<void>)[] = [];
  readonly counts = { handled: 0, commands: 0, retries: 0 };

  constructor(options: ReactorOptions) {
    const { context, registry, stateDirectory } = options;
    this.name = `reactor of ${context}`;
    this.#options = options;
    this.#dueMax = options.dueMax ?? DUE_MAX;
    this.#file = join(stateDirectory, `${context}.checkpoint.json`);
    for (const reaction of registry.reactions(context)) {
      for (const type of reaction.on) {
        const others = this.#reactions.get(type);
        if (others === undefined) this.#reactions.set(type, [reaction]);
        else others.push(reaction);
      }
    }
    this.#watches = registry.watches(context).map(({ name, on, start }) => ({ name, on: new Set(on), state: start() }));
  }

  /** Before the follower starts: every change is looked at from the first one on. */
  async start(): Promise<void> {
    const { store, follower, bus, context } = this.#options;
    this.#checkpoint = this.#written = await readCheckpoint(this.#file, store);
    this.#ends.push(follower.consume({ name: this.name, from: 0n, onChange: (change) => this.#see(change) }));
    const heard = bus.subscribe(subjects.lease(context, 'checkpoint'), ({ data }) => this.#hear(new TextDecoder().decode(data)));
    const checkpoint = setInterval(() => void this.#save(), CHECKPOINT_EVERY_MS);
    const watches = setInterval(() => void this.#watch(), WATCH_EVERY_MS);
    this.#ends.push(
      () => heard.stop(),
      () => clearInterval(checkpoint),
      () => clearInterval(watches),
    );
  }

  async stop(): Promise<void> {
    await this.release(REACTOR_SLOT);
    for (const end of this.#ends.splice(0)) await end();
  }

  problems(): readonly string[] {
    const parked = [...this.#parked]
      .slice(0, 10)
      .map(([stream, { from, why }]) => `reactions to "${stream}" are parked since ${from}: ${why}`);
    if (this.#parked.size > 10) parked.push(`and ${this.#parked.size - 10} more streams`);
    const faults = this.#watches.flatMap(({ fault }) => fault ?? []);
    return [...parked, ...faults, ...(this.#watchProblem === undefined ? [] : [this.#watchProblem])];
  }

  get parked(): ReadonlyMap<string, Parked> {
    return this.#parked;
  }

  get checkpoint(): Position {
    return this.#checkpoint.position;
  }

  get waiting(): number {
    return this.#due.size;
  }

  acquired(slot: number): void {
    if (slot !== REACTOR_SLOT) return;
    this.#active = this.#saves = true;
    this.#pump();
  }

  async release(slot: number): Promise<void> {
    if (slot !== REACTOR_SLOT || !this.#active) return;
    this.#active = false;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#save();
    this.#saves = false;
  }

  lost(): void {
    this.#active = this.#saves = false;
  }

  #see(change: Change): void {
    for (const each of eventsOf(change)) {
      const { event } = each;
      for (const watch of this.#watches) if (watch.on.has(event.type) && watch.fault === undefined) this.#tell(watch, each);
      this.#last = { position: event.position, eventId: event.id };
      if (this.#isDue(event, this.#checkpoint)) this.#add(each);
    }
  }

  #tell(watch: Watching, change: EventChange): void {
    try {
      watch.state.apply(change);
    } catch (error) {
      watch.fault = `watch ${watch.name} cannot take ${change.event.type} at ${change.event.position}: ${(error as Error).message}`;
      this.#options.log.error({ err: error, watch: watch.name }, 'watch failed and is told nothing more');
    }
  }

  #isDue(event: RecordedEvent, from: Checkpoint): boolean {
    if (!this.#reactions.has(event.type)) return false;
    if (event.position > from.position) return true;
    const parkedFrom = from.parked.get(event.stream);
    return parkedFrom !== undefined && event.position >= parkedFrom;
  }

  #add(change: EventChange): void {
    if (this.#overflow || this.#parked.has(change.event.stream)) return; // Read again, or run again at the next start.
    if (this.#due.size >= this.#dueMax) {
      this.#overflow = true;
      return;
    }
    this.#due.add(change);
    this.#pump();
  }

  /** The one who runs the reactions says how far it is. */
  #hear(text: string): void {
    if (this.#active) return;
    const checkpoint = decodeCheckpoint(this.#options.store.storeId, text);
    if (checkpoint === undefined || checkpoint.position <= this.#checkpoint.position) return;
    this.#checkpoint = checkpoint;
    this.#due.trim(checkpoint.position);
  }

  #pump(): void {
    while (this.#active && this.#running < RUNNING_MAX) {
      const due = this.#due.take();
      if (due === undefined) break;
      this.#running++;
      // Most events ask for nothing: those are done at once.
      const asked = this.#ask(due);
      if (asked.length === 0) this.#finish(due);
      else void this.#run(due, asked);
    }
    if (this.#active && this.#overflow && !this.#reading && this.#due.size < this.#dueMax / 2) void this.#readAgain();
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#running === 0) for (const idle of this.#idle.splice(0)) idle();
  }

  /** What the reactions to an event want done; nothing when one of them fails, which parks the stream. */
  #ask({ change }: Due): readonly Asked[] {
    const { event } = change;
    try {
      const asked: Asked[] = [];
      for (const reaction of this.#reactions.get(event.type) ?? []) {
        const drafts = reaction.react(change, this.#options.follower);
        if (drafts.length > 0) asked.push({ reaction, drafts });
      }
      return asked;
    } catch (error) {
      this.#park(event, error as Error);
      return [];
    }
  }

  async #run(due: Due, asked: readonly Asked[]): Promise<void> {
    const { event } = due.change;
    try {
      for (const { reaction, drafts } of asked) await this.#react(reaction, drafts, event);
    } catch (error) {
      if (error instanceof Stopped) {
        this.#due.putBack(due);
        this.#running--;
        return this.#tellIdle();
      }
      this.#park(event, error as Error);
    }
    this.#finish(due);
    return this.#pump();
  }

  #finish(due: Due): void {
    if (!this.#parked.has(due.change.event.stream)) this.counts.handled++;
    const mark = this.#due.finish(due);
    if (mark !== undefined) this.#checkpoint = { ...mark, parked: this.#checkpoint.parked };
    this.#running--;
  }

  async #react(reaction: Reaction, drafts: readonly Draft[], event: RecordedEvent): Promise<void> {
    // Commands for one target keep their order, targets run beside each other.
    const byTarget = new Map<string, Draft[]>();
    for (const draft of drafts) {
      const target = targetOf(draft);
      const others = byTarget.get(target);
      if (others === undefined) byTarget.set(target, [draft]);
      else others.push(draft);
    }
    await inParallel([...byTarget.values()], DRAFTS_RUNNING_MAX, async (group) => {
      for (const [index, draft] of group.entries()) {
        const requestId = requestIdOfDraft(event.id, reaction.name, draft, index);
        await this.#carryOut(draft, sentFor(reaction.name, requestId, event), `reaction ${reaction.name}`);
      }
    });
  }

  /** Until it is done or refused. Rejects with Stopped when this replica no longer runs the reactions. */
  async #carryOut(draft: Draft, options: SendOptions, by: string): Promise<void> {
    const { client, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      if (!this.#active) throw new Stopped();
      this.counts.commands++;
      const reply = await client.send(commandOfDraft(draft), options);
      if (reply.ok || isExpected(reply)) return;
      if (reply.retry === 'no' && reply.status.code !== 429)
        throw new Error(`${by} for "${targetOf(draft)}" was refused: ${reply.status.code} ${reply.status.message}`);
      this.counts.retries++;
      if (attempt === 2) log.warn({ target: targetOf(draft), by, status: reply.status.message }, 'a reaction cannot be carried out yet');
      const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempt, 8), BACKOFF_MS_MAX);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  #park(event: RecordedEvent, error: Error): void {
    this.#options.log.error(
      { err: error, streamId: event.stream, eventType: event.type, position: event.position.toString() },
      'reaction failed for good, stream parked',
    );
    this.#parked.set(event.stream, { from: event.position, why: error.message });
    this.#due.drop(event.stream);
    this.#checkpoint = { ...this.#checkpoint, parked: new Map(this.#checkpoint.parked).set(event.stream, event.position) };
  }

  /** More was due than is kept: folds the log once more for itself, and goes over to live changes when it has reached the follower. */
  async #readAgain(): Promise<void> {
    const { registry, store, follower, log } = this.#options;
    this.#reading = true;
    log.info({ context: this.#options.context, from: this.#checkpoint.position.toString() }, 'due reactions are read from the log again');
    try {
      while (this.#due.size > 0 && this.#active) await pause(20);
      const from = this.#checkpoint;
      const fold = createFold(registry);
      let reached = 0n;
      while (this.#active) {
        for await (const page of store.readAppendPages({ from: reached })) {
          for (const append of page) {
            const change = fold.apply(append);
            reached = append.position;
            const due = [...eventsOf(change)].filter(({ event }) => this.#isDue(event, from));
            if (due.length === 0 || this.#parked.has(append.stream)) continue;
            while (this.#due.size >= this.#dueMax / 2 && this.#active) await pause(20);
            // Reactions look at the follower, which must not know less than what they react to.
            await follower.waitFor(append.position, FOLLOWER_MS_MAX);
            if (!this.#active) return;
            for (const each of due) this.#due.add(each);
            this.#pump();
          }
        }
        if (reached >= follower.position) break;
      }
      // No change can have come between the last look and this line.
      if (this.#active) this.#overflow = false;
    } catch (error) {
      log.warn({ err: error }, 'due reactions cannot be read yet');
      await pause(BACKOFF_MS_MAX);
    } finally {
      this.#reading = false;
      this.#pump();
    }
  }

  async #save(): Promise<void> {
    if (!this.#saves) return;
    if (
      this.#due.size === 0 &&
      !this.#overflow &&
      this.#options.follower.caughtUp &&
      this.#running === 0 &&
      this.#last.position > this.#checkpoint.position
    ) {
      this.#checkpoint = { ...this.#last, parked: this.#checkpoint.parked };
    }
    if (this.#checkpoint.parked.size > this.#parked.size && !this.#overflow) this.#forgetMended();
    const checkpoint = this.#checkpoint;
    await this.#writing;
    if (checkpoint === this.#written || (checkpoint.position === this.#written.position && checkpoint.parked === this.#written.parked))
      return;
    const { bus, store, context, log } = this.#options;
    this.#written = checkpoint;
    try {
      bus.publish(subjects.lease(context, 'checkpoint'), new TextEncoder().encode(encodeCheckpoint(store.storeId, checkpoint)));
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
    this.#writing = writeCheckpoint(this.#file, store.storeId, checkpoint).catch((error: unknown) =>
      log.warn({ err: error, file: this.#file }, 'checkpoint cannot be written'),
    );
    await this.#writing;
  }

  /** Streams that were parked in a former run and whose reactions have run in this one. */
  #forgetMended(): void {
    const parked = [...this.#checkpoint.parked].filter(([stream]) => this.#parked.has(stream) || this.#due.holds(stream));
    if (parked.length < this.#checkpoint.parked.size) this.#checkpoint = { ...this.#checkpoint, parked: new Map(parked) };
  }

  /** Asks the watches what is owed. */
  async #watch(): Promise<void> {
    const { follower, clock, log } = this.#options;
    if (!this.#active || !follower.caughtUp || this.#watchesRunning) return;
    this.#watchesRunning = true;
    this.#watchProblem = undefined;
    try {
      for (const { name, state, fault } of this.#watches) {
        if (fault !== undefined) continue;
        const due = state.due(clock.now().getTime(), DUE_DRAFTS_MAX);
        await inParallel(due, DRAFTS_RUNNING_MAX, (owed) => this.#owed(name, owed));
      }
    } catch (error) {
      if (error instanceof Stopped) return;
      this.#watchProblem = (error as Error).message;
      log.warn({ err: error }, 'what a watch wants done was refused');
    } finally {
      this.#watchesRunning = false;
    }
  }

  async #owed(watch: string, { draft, cause }: DueDraft): Promise<void> {
    const requestId = requestIdOfDraft(cause, watch, draft, 0);
    const actor = reactionActor(watch);
    await this.#carryOut(
      draft,
      { requestId, actor, correlationId: cause, causationId: cause, after: this.#options.follower.position },
      `watch ${watch}`,
    );
  }
}

/** This replica no longer runs the reactions. */
class Stopped extends Error {}

/** The world moved on between event and command: what the reaction wanted is so already, or its object is gone. */
function isExpected(reply: Reply & { ok: false }): boolean {
  const { code, reason, details } = reply.status;
  if (reply.retry !== 'no') return false;
  if (code === 404 || reason === 'AlreadyExists' || reason === 'Conflict') return true;
  return code === 403 && details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
