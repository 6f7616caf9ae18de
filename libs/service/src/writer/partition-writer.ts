/**
 * Carries out the commands of the partitions that this replica holds (DESIGN 9.2 to 9.6).
 *
 *   bus ─> decode ─> take turns per object ─> decide ─> claims durable ─> append durable ─> reply
 *                                               │
 *                                               └─ refusal, nothing changed: only from a state known to be the newest, and under a valid lease
 */
import {
  type CommandEnvelope,
  type Context,
  type CourseOfClaim,
  courseOf,
  factsOf,
  internalError,
  OutcomeUnknownError,
  PARTITIONS,
  type Reply,
  refusal,
  replyToFault,
  type Timer,
  unavailable,
  unknownKind,
} from '@weft/api';
import { type Bus, type BusSubscription, type Message, subjects } from '@weft/bus';
import type { Lease, LeaseHolder } from '../lease/leases.ts';
import type { Part } from '../platform.ts';
import { badEnvelope, tooManyRequests } from '../runtime/statuses.ts';
import { AppendHealth } from './appender.ts';
import { CellCache } from './cell-cache.ts';
import { decodeEnvelope } from './envelope.codec.ts';
import type { Holding, WriterPorts } from './holding.ts';
import type { ObjectCell } from './object-cell.ts';
import { ObjectCommands } from './object-commands.ts';
import { Places } from './places.ts';
import { ReservationCell } from './reservation-cell.ts';
import { SENDERS, type Sender, senderOf } from './senders.ts';
import { decideContextOf, type Task, tooLate } from './task.ts';

export type PartitionWriterOptions = Omit<WriterPorts, 'appends'> &
  Readonly<{
    context: Context;
    bus: Bus;
    /** Most commands in flight of each sender; default 1,024. One more is answered with 429. */
    inFlightMax?: number;
  }>;

/**
 * A cell that was dropped reads the requests of its object from the log again: those of a burst of 100,000 are kept. One takes about 0.5 kB, and 3 kB once it
 * remembers sixteen requests.
 */
const OBJECTS_MAX = 262_144;
const RESERVATIONS_MAX = 1_024;
const EXPIRE_EVERY_MS = 100;
/** Commands of each sender whose time was up before the store has answered, as a multiple of those in flight: what a silent store may cost. */
const LATE_SHARE = 4;
/** Replies are sent at the latest this long before the caller stops waiting: more than the time between two looks at what has expired. */
const ANSWER_MARGIN_MS = 150;

export class PartitionWriter implements Part, LeaseHolder {
  readonly name: string;
  readonly #options: PartitionWriterOptions & WriterPorts;
  readonly #inFlightMax: number;
  readonly #objects: ObjectCommands;
  readonly #objectCells = new CellCache<ObjectCell>(OBJECTS_MAX);
  readonly #reservationCells = new CellCache<ReservationCell>(RESERVATIONS_MAX);
  readonly #partitions = new Map<number, Holding>();
  readonly #subscriptions = new Map<number, BusSubscription>();
  readonly #places: Readonly<Record<Sender, Places>>;
  #timer: Timer | undefined;
  readonly counts = { accepted: 0, refused: 0, failed: 0 };

  constructor(options: PartitionWriterOptions) {
    this.name = `writer of ${options.context}`;
    this.#options = { ...options, appends: new AppendHealth(options.clock) };
    this.#inFlightMax = options.inFlightMax ?? 1_024;
    this.#places = { client: this.#newPlaces(), loop: this.#newPlaces(), host: this.#newPlaces() };
    this.#objects = new ObjectCommands(this.#options);
  }

