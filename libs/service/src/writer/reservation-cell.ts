/** One reservation stream (address book, pool) on a store: reads it, and appends the batches of its queue one after the other. */
import {
  type CommandEnvelope,
  type DecideContext,
  type Ending,
  type Fact,
  type JsonObject,
  type Later,
  NotDoneError,
  OutcomeUnknownError,
  type Proposer,
  type Reservation,
  type ReservationModule,
  type ReservationPort,
  ReservationQueue,
  runLater,
  runReservation,
  type Status,
} from '@weft/api';
import { type EventStore, UnavailableError, WrongRevisionError } from '@weft/event-store';
import type { Clock } from '../platform.ts';
import { type AppendHealth, appendSurely } from './appender.ts';

type Port = Readonly<{ store: EventStore; clock: Clock; appends: AppendHealth }>;

export class ReservationCell {
  readonly owner: object;
  readonly stream: string;
  readonly #port: Port;
  readonly #queue: ReservationQueue;
  readonly #module: ReservationModule;
  #loading: Promise<void> | undefined;
  #flushing = false;

  constructor(owner: object, stream: string, module: ReservationModule, port: Port) {
    this.owner = owner;
    this.stream = stream;
    this.#port = port;
    this.#module = module;
    this.#queue = new ReservationQueue(stream, module);
  }

  get busy(): boolean {
    return this.#loading !== undefined || this.#flushing;
  }

  /** Rejects with NotDoneError or OutcomeUnknownError when the store fails. */
  reserve(
    command: JsonObject & { type: string },
    envelope: CommandEnvelope,
    context: DecideContext,
    deadlineMs: number,
  ): Promise<Reservation> {
    return runLater(runReservation(this.#queue, command, context), this.#portFor({ cause: envelope, now: context.now, deadlineMs }));
  }

  /** Why a command would be refused in the present state; undefined when it would not. Appends nothing. */
  async peek(command: JsonObject & { type: string }, context: DecideContext): Promise<Status | undefined> {
    if (!this.#queue.loaded) await this.#load();
    const decision = this.#queue.decide(command, context);
    return decision.outcome === 'rejected' ? decision.status : undefined;
  }

  /** Gives `look` the state once it is loaded. It must not change it. */
  async inspect<T>(look: (state: unknown) => T): Promise<T> {
    if (!this.#queue.loaded) await this.#load();
    return look(this.#queue.state);
  }

  #portFor(proposer: Proposer): Later<ReservationPort> {
    return {
      load: () => this.#load(),
      propose: (facts) => this.#propose(facts, proposer),
      settled: () => this.#settled(),
    };
  }

  async #load(): Promise<void> {
    try {
      await (this.#loading ??= this.#read());
    } catch (cause) {
      throw new NotDoneError(`stream "${this.stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  async #read(): Promise<void> {
    try {
      const reading = this.#queue.read();
      for await (const event of this.#port.store.readStream(this.stream, { from: await this.#firstToRead() })) reading.take(event);
      reading.end();
    } finally {
      this.#loading = undefined;
    }
  }

  async #firstToRead(): Promise<bigint> {
    const { newestSuffice } = this.#module;
    if (newestSuffice === undefined) return 0n;
    for await (const { revision } of this.#port.store.readStream(this.stream, { direction: 'backwards', limit: 1 })) {
      return revision < BigInt(newestSuffice) ? 0n : revision - BigInt(newestSuffice);
    }
    return 0n;
  }

  #propose(facts: readonly Fact[], proposer: Proposer): Promise<Ending> {
    return new Promise((resolve) => {
      this.#queue.propose(facts, proposer, resolve);
      if (!this.#flushing) void this.#flush();
    });
  }

  #settled(): Ending | Promise<Ending> {
    let waits = false;
    const ending = new Promise<Ending>((resolve) => {
      waits = this.#queue.whenSettled(resolve);
    });
    return waits ? ending : 'durable';
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    await Promise.resolve(); // So that all facts decided in the same turn of the event loop share a batch.
    for (let batch = this.#queue.takeBatch(); batch !== undefined; batch = this.#queue.takeBatch()) {
      const { expected, events, deadlineMs } = batch;
      try {
        const { position } = await appendSurely(this.#port, this.stream, expected, events, () => deadlineMs);
        this.#queue.settle(position);
      } catch (error) {
        this.#queue.fail(endingOf(error as Error));
      }
    }
    this.#flushing = false;
  }
}

function endingOf(error: Error): 'overtaken' | Error {
  if (error instanceof WrongRevisionError) return 'overtaken';
  return error instanceof UnavailableError ? new OutcomeUnknownError(error.message, { cause: error }) : error;
}
