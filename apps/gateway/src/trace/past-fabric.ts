/**
 * The fabric at any position of the past, for one question at a time: the streams that the question reads are found by asking it, read, and folded
 * (`PartOfLog`). Which streams may ever have answered is known to the fold of the process, which keeps where objects were once.
 */
import {
  type Append,
  createFold,
  type Facts,
  type Fold,
  factsOf,
  inParallel,
  type Position,
  type RecordedEvent,
  type Registry,
  type Slices,
} from '@weft/api';
import { type RowIndex, RowsOnDemand } from '@weft/fabric';
import { PartOfLog, PartTooLargeError, PartWorld, type Platform, type Today } from '@weft/service';
import { timeout, tooManyRequests } from '../http/failures.ts';
import { StatusError } from '../http/status-error.ts';

/** For how long a question is answered. */
const ANSWER_MS = 20_000;
const AT_ONCE = 4;
/** Each round finds what the answer of the one before has read: an interface, its network, who has an address in it, … */
const ROUNDS_MAX = 64;
const EVENTS_MAX = 300_000;
/** Commands behind what loops wrote are looked for so many events before that, for so many of them. */
const BEFORE_MAX = 200;
const WANTED_MAX = 64;
const READS_AT_ONCE = 8;

/** Asked of the rows of a position. It may be asked again, and must not keep what it is given. */
export type Question<T> = (rows: RowIndex, facts: Facts) => T;

export class PastFabric {
  readonly #platform: Pick<Platform, 'store' | 'follower' | 'registry' | 'clock'>;
  readonly #slices: Slices;
  #asking = 0;

  constructor(platform: Pick<Platform, 'store' | 'follower' | 'registry' | 'clock'>, slices: Slices) {
    this.#platform = platform;
    this.#slices = slices;
  }

