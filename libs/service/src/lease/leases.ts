/** Connects the lease table of one context with the bus: sends and receives announcements, and calls the holders that work on slots. */
import { type Context, PARTITIONS, type Timer, within } from '@weft/api';
import { type Bus, BusError, type BusSubscription, BusTimeoutError, NoResponderError, subjects } from '@weft/bus';
import type { Clock, Logger, Part } from '../platform.ts';
/** Slots 0 to 63 are partitions; then there is one slot for the control loops and one for the projection. */
import { type Announcement, LEASE_TIMING, LeaseTable, type LeaseTiming } from './lease-table.ts';
export const LOOPS_SLOT = PARTITIONS;
export const PROJECTOR_SLOT = PARTITIONS + 1;
const SLOTS = PARTITIONS + 2;

export type LeaseHolder = Readonly<{
  /** Work on this slot may begin. */
  acquired: (slot: number) => void;
  /** Work on this slot must stop; resolves when nothing of it is under way. */
  release: (slot: number) => Promise<void>;
  /** All slots are lost already, after a long silence: stop at once. */
  lost: () => void;
}>;

/** The right to work on slots, as its users see it. */
export interface LeaseView {
  holds(slot: number): boolean;
  /** Whether answers from memory are allowed now for the slots that are held. */
  isValid(): boolean;
}

const ANNOUNCE_EVERY_MS = 400;
const STEP_EVERY_MS = 50;
const HELLO_TIMEOUT_MS = 300;
/** How long work on a slot may take to stop before the slot is given away anyway. */
const DRAIN_MS_MAX = 2_000;

const text = new TextDecoder();
const bytes = new TextEncoder();

export class Leases implements Part, LeaseView {
  readonly name: string;
  readonly #context: Context;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #timing: LeaseTiming;
  readonly #holders: LeaseHolder[] = [];
  readonly #table: LeaseTable;
  readonly #subjects: Readonly<{ announcements: string; hello: string }>;
  /** Raised when all slots are lost, so that a release which ends after that is ignored. */
  #life = 0;
  #hello: BusSubscription | undefined;
  #joining = false;
  #announcedMs = Number.NEGATIVE_INFINITY;
  #ends: (() => Promise<void>)[] = [];
  #timer: Timer | undefined;
  #drained: Promise<void>[] = [];

  constructor(options: Readonly<{ context: Context; replica: string; bus: Bus; clock: Clock; log: Logger; timing?: LeaseTiming }>) {
    this.#context = options.context;
    this.name = `leases of ${options.context}`;
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#timing = options.timing ?? LEASE_TIMING;
    this.#table = new LeaseTable(options.replica, SLOTS, this.#timing);
    this.#subjects = { announcements: subjects.lease(this.#context, 'announce'), hello: subjects.lease(this.#context, 'hello') };
  }

  /** To be called before `start`. */
  add(holder: LeaseHolder): void {
    this.#holders.push(holder);
  }

  holds(slot: number): boolean {
    return this.#table.holds(slot);
  }

  isValid(): boolean {
    return this.#table.isValid(this.#clock.monotonicMs());
  }

  /** Partitions held now, for health and metrics. */
  get partitions(): readonly number[] {
    return this.#table.heldSlots.filter((slot) => slot < PARTITIONS);
  }

  async start(): Promise<void> {
    const heard = this.#bus.subscribe(this.#subjects.announcements, ({ data }) => this.#heard(data));
    this.#ends.push(() => heard.stop());
    this.#timer = this.#clock.every(STEP_EVERY_MS, () => this.#step());
    this.#step();
  }

