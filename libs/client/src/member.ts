/**
 * A member of a group: it says at the gateway that it is there, is given parts of all resources, and handles their events. A part that another member is to
 * have is given back once no handler works on it; a part that it may have lost, since no gateway answered for most of a lease, is left at once. What it
 * holds is followed in one stream, from where the part stands that is least far.
 */
import { Acknowledged } from './acknowledged.ts';
import type { WeftEvent } from './cloud-event.ts';
import { type Gateway, type GroupAnswer, type Item, WeftRefusedError } from './gateway.ts';
import { handled } from './handled.ts';
import { Lanes } from './lanes.ts';
import { partOf } from './parts.ts';
import { gatewayOf, IDLE_CHECKPOINT_EVERY, itemsOf, type SubscribeOptions, UNDER_WAY_MAX, type WeftSubscription } from './subscription.ts';
import { machineTimers, Nap, type Timers } from './timers.ts';

const RETRY_MS = 500;
const LEASE_MS_DEFAULT = 15_000;
/** The server waits for a whole lease: what is on the way is in the rest. */
const OWN_LEASE = 0.8;

export class Member implements WeftSubscription {
  readonly ended: Promise<void>;
  readonly #options: SubscribeOptions;
  readonly #timers: Timers;
  readonly #gateway: Gateway;
  readonly #lanes: Lanes;
  readonly #name = globalThis.crypto.randomUUID();
  readonly #abort = new AbortController();
  readonly #parts = new Map<number, Held>();
  readonly #toReport: Nap;
  readonly #toFollow: Nap;
  /** Of the stream that is followed now: over when other parts are held. */
  #round = new AbortController();
  #count = 1;
  #leaseMs = LEASE_MS_DEFAULT;
  #lease = { cancel: () => {} };
  /** Whether the present report says how far it is. */
  #saves = false;
  /** Something was done since it last said so. */
  #hasDone = false;

  constructor(options: SubscribeOptions) {
    const { timers = machineTimers, atOnce = 1, filter } = options;
    if (options.checkpoint !== undefined || filter?.share !== undefined)
      throw new TypeError('a group keeps its own checkpoint and shares by itself: leave "checkpoint" and "share" out');
    this.#options = options;
    this.#timers = timers;
    this.#gateway = gatewayOf(options, timers);
    this.#lanes = new Lanes(atOnce);
    this.#toReport = new Nap(timers);
    this.#toFollow = new Nap(timers);
    this.ended = this.#run();
    this.ended.catch(() => {}); // Whoever wants to know awaits it.
  }