  /**
   * Calls `ask` with the part of the log as far as a position, which the follower must have reached. 429 when too many ask at a time, 504
   * when the answer takes too long or rests on too much of the log.
   */
  async with<T>(upTo: Position, ask: (part: PastPart) => Promise<T>): Promise<T> {
    if (this.#asking >= AT_ONCE) throw tooManyRequests(`${AT_ONCE} questions about the past are being answered`);
    this.#asking++;
    try {
      const { store, registry, clock, follower: today } = this.#platform;
      const deadlineMs = clock.monotonicMs() + ANSWER_MS;
      return await ask(
        new PastPart({ store, registry, slices: this.#slices, today, upTo, msLeft: () => deadlineMs - clock.monotonicMs() }),
      );
    } catch (error) {
      if (error instanceof PartTooLargeError) throw timeout(`the answer rests on too much of the log: ${error.message}`);
      throw error;
    } finally {
      this.#asking--;
    }
  }
}

export class PastPart {
  readonly registry: Registry;
  readonly #store: Pick<Platform['store'], 'readAll'>;
  readonly #part: PartOfLog;
  readonly #slices: Slices;
  readonly #today: Today;
  readonly #msLeft: () => number;

  constructor(
    options: Readonly<{
      store: Pick<Platform['store'], 'readAll' | 'readStream'>;
      registry: Registry;
      slices: Slices;
      today: Today;
      upTo: Position;
      msLeft?: () => number;
    }>,
  ) {
    const { registry, slices, today, msLeft = () => Number.POSITIVE_INFINITY } = options;
    this.registry = registry;
    this.#store = options.store;
    this.#part = new PartOfLog({ ...options, eventsMax: EVENTS_MAX });
    this.#slices = slices;
    this.#today = today;
    this.#msLeft = msLeft;
  }

  /** What of the log has been read so far, in its order. */
  get appends(): readonly Append[] {
    return this.#part.appends;
  }

  get events(): number {
    return this.#part.events;
  }

  /** Whether more than half of the time is left: who tries one thing after another stops without it, and has an answer. */
  get hasTime(): boolean {
    return this.#msLeft() > ANSWER_MS / 2;
  }

  /**
   * The answer of the newest position; throws what `ask` throws. `kept`: of the log only these appends count. `asked` takes the streams that the answer rests on.
   */
  async answer<T>(
    ask: Question<T>,
    {
      kept = (appends) => appends,
      asked,
    }: Readonly<{ kept?: (appends: readonly Append[]) => readonly Append[]; asked?: Set<string> }> = {},
  ): Promise<T> {
    const outcome = await this.#closed(async () => {
      const [fold, world] = this.#begin();
      for (const append of kept(this.appends)) {
        fold.apply(append);
        await this.#next();
      }
      const rows = new RowsOnDemand(this.registry, world, { isOfPart: true });
      rows.settle();
      const answer = world.asking(() => outcomeOf(() => ask(rows, factsOf(world))));
      for (const stream of world.asked) asked?.add(stream);
      return [answer, world.asked];
    });
    if ('refused' in outcome) throw outcome.refused;
    return outcome.value;
  }

  /** Reads the streams of the commands on whose account control loops wrote to these streams, and adds them. */
  async addCommandsBehind(streams: Set<string>): Promise<void> {
    const known = new Set(this.appends.map(({ events: [event] }) => event.metadata.requestId));
    const wanted = new Map<string, Position>();
    for (const {
      stream,
      position,
      events: [{ metadata }],
    } of this.appends) {
      const { $correlationId } = metadata;
      if (streams.has(stream) && !known.has($correlationId) && !wanted.has($correlationId)) wanted.set($correlationId, position);
    }
    const found = new Set(Array.from((await this.commandsBefore(wanted)).values(), ({ stream }) => stream));
    await this.#part.add(found);
    for (const stream of found) streams.add(stream);
  }

  /**
   * The first events of commands, by their request ids; `wanted`: before which position of the log each stands. It is looked for shortly before that: what stands
   * farther away stays unknown.
   */
  async commandsBefore(wanted: ReadonlyMap<string, Position>): Promise<ReadonlyMap<string, RecordedEvent>> {
    const found = new Map<string, RecordedEvent>();
    await inParallel([...wanted].slice(0, WANTED_MAX), READS_AT_ONCE, async ([requestId, from]) => {
      for await (const event of this.#store.readAll({ direction: 'backwards', from, limit: BEFORE_MAX })) {
        const { stream, metadata } = event;
        if (metadata.requestId !== requestId || metadata.append.index > 0 || !this.registry.holdsObject(stream)) continue;
        found.set(requestId, event);
        return;
      }
    });
    return found;
  }

  /** Walks through all that was read, from the beginning, until nothing of what was asked on the way is missing. */
  async walk<T>(walk: (fold: Fold, world: PartWorld, next: () => Promise<void>) => Promise<T>): Promise<T> {
    return this.#closed(async () => {
      const [fold, world] = this.#begin();
      return [await walk(fold, world, () => this.#next()), world.asked];
    });
  }

  /** Asks again with all that an answer rests on, until it has all. */
  async #closed<T>(ask: () => Promise<readonly [answer: T, asked: Iterable<string>]>): Promise<T> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const [answer, asked] = await ask();
      if (!(await this.#part.add(asked))) return answer;
    }
    throw new Error(`what a question reads is not found within ${ROUNDS_MAX} rounds`);
  }

  #begin(): readonly [Fold, PartWorld] {
    const fold = createFold(this.registry);
    return [fold, new PartWorld(fold, this.#today)];
  }

  async #next(): Promise<void> {
    if (this.#msLeft() < 0) throw timeout(`the answer was not found within ${ANSWER_MS / 1_000} s: ask for less of the past`);
    await this.#slices.turn();
  }
}

/** A question may be refused since what it names is not there, or since that has not been read yet. */
function outcomeOf<T>(ask: () => T): Readonly<{ value: T }> | Readonly<{ refused: StatusError }> {
  try {
    return { value: ask() };
  } catch (error) {
    if (error instanceof StatusError) return { refused: error };
    throw error;
  }
}