  async stop(): Promise<void> {
    this.#table.leave();
    this.#step();
    // A slot that is being released names itself in `#drained`; it ends within DRAIN_MS_MAX.
    while (this.#drained.length > 0) await Promise.all(this.#drained.splice(0));
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#announce(); // We hold nothing now, so the others take over at once.
    const ended = Promise.all([this.#bus.flush().catch(() => undefined), this.#hello?.stop(), ...this.#ends.splice(0).map((end) => end())]);
    if (this.#bus.connected) await ended;
  }

  problems(): readonly string[] {
    return this.#table.phase === 'joining' ? [`no place among the replicas of ${this.#context} yet: no announcement comes back`] : [];
  }

  #heard(data: Uint8Array): void {
    const announcement = parse(data);
    if (announcement === undefined) {
      this.#log.warn({ context: this.#context }, 'lease announcement is not understood');
      return;
    }
    this.#table.heard(announcement, this.#clock.monotonicMs());
    this.#step();
  }

  #step(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#table.phase === 'joining' && !this.#joining && !this.#table.joinSettled && this.#bus.connected) void this.#join();
    const { acquired, releasing, lost, announce } = this.#table.step(nowMs);
    if (lost) {
      this.#life++;
      this.#log.warn({ context: this.#context }, 'leases lost: no announcement came back');
      for (const holder of this.#holders) holder.lost();
    }
    if (announce || (this.#table.phase !== 'joining' && nowMs - this.#announcedMs >= ANNOUNCE_EVERY_MS)) this.#announce();
    for (const slot of acquired) for (const holder of this.#holders) holder.acquired(slot);
    if (acquired.length > 0) this.#log.info({ context: this.#context, slots: acquired.length }, 'leases acquired');
    for (const slot of releasing) this.#drained.push(this.#release(slot, this.#life));
  }

  async #release(slot: number, life: number): Promise<void> {
    await within(this.#clock, DRAIN_MS_MAX, Promise.allSettled(this.#holders.map((holder) => holder.release(slot))));
    if (life === this.#life) this.#table.released(slot);
  }

  #announce(): void {
    this.#announcedMs = this.#clock.monotonicMs();
    const announcement = bytes.encode(JSON.stringify(this.#table.announcement(this.#announcedMs)));
    try {
      this.#bus.publish(this.#subjects.announcements, announcement);
    } catch (error) {
      if (!(error instanceof BusError)) throw error; // The bus is closed: the others will notice the silence.
    }
  }

  /**
   * When nobody serves the hello subject, nobody holds anything, and we begin at once. Otherwise we listen for as long as any lease may last: a holder
   * that is frozen just now announces nothing, but its subscription still exists.
   */
  async #join(): Promise<void> {
    this.#joining = true;
    const life = this.#life;
    try {
      await this.#hello?.stop(); // Otherwise we would answer ourselves.
      this.#announce();
      const waitMs = (await this.#isAlone()) ? 0 : this.#timing.validMs;
      // Served before we take any slot, so that a replica that starts now knows that it is not alone.
      this.#hello = this.#bus.serve(this.#subjects.hello, () => new Uint8Array());
      await this.#bus.flush();
      if (life === this.#life) this.#table.joinAt(this.#clock.monotonicMs() + waitMs);
    } catch (error) {
      this.#log.debug({ context: this.#context, error: String(error) }, 'joining waits for the bus');
    } finally {
      this.#joining = false;
    }
    if (this.#timer !== undefined) this.#step();
  }

  async #isAlone(): Promise<boolean> {
    try {
      await this.#bus.request(this.#subjects.hello, new Uint8Array(), { timeoutMs: HELLO_TIMEOUT_MS });
      return false;
    } catch (error) {
      if (error instanceof NoResponderError) return true;
      if (error instanceof BusTimeoutError) return false;
      throw error;
    }
  }
}

function parse(data: Uint8Array): Announcement | undefined {
  try {
    const { replica, seq, phase, holds } = JSON.parse(text.decode(data)) as Record<string, unknown>;
    const known = phase === 'joining' || phase === 'member' || phase === 'leaving';
    if (typeof replica !== 'string' || typeof seq !== 'number' || !known) return undefined;
    if (typeof holds !== 'string' || !/^[0-9a-f]{1,32}$/.test(holds)) return undefined;
    return { replica, seq, phase, holds };
  } catch {
    return undefined;
  }
}
