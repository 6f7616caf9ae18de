/**
 * Puts what happens on the bus, as it happens: one gateway does, the one that holds the lease. The bus forgets, so each message names the event before it,
 * of all and of its kind, and progress names the last one of each kind: whoever sees that one is missing asks a gateway for it.
 */
import {
  type Append,
  type Clock,
  cloudEventText,
  cursorOf,
  isDomainEvent,
  keyOfStream,
  type ObjectKey,
  type Position,
  type RecordedEvent,
  type Registry,
  type Slices,
  sourceOf,
  type Timer,
} from '@weft/api';
import { type Bus, subjects } from '@weft/bus';
import { Leases, type Logger } from '@weft/service';
import { type EventTail, START } from './event-tail.ts';

const PROGRESS_EVERY_MS = 1_000;
const GATHER_MS = 20;
/** While nobody listens: whoever begins to is noticed when something has happened for so long. */
const GATHER_UNHEARD_MS = 100;

type Options = Readonly<{
  bus: Bus;
  tail: EventTail;
  registry: Registry;
  storeId: string;
  replica: string;
  /** No other process works on this store and bus. */
  alone: boolean;
  clock: Clock;
  slices: Slices;
  log: Logger;
}>;

export class EventPublisher {
  readonly #options: Options;
  readonly #leases: Leases;
  readonly #source: string;
  /** Ends the wait of whoever publishes; undefined while another gateway does. */
  #wake: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #progress: Timer | undefined;
  /** Whether somebody listened when that was asked last. */
  #isHeard = true;
  /** Number in the tail of what is to be published next. */
  #next = 0;
  /** Every event behind it was published, up to `#last`, and of each kind the last one is known. */
  #since: Position = 0n;
  #last: Position = 0n;
  #lastEvent: RecordedEvent | undefined;
  #sinceCursor = START;
  readonly #lastOfKind = new Map<string, Position>();

  constructor(options: Options) {
    const { replica, bus, clock, log, alone, storeId } = options;
    this.#options = options;
    this.#source = sourceOf(storeId);
    this.#leases = new Leases({ context: 'events', slots: 1, replica, bus, clock, log, alone });
    this.#leases.add({ acquired: () => this.#begin(), release: () => this.#end(), lost: () => void this.#end() });
  }

  get isPublishing(): boolean {
    return this.#wake !== undefined;
  }

  /** To be called once the tail has begun. */
  start(): Promise<void> {
    return this.#leases.start();
  }

  async stop(): Promise<void> {
    await this.#leases.stop();
    await this.#end();
  }

  problems(): readonly string[] {
    return this.#leases.problems();
  }

  #begin(): void {
    const { clock, log } = this.#options;
    this.#beginHere();
    this.#wake = () => {};
    this.#progress = clock.every(PROGRESS_EVERY_MS, () => this.#tell(), { background: true });
    this.#tell();
    const before = this.#working;
    this.#working = before.then(() => this.#run()).catch((error: unknown) => log.error({ err: error }, 'events cannot be published'));
  }

  async #end(): Promise<void> {
    const wake = this.#wake;
    this.#wake = undefined;
    this.#progress?.cancel();
    wake?.();
    await this.#working;
  }

  /** What is behind the tail's end will be published: who follows the bus asks a gateway for what came before. */
  #beginHere(): void {
    const { tail } = this.#options;
    this.#beginAt(tail.next, tail);
  }

  #beginAt(next: number, { position, cursor }: Readonly<{ position: Position; cursor: string }>): void {
    this.#next = next;
    this.#since = position;
    this.#last = position;
    this.#lastEvent = undefined;
    this.#sinceCursor = cursor;
    this.#lastOfKind.clear();
  }

  /** Nobody has heard what comes before this number: whoever listens later asks for it as for all that came before. One step, however much that is. */
  #passOver(next: number): void {
    const append = this.#options.tail.appendAt(next - 1);
    if (append === undefined) this.#beginHere();
    else this.#beginAt(next, { position: append.position, cursor: cursorOf(append.events.at(-1) as RecordedEvent) });
  }

  async #run(): Promise<void> {
    const { bus, tail, slices } = this.#options;
    while (this.#wake !== undefined) {
      if (this.#next === tail.next) {
        await this.#more();
        continue;
      }
      // Whoever subscribes while this is sent has a claim to what happens from then on: so about that it is asked anew.
      const end = tail.next;
      this.#isHeard = await bus.isHeard(subjects.events());
      if (!this.#isHeard && this.#wake !== undefined && this.#next < end) this.#passOver(end);
      while (this.#wake !== undefined && this.#next < end) {
        const append = tail.appendAt(this.#next);
        if (append === undefined) {
          this.#beginHere(); // Pushed out before it was published.
          break;
        }
        this.#next += 1;
        for (const event of append.events) if (isDomainEvent(event)) this.#send(event, append);
        const next = slices.next();
        if (next !== undefined) await next;
      }
    }
  }

  /** Resolves a moment after something has come, or at the end. What comes meanwhile goes out in one piece: writes to the bus cost more than events. */
  #more(): Promise<void> {
    const { tail, clock } = this.#options;
    return new Promise((resolve) => {
      let gathering: Timer | undefined;
      const remove = tail.onceChanged(() => {
        gathering = clock.after(this.#isHeard ? GATHER_MS : GATHER_UNHEARD_MS, resolve);
      });
      this.#wake = () => {
        remove();
        gathering?.cancel();
        resolve();
      };
    });
  }

  #send(event: RecordedEvent, append: Append): void {
    const key = keyOfStream(event.stream) as ObjectKey;
    const [previous, previousOfKind] = [this.#last, this.#lastOfKind.get(key.kind) ?? this.#since];
    this.#last = event.position;
    this.#lastEvent = event;
    this.#lastOfKind.set(key.kind, event.position);
    const { registry } = this.#options;
    const context = (registry.kind(key.kind) ?? registry.reservation(key.kind))?.context;
    const place = { previous: previous.toString(), previousofkind: previousOfKind.toString() };
    const message = cloudEventText(this.#source, event, append, place);
    this.#put(() => subjects.event(context, key), message);
  }

  /** `last`: of each kind that had an event since `since`. */
  #tell(): void {
    const { tail } = this.#options;
    const reached = this.#lastEvent === undefined ? this.#sinceCursor : cursorOf(this.#lastEvent);
    const { position, cursor } = this.#next === tail.next ? tail : { position: this.#last, cursor: reached };
    const last = Object.fromEntries([...this.#lastOfKind].map(([kind, at]) => [kind, at.toString()]));
    const progress = { source: this.#source, position: position.toString(), cursor, since: this.#since.toString(), last };
    this.#put(subjects.logProgress, JSON.stringify(progress));
  }

  #put(subject: () => string, message: string): void {
    try {
      this.#options.bus.publish(subject(), Buffer.from(message));
    } catch (error) {
      // A name that the bus cannot carry, an event that is too large for it, or the bus was closed: a gateway has it all the same.
      this.#options.log.debug({ err: error }, 'an event was not published');
    }
  }
}