  async start(): Promise<void> {
    this.#timer = this.#options.clock.every(EXPIRE_EVERY_MS, () => this.#expire());
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#partitions.keys()].map((partition) => this.release(partition)));
    // Also those of partitions that were lost: whoever sent them within this process waits for nothing else.
    await Promise.all(Object.values(this.#places).flatMap((places) => places.tasks.map(({ reply }) => reply)));
    this.#timer?.cancel();
  }

  problems(): readonly string[] {
    return this.#options.appends.problems();
  }

  /** Of one sender. */
  inFlight(sender: Sender): number {
    return this.#places[sender].inFlight;
  }

  /** Commands that were answered since their time was up, and whose outcome is not known yet. */
  late(sender: Sender): number {
    return this.#places[sender].late;
  }

  acquired(slot: number, lease: Lease): void {
    if (slot >= PARTITIONS) return;
    const { context, bus, follower } = this.#options;
    const state: Holding = {
      partition: slot,
      lease,
      objects: this.#objectCells,
      reservations: this.#reservationCells,
      inFlight: new Set(),
      facts: factsOf(follower),
      closing: false,
    };
    this.#partitions.set(slot, state);
    const subject = subjects.command(context, slot);
    // The places decide who is refused: here there is room for all of them.
    const concurrencyMax = SENDERS.length * this.#inFlightMax + 1;
    this.#subscriptions.set(
      slot,
      bus.serve(subject, (message) => this.#answer(slot, message), { concurrencyMax, overloaded: () => OVERLOADED }),
    );
  }

  async release(slot: number): Promise<void> {
    const state = this.#partitions.get(slot);
    if (state === undefined) return;
    state.closing = true;
    const subscription = this.#subscriptions.get(slot);
    this.#subscriptions.delete(slot);
    // Without a connection no command can come, and the server need not know.
    if (this.#options.bus.connected) await subscription?.stop();
    else void subscription?.stop();
    await Promise.all([...state.inFlight].map((task) => task.reply));
    if (this.#partitions.get(slot) === state) this.#partitions.delete(slot);
  }

  /** What is under way ends by itself: the store refuses what another replica was faster with, and nothing is answered from memory. */
  lost(slot: number): void {
    void this.#subscriptions.get(slot)?.stop();
    this.#subscriptions.delete(slot);
    this.#partitions.delete(slot);
  }

  /** Carries out a command here; undefined when its partition is not held here. The reply never rejects. */
  execute(partition: number, envelope: CommandEnvelope): Promise<Reply> | undefined {
    const state = this.#partitions.get(partition);
    return state === undefined || state.closing ? undefined : this.#execute(state, envelope);
  }

  async #answer(slot: number, message: Message): Promise<Uint8Array> {
    const state = this.#partitions.get(slot);
    const envelope = decodeEnvelope(message.data);
    let reply: Reply;
    if (typeof envelope === 'string') reply = refusal(badEnvelope(envelope));
    else if (state === undefined || state.closing) reply = unavailable('this partition is moving to another replica');
    else reply = await this.#execute(state, envelope);
    return Buffer.from(JSON.stringify(reply));
  }

  #execute(state: Holding, envelope: CommandEnvelope): Promise<Reply> {
    const sender = senderOf(envelope.actor);
    const places = this.#places[sender];
    const refused = places.refusal();
    if (refused !== undefined) return Promise.resolve(refused);
    let answer: (reply: Reply) => void = () => undefined;
    const reply = new Promise<Reply>((resolve) => {
      answer = resolve;
    });
    const deadlineMs = this.#options.clock.monotonicMs() + envelope.timeoutMs - ANSWER_MARGIN_MS;
    const task: Task = { envelope, sender, deadlineMs, reply, answer, began: false, over: false };
    places.take(task);
    state.inFlight.add(task);
    void this.#carryOut(state, task).then((result) => {
      places.leave(task);
      state.inFlight.delete(task);
      if (result.ok) this.counts.accepted++;
      else if (result.retry === 'no') this.counts.refused++;
      else this.counts.failed++;
      task.over = true;
      answer(result);
    });
    return reply;
  }

  async #carryOut(state: Holding, task: Task): Promise<Reply> {
    try {
      const course = courseOf(this.#options.registry, task.envelope.command);
      if (course.claim === undefined) return await this.#objects.carryOut(state, task, course.object);
      return (course.isInBook ? await this.#awaitFacts(state, task) : undefined) ?? (await this.#reserve(state, task, course));
    } catch (error) {
      // A bug, or data that no decider foresaw. A repeat finds out whether something was appended.
      const { verb } = task.envelope.command;
      this.#options.log.error({ err: error, verb, requestId: task.envelope.requestId }, 'command failed');
      return refusal(internalError((error as Error).message));
    }
  }

  /** What is decided in a book rests on what readers see: on all that the caller has seen. Gives the reply where that does not come in time. */
  async #awaitFacts(state: Holding, task: Task): Promise<Reply | undefined> {
    const { after } = task.envelope;
    if (after === undefined || BigInt(after) <= state.facts.position) return undefined;
    const waitMs = Math.max(1, task.deadlineMs - this.#options.clock.monotonicMs());
    return this.#options.follower.waitFor(BigInt(after), waitMs).then(
      () => undefined,
      () => unavailable(`this replica has not yet read the log to ${after}`),
    );
  }

  async #reserve(state: Holding, task: Task, { claim: { stream, command }, replyTo }: CourseOfClaim): Promise<Reply> {
    const { registry, clock } = this.#options;
    const module = registry.reservationOf(stream);
    if (module === undefined) return refusal(unknownKind(stream));
    const cell = state.reservations.getOrMake(stream, state, () => new ReservationCell(state, stream, module, this.#options));
    const context = decideContextOf(task.envelope, clock, state.facts);
    task.began = true;
    try {
      const result = await cell.reserve(command, task.envelope, context, task.deadlineMs);
      return replyTo(stream, result, () => state.lease.isValid());
    } catch (error) {
      return replyToFault(error, task.began);
    }
  }

  #newPlaces(): Places {
    return new Places(this.#inFlightMax, LATE_SHARE * this.#inFlightMax);
  }

  /** Answers the commands whose time is up, which gives their places to others. One that has not begun will not begin. */
  #expire(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const places of Object.values(this.#places)) {
      for (const task of places.takeExpired(nowMs)) {
        task.over = true;
        const fault = task.began
          ? new OutcomeUnknownError(
              ['the store has not answered in time; repeat it with the same request id', ...this.problems()].join('; '),
            )
          : tooLate(this.problems());
        task.answer(replyToFault(fault, task.began));
        task.withdraw?.(fault);
      }
    }
  }
}

const OVERLOADED = Buffer.from(JSON.stringify({ ok: false, retry: 'safe', status: tooManyRequests() } satisfies Reply));
