/** The writer of a World: it uses the same runner as the services, on a store that answers at once. */
import {
  type Appended,
  type Claim,
  type Command,
  type CommandEnvelope,
  type CommandPort,
  type DecideContext,
  type Folded,
  foldStream,
  type NewEvent,
  type ObjectKey,
  type ObjectMemory,
  type ObjectPort,
  type RecordedEvent,
  type Registry,
  type Release,
  type Reply,
  type Reservation,
  ReservationQueue,
  reservingNow,
  runCommand,
  runNow,
  runReservation,
  type Status,
  streamOf,
} from '@weft/api';
import type { WorldStore } from './world-store.ts';

export type Envelope = Omit<CommandEnvelope, 'command' | 'timeoutMs'>;

export type WorldWriterOptions = Readonly<{
  registry: Registry;
  store: WorldStore;
  /** What a decision may look at now. */
  contextOf: (requestId: string) => DecideContext;
  /** Lets decisions see the whole log. */
  catchUp: () => void;
  /** Whether another writer was faster this time. */
  isOvertaken: () => boolean;
}>;

export class WorldWriter {
  readonly #options: WorldWriterOptions;
  readonly #objects = new Map<string, ObjectMemory>();
  readonly #queues = new Map<string, ReservationQueue>();

  constructor(options: WorldWriterOptions) {
    this.#options = options;
  }

  carryOut(command: Command, envelope: Envelope): Reply {
    return runNow(runCommand(this.#options.registry, command, envelope), new WorldPort(this, this.#options, envelope));
  }

  reserve({ stream, command }: Claim, cause: Envelope, context: DecideContext): Reservation {
    const queue = this.#queueOf(stream);
    const { store, isOvertaken } = this.#options;
    let faster = false;
    const append: ObjectPort['append'] = (...facts) => {
      faster = !faster && isOvertaken();
      return faster ? { outcome: 'overtaken' } : store.append(...facts);
    };
    const port = reservingNow(queue, { cause, now: context.now, deadlineMs: 0 }, { load: () => this.#load(queue), append });
    return runNow(runReservation(queue, command, context), port);
  }

  /** State of a reservation stream; not to be changed. */
  reservation(stream: string): unknown {
    const queue = this.#queueOf(stream);
    if (!queue.loaded) this.#load(queue);
    return queue.state;
  }

  held(key: ObjectKey): ObjectMemory {
    const stream = streamOf(key);
    let held = this.#objects.get(stream);
    if (held === undefined) {
      const { registry, store } = this.#options;
      this.#objects.set(stream, (held = { state: foldStream(registry, key, store.eventsOf(stream)), certain: true }));
    }
    return held;
  }

  /** The state without the newest append, as a writer has it that does not know of that. */
  stateBefore(key: ObjectKey): Folded {
    const events = this.#options.store.eventsOf(streamOf(key));
    const { count = 0 } = events.at(-1)?.metadata.append ?? {};
    return foldStream(this.#options.registry, key, events.slice(0, events.length - count));
  }

  #queueOf(stream: string): ReservationQueue {
    let queue = this.#queues.get(stream);
    if (queue === undefined) {
      const module = this.#options.registry.reservationOf(stream);
      if (module === undefined) throw new Error(`no domain has a reservation stream "${stream}"`);
      this.#queues.set(stream, (queue = new ReservationQueue(stream, module)));
    }
    return queue;
  }

  #load(queue: ReservationQueue): void {
    const reading = queue.read();
    for (const event of this.#options.store.eventsOf(queue.stream)) reading.take(event);
    reading.end();
  }
}

/** One command in a World. */
class WorldPort implements CommandPort {
  readonly #writer: WorldWriter;
  readonly #options: WorldWriterOptions;
  readonly #envelope: Envelope;
  #held: ObjectMemory | undefined;
  #faster = false;

  constructor(writer: WorldWriter, options: WorldWriterOptions, envelope: Envelope) {
    this.#writer = writer;
    this.#options = options;
    this.#envelope = envelope;
  }

  enter(key: ObjectKey): ObjectMemory {
    this.#held = this.#writer.held(key);
    return this.#held;
  }

  refresh(): DecideContext {
    const held = this.#held as ObjectMemory;
    // Never twice in a row, since the command must end.
    this.#faster = !this.#faster && held.state.revision !== 'none' && this.#options.isOvertaken();
    if (this.#faster) {
      held.state = this.#writer.stateBefore(held.state.key);
      held.certain = false;
    }
    return this.#options.contextOf(this.#envelope.requestId);
  }

  readTail(): void {
    const held = this.#held as ObjectMemory;
    const { registry, store } = this.#options;
    const next = held.state.revision === 'none' ? 0 : Number(held.state.revision) + 1;
    held.state = foldStream(registry, held.state.key, store.eventsOf(streamOf(held.state.key)).slice(next), held.state);
    held.certain = true;
  }

  awaitFacts(): void {
    this.#options.catchUp();
  }

  reserve(claim: Claim): Reservation {
    return this.#writer.reserve(claim, this.#envelope, this.#options.contextOf(this.#envelope.requestId));
  }

  claim(claims: readonly Claim[], context: DecideContext): readonly Reservation[] {
    return claims.map((claim) => this.#writer.reserve(claim, this.#envelope, context));
  }

  peek({ stream, command }: Claim, context: DecideContext): Status | undefined {
    const decision = this.#options.registry.reservationOf(stream)?.decide(command, this.#writer.reservation(stream), context);
    return decision?.outcome === 'rejected' ? decision.status : undefined;
  }

  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Appended {
    return this.#options.store.append(stream, expected, events);
  }

  replay(stream: string, visit: (event: RecordedEvent) => boolean): void {
    for (const event of this.#options.store.eventsOf(stream)) if (!visit(event)) return;
  }

  release(releases: readonly Release[]): void {
    const { requestId } = this.#envelope;
    for (const release of releases) {
      this.#writer.reserve(release, { ...this.#envelope, requestId: release.requestId }, this.#options.contextOf(requestId));
    }
  }

  mayAnswer(): boolean {
    return true;
  }
}
