/** Carries out the steps of commands on objects (the runner of `@weft/api`) with the store, the follower, the leases and the clock. */
import {
  type Appended,
  type Claim,
  type DecideContext,
  type Later,
  type NewEvent,
  NotDoneError,
  type ObjectCommand,
  type ObjectKey,
  type ObjectPort,
  OutcomeUnknownError,
  type Position,
  type RecordedEvent,
  type Release,
  type Reply,
  type Reservation,
  type ReservationModule,
  runLater,
  runObject,
  type Status,
  streamOf,
} from '@weft/api';
import { TooLargeError, UnavailableError, WrongRevisionError } from '@weft/event-store';
import { appendSurely } from './appender.ts';
import type { Holding, WriterPorts } from './holding.ts';
import { ObjectCell } from './object-cell.ts';
import { ReservationCell } from './reservation-cell.ts';
import { decideContextOf, type Task, tooLate } from './task.ts';
import type { Turn } from './turns.ts';

/** A refusal that rests on facts waits at most this long for the follower to reach what the caller has seen. */
const FACTS_WAIT_MS_MAX = 2_000;
/** A release may take this much longer than its command. */
const RELEASE_MS = 5_000;

export class ObjectCommands {
  readonly #ports: WriterPorts;

  constructor(ports: WriterPorts) {
    this.#ports = ports;
  }

  async carryOut(holding: Holding, task: Task, command: ObjectCommand): Promise<Reply> {
    const driver = new ObjectDriver(this.#ports, holding, task);
    try {
      return await runLater(runObject(this.#ports.registry, { command, envelope: task.envelope, progress: task }), driver);
    } finally {
      driver.leave();
    }
  }
}

/** One command on the objects of one partition. */
class ObjectDriver implements Later<ObjectPort> {
  readonly #ports: WriterPorts;
  readonly #holding: Holding;
  readonly #task: Task;
  #cell: ObjectCell | undefined;
  /** Where the last append of this command ended, when its state is exactly what a fold comes to. */
  #knownAt: Position | undefined;

  constructor(ports: WriterPorts, holding: Holding, task: Task) {
    this.#ports = ports;
    this.#holding = holding;
    this.#task = task;
  }

  enter(key: ObjectKey): ObjectCell | Promise<ObjectCell> {
    this.leave();
    const cell = this.#holding.objects.getOrMake(streamOf(key), this.#holding, () => new ObjectCell(this.#holding, key, this.#ports));
    const turn = cell.enter(this.#task.sender);
    if (turn !== undefined) return this.#await(turn, cell);
    this.#cell = cell;
    return cell;
  }

  /** Rejects when the command's time is up before its turn has come. */
  async #await({ comes, withdraw }: Turn, cell: ObjectCell): Promise<ObjectCell> {
    this.#task.withdraw = withdraw;
    try {
      await comes;
    } finally {
      this.#task.withdraw = undefined;
    }
    this.#cell = cell;
    return cell;
  }

  /** Lets the next command have the object. */
  leave(): void {
    const { follower, known } = this.#ports;
    const state = this.#cell?.state;
    if (state !== undefined && state.position === this.#knownAt && state.position > follower.position) known?.put(state);
    this.#cell?.leave();
    this.#cell = undefined;
  }

  refresh(): DecideContext | Promise<DecideContext> {
    const reading = this.#cell?.refresh();
    return reading === undefined ? this.#context() : reading.then(() => this.#context());
  }

  /** Throws when the time is up: its caller may have been told already that nothing was done. */
  #context(): DecideContext {
    if (this.#task.over || this.#ports.clock.monotonicMs() >= this.#task.deadlineMs) throw tooLate(this.#ports.appends.problems());
    return decideContextOf(this.#task.envelope, this.#ports.clock, this.#holding.facts);
  }

  async readTail(): Promise<void> {
    await this.#cell?.readTail();
  }

  async awaitFacts(position: Position): Promise<void> {
    const { follower, clock } = this.#ports;
    const waitMs = Math.min(FACTS_WAIT_MS_MAX, Math.max(1, this.#task.deadlineMs - clock.monotonicMs()));
    try {
      await follower.waitFor(position, waitMs);
    } catch (cause) {
      throw new NotDoneError(`this replica has not yet read the log to ${position}`, { cause });
    }
  }

  /** Decides all claims in order in the same turn of the event loop, so that claims on one stream share an append. */
  claim(claims: readonly Claim[], context: DecideContext): Promise<readonly (Reservation | Error)[]> {
    const { envelope, deadlineMs } = this.#task;
    return Promise.all(
      claims.map((claim) =>
        this.#reservationCell(claim.stream)
          .reserve(claim.command, envelope, context, deadlineMs)
          .catch((error: Error) => error),
      ),
    );
  }

  peek(claim: Claim, context: DecideContext): Promise<Status | undefined> {
    return this.#reservationCell(claim.stream).peek(claim.command, context);
  }

  #reservationCell(stream: string): ReservationCell {
    const module = this.#ports.registry.reservationOf(stream) as ReservationModule;
    const holding = this.#holding;
    return holding.reservations.getOrMake(stream, holding, () => new ReservationCell(holding, stream, module, this.#ports));
  }

  async append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Promise<Appended> {
    try {
      const result = await appendSurely(this.#ports, stream, expected, events, () => this.#task.deadlineMs);
      const { revision, position, repeated } = result;
      const firstPosition = events.length === 1 ? position : result.firstPosition;
      // A repeat may carry other data than what the log holds.
      if (firstPosition !== undefined && !repeated) this.#knownAt = position;
      return { outcome: 'appended', revision, position, ...(firstPosition !== undefined && { firstPosition }) };
    } catch (error) {
      if (error instanceof WrongRevisionError) return { outcome: 'overtaken' };
      if (error instanceof TooLargeError) return { outcome: 'tooLarge', limitBytes: error.limitBytes };
      if (error instanceof UnavailableError) throw new OutcomeUnknownError(error.message, { cause: error });
      throw error;
    }
  }

  async replay(stream: string, visit: (event: RecordedEvent) => boolean): Promise<void> {
    try {
      for await (const event of this.#ports.store.readStream(stream)) if (!visit(event)) break;
    } catch (cause) {
      throw new OutcomeUnknownError(`stream "${stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  release(releases: readonly Release[]): void {
    const { clock, log } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    for (const { stream, command, requestId } of releases) {
      const release = { ...envelope, requestId };
      this.#reservationCell(stream)
        .reserve(command, release, decideContextOf(release, clock, this.#holding.facts), deadlineMs + RELEASE_MS)
        .catch((error: unknown) => log.warn({ err: error, stream }, 'giving back a claim failed'));
    }
  }

  mayAnswer(): boolean {
    return this.#holding.lease.isValid();
  }
}