  /** All that it holds is done up to here; undefined while it holds nothing. */
  get cursor(): string | undefined {
    return [...this.#parts.values()].map(({ done }) => done).sort((a, b) => (positionIn(a) < positionIn(b) ? -1 : 1))[0];
  }

  async stop(): Promise<void> {
    this.#end();
    await this.ended.catch(() => {});
    await this.#lanes.done();
    await this.#report(true).catch((error: Error) => this.#options.onRetry?.(error));
  }

  abandon(): void {
    this.#end();
    for (const part of this.#parts.values()) part.lose();
  }

  #end(): void {
    this.#abort.abort();
    this.#lease.cancel();
    for (const part of this.#parts.values()) part.leave();
    this.#changed();
    this.#toReport.end();
  }

  async #run(): Promise<void> {
    try {
      await Promise.all([this.#reportNowAndThen(), this.#follow()]);
    } finally {
      this.#end();
    }
  }

  async #reportNowAndThen(): Promise<void> {
    const { checkpointEveryMs = 5_000 } = this.#options;
    let [agoMs, idleRounds] = [0, 0];
    while (!this.#abort.signal.aborted) {
      let waitMs = RETRY_MS;
      const isDue = agoMs >= checkpointEveryMs;
      this.#saves = isDue && (this.#hasDone || ++idleRounds >= IDLE_CHECKPOINT_EVERY);
      if (isDue) agoMs = 0;
      if (this.#saves) [this.#hasDone, idleRounds] = [false, 0];
      try {
        const answer = await this.#report(false);
        const isShort = Object.keys(answer.hold).length < answer.share;
        waitMs = Math.min(answer.leaseMs / (isShort ? 30 : 5), checkpointEveryMs);
      } catch (error) {
        if (error instanceof WeftRefusedError) throw error;
        this.#options.onRetry?.(error as Error);
      }
      await this.#toReport.rest(waitMs);
      agoMs += waitMs;
    }
  }

  /** One report, and what its answer changes. */
  async #report(leaves: boolean): Promise<GroupAnswer> {
    const { group = '', from, parts } = this.#options;
    const returned = [...this.#parts].filter(([, part]) => part.isLeft && !part.isBusy);
    const saved = [...this.#parts].filter(([, part]) => part.done !== part.saved && (this.#saves || leaves || part.isLeft));
    const done = Object.fromEntries(saved.map(([number, part]) => [number, part.done]));
    // It counts from before the request: the server's own count begins later.
    const lease = this.#timers.after(this.#leaseMs * OWN_LEASE, () => this.#lose());
    let answer: GroupAnswer;
    try {
      answer = await this.#gateway.report(group, this.#name, {
        ...(from !== undefined && { from }),
        ...(parts !== undefined && { parts }),
        done,
        released: returned.map(([number]) => number),
        leaves,
      });
    } catch (error) {
      lease.cancel();
      throw error;
    }
    this.#lease.cancel();
    this.#lease = lease;
    if (this.#abort.signal.aborted) lease.cancel();
    this.#count = answer.parts;
    this.#leaseMs = answer.leaseMs;
    for (const [number, part] of saved) part.saved = done[number] as string;
    for (const [number, part] of returned) if (this.#parts.get(number) === part) this.#parts.delete(number);
    if (!this.#abort.signal.aborted) this.#take(answer);
    return answer;
  }

  #take({ hold, release }: GroupAnswer): void {
    let isChanged = false;
    for (const [number, part] of this.#parts) {
      const isLost = hold[number] === undefined;
      if (isLost) {
        part.lose();
        this.#parts.delete(number);
      } else if (part.isLeft || !release.includes(number)) continue;
      part.leave();
      isChanged = true;
      if (!part.isBusy) this.#toReport.end();
    }
    for (const [number, cursor] of Object.entries(hold)) {
      if (this.#parts.has(Number(number)) || release.includes(Number(number))) continue;
      this.#parts.set(Number(number), new Held(cursor));
      isChanged = true;
    }
    if (isChanged) this.#changed();
  }

  /** Nobody has answered for so long that others may have been given what it holds. */
  #lose(): void {
    for (const part of this.#parts.values()) part.lose();
    this.#parts.clear();
    this.#changed();
  }

  #changed(): void {
    this.#round.abort();
    this.#toFollow.end();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const held = new Map([...this.#parts].filter(([, part]) => !part.isLeft));
      this.#round = new AbortController();
      if (held.size === 0) await this.#toFollow.rest(LEASE_MS_DEFAULT);
      else await this.#followParts(held, AbortSignal.any([signal, this.#round.signal]));
    }
  }

  async #followParts(held: ReadonlyMap<number, Held>, signal: AbortSignal): Promise<void> {
    const { filter, onCaughtUp } = this.#options;
    const share = `${[...held.keys()].join(',')}/${this.#count}`;
    const [first] = [...held.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
    const asked = { filter: { ...filter, share }, signal, from: (first as Held).reached };
    for await (const item of itemsOf(this.#options, asked, this.#gateway, this.#timers)) {
      if (signal.aborted) return;
      if ('event' in item) await this.#deliver(item.event, held);
      else this.#reach(item, held);
      if ('caughtUp' in item && item.caughtUp) onCaughtUp?.(item.position);
    }
  }

  #reach({ cursor }: Exclude<Item, { event: WeftEvent }>, held: ReadonlyMap<number, Held>): void {
    for (const part of held.values()) if (!part.isLeft) part.add(cursor)?.();
  }

  async #deliver(event: WeftEvent, held: ReadonlyMap<number, Held>): Promise<void> {
    const { atOnce = 1 } = this.#options;
    const part = held.get(partOf(event, this.#count));
    await part?.room();
    const done = part?.add(event.cursor);
    if (part === undefined || done === undefined) return;
    const position = positionIn(event.cursor);
    this.#lanes.put(atOnce === 1 ? '' : event.subject, async () => {
      if (!part.begins(position)) return;
      const isDone = await handled(event, this.#options, this.#timers, part.lost, part.left);
      if (isDone) {
        this.#hasDone = true;
        done();
      }
      part.ends(isDone);
      if (part.isLeft && !part.isBusy) this.#toReport.end();
    });
  }
}

/**
 * A part that is held: how far it was delivered and is done. Once it is left, what stands before an event that was begun is still handled, so that the next
 * holder begins behind all of them.
 */
class Held {
  /** Everything of it up to here was delivered. */
  reached: string;
  saved: string;
  readonly #begin: string;
  readonly #acknowledged = new Acknowledged();
  readonly #left = new AbortController();
  readonly #lost = new AbortController();
  /** Position of the last event that was begun. */
  #begun = 0n;
  #handlers = 0;
  #hasFailed = false;

  constructor(cursor: string) {
    this.#begin = cursor;
    this.reached = cursor;
    this.saved = cursor;
  }

  get position(): bigint {
    return positionIn(this.reached);
  }

  get done(): string {
    return this.#acknowledged.cursor ?? this.#begin;
  }

  get isBusy(): boolean {
    return this.#handlers > 0 || (!this.#isOver && positionIn(this.done) < this.#begun);
  }

  /** Nothing of it is delivered any more. */
  get isLeft(): boolean {
    return this.#left.signal.aborted;
  }

  get left(): AbortSignal {
    return this.#left.signal;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get #isOver(): boolean {
    return this.#lost.signal.aborted || this.#hasFailed;
  }

  leave(): void {
    this.#left.abort();
    this.#acknowledged.end();
  }

  /** Others may have it already. */
  lose(): void {
    this.#lost.abort();
    this.leave();
  }

  room(): Promise<void> {
    return this.#acknowledged.room(UNDER_WAY_MAX);
  }

  /** Gives what to call once it is done; undefined for what was delivered already, or when the part was left. */
  add(cursor: string): (() => void) | undefined {
    if (this.isLeft || positionIn(cursor) <= this.position) return undefined;
    this.reached = cursor;
    return this.#acknowledged.add(cursor);
  }

  /** Whether an event that was delivered is to be handled; `ends` is to be called then. */
  begins(position: bigint): boolean {
    if (this.#isOver || (this.isLeft && position > this.#begun)) return false;
    if (position > this.#begun) this.#begun = position;
    this.#handlers += 1;
    return true;
  }

  ends(isDone: boolean): void {
    this.#handlers -= 1;
    this.#hasFailed ||= !isDone;
  }
}

function positionIn(cursor: string): bigint {
  return BigInt(cursor.split('-')[0] as string);
}
