/** The writer of a fork: it carries commands out by the runner that the services use, on a log that nobody else sees. */
import {
  type Append,
  type Appended,
  absent,
  appendOf,
  type Change,
  type Claim,
  type Command,
  type CommandEnvelope,
  type CommandPort,
  type DecideContext,
  type FoldFork,
  factsOf,
  type Later,
  type NewEvent,
  type ObjectKey,
  type ObjectMemory,
  type RecordedEvent,
  type Registry,
  type Release,
  type Reply,
  type Reservation,
  type ReservationQueue,
  reservingNow,
  runCommand,
  runLater,
  runNow,
  runReservation,
  type Status,
  uuidv5,
} from '@weft/api';

export type Envelope = Omit<CommandEnvelope, 'command' | 'timeoutMs'>;

export type ForkWriterOptions = Readonly<{
  registry: Registry;
  /** Where it begins to write; `ForkWriter.fork` may be another one later, on top of it. */
  fork: FoldFork;
  /** RFC 3339: the time of everything that happens. */
  now: string;
  /** A reservation stream as it was when the fork began. */
  reservation: (stream: string) => Promise<ReservationQueue>;
  /** Called with each append, after the fork has applied it. */
  onAppend: (change: Change) => void;
}>;

/** Positions of a fork lie above all of the log: no host has applied what is there, and none can be taken for a later one of the log. */
const FORK_POSITION = 1n << 62n;

export class ForkWriter {
  readonly options: ForkWriterOptions;
  fork: FoldFork;
  /** In order. */
  readonly appends: Append[] = [];
  readonly #queues = new Map<string, ReservationQueue>();
  #head: bigint;

  constructor(options: ForkWriterOptions) {
    this.options = options;
    this.fork = options.fork;
    this.#head = this.fork.position + FORK_POSITION;
  }

  carryOut(command: Command, envelope: Envelope): Promise<Reply> {
    return runLater(runCommand(this.options.registry, command, envelope), new ForkPort(this, envelope));
  }

  contextOf(requestId: string): DecideContext {
    return { now: this.options.now, requestId, derive: (label) => uuidv5(requestId, label), facts: factsOf(this.fork) };
  }

  async reserve({ stream, command }: Claim, cause: Envelope, context: DecideContext): Promise<Reservation> {
    const queue = await this.queueOf(stream);
    const append = (...facts: Parameters<ForkWriter['append']>) => this.append(...facts);
    const port = reservingNow(queue, { cause, now: context.now, deadlineMs: 0 }, { load: () => undefined, append });
    return runNow(runReservation(queue, command, context), port);
  }

  async queueOf(stream: string): Promise<ReservationQueue> {
    let queue = this.#queues.get(stream);
    if (queue === undefined) this.#queues.set(stream, (queue = await this.options.reservation(stream)));
    return queue;
  }

  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Extract<Appended, { outcome: 'appended' }> {
    let revision = expected === 'none' ? -1n : expected;
    const recorded = events.map((event): RecordedEvent => {
      revision += 1n;
      this.#head += 1n;
      // What a store would give back.
      return { ...(JSON.parse(JSON.stringify(event)) as NewEvent), stream, revision, position: this.#head };
    });
    const append = appendOf(recorded);
    this.appends.push(append);
    this.options.onAppend(this.fork.apply(append));
    return { outcome: 'appended', revision, position: this.#head };
  }
}

/** One command on a fork, where nobody else writes. */
class ForkPort implements Later<CommandPort> {
  readonly #writer: ForkWriter;
  readonly #envelope: Envelope;

  constructor(writer: ForkWriter, envelope: Envelope) {
    this.#writer = writer;
    this.#envelope = envelope;
  }

  enter(key: ObjectKey): ObjectMemory {
    const { fork, options } = this.#writer;
    return { state: fork.get(key) ?? absent(options.registry, key), certain: true };
  }

  refresh(): DecideContext {
    return this.#writer.contextOf(this.#envelope.requestId);
  }

  readTail(): void {}

  awaitFacts(): void {}

  reserve(claim: Claim): Promise<Reservation> {
    return this.#writer.reserve(claim, this.#envelope, this.refresh());
  }

  async claim(claims: readonly Claim[], context: DecideContext): Promise<readonly Reservation[]> {
    const granted: Reservation[] = [];
    for (const claim of claims) granted.push(await this.#writer.reserve(claim, this.#envelope, context));
    return granted;
  }

  async peek({ stream, command }: Claim, context: DecideContext): Promise<Status | undefined> {
    const decision = (await this.#writer.queueOf(stream)).decide(command, context);
    return decision.outcome === 'rejected' ? decision.status : undefined;
  }

  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Appended {
    return this.#writer.append(stream, expected, events);
  }

  /** Of a fork nothing is asked twice. */
  replay(): void {}

  async release(releases: readonly Release[]): Promise<void> {
    const { requestId } = this.#envelope;
    for (const release of releases) {
      const envelope = { ...this.#envelope, requestId: release.requestId };
      await this.#writer.reserve(release, envelope, this.#writer.contextOf(requestId));
    }
  }

  mayAnswer(): boolean {
    return true;
  }
}
