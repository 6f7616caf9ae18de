/** Connects the lease table of one context with the bus: sends and receives announcements, and calls the holders that work on slots. */
import { PARTITIONS, type Timer, within } from '@weft/api';
import { type Bus, BusError, type BusSubscription, BusTimeoutError, type LeaseScope, NoResponderError, subjects } from '@weft/bus';
import type { Clock, Logger, Part } from '../platform.ts';
/** Slots 0 to 63 are partitions; then there is one slot for the control loops and one for the projection. */
import { type Announcement, LEASE_TIMING, LeaseTable, type LeaseTiming } from './lease-table.ts';
export const LOOPS_SLOT = PARTITIONS;
export const PROJECTOR_SLOT = PARTITIONS + 1;
const SLOTS = PARTITIONS + 2;

/** One holding of a slot, from `acquired` until it was given up or lost. */
export type Lease = Readonly<{
  /** Whether answers from memory are allowed now. It may be suspended for a while, and never comes back once another replica has the slot. */
  isValid: () => boolean;
}>;

export type LeaseHolder = Readonly<{
  /** Work on this slot may begin. */
  acquired: (slot: number, lease: Lease) => void;
  /** Work on this slot must stop; resolves when nothing of it is under way. */
  release: (slot: number) => Promise<void>;
  /** Another replica has this slot already: stop at once. */
  lost: (slot: number) => void;
}>;

/** The right to work on slots, as its users see it. */
export interface LeaseView {
  /** Whether this replica holds the slot, and could prove it lately. */
  isValid(slot: number): boolean;
}

/** What one replica of a context holds, for operators. */
export type Held = Readonly<{ replica: string; partitions: number; loops: boolean; rows: boolean }>;

const ANNOUNCE_EVERY_MS = 400;
const STEP_EVERY_MS = 50;
const HELLO_TIMEOUT_MS = 300;
/** How long work on a slot may take to stop before the slot is given away anyway. */
const DRAIN_MS_MAX = 2_000;

const text = new TextDecoder();
const bytes = new TextEncoder();

export type LeasesOptions = Readonly<{
  context: LeaseScope;
  /** How many there are to share. Default: those of a context. */
  slots?: number;
  replica: string;
  bus: Bus;
  clock: Clock;
  log: Logger;
  timing?: LeaseTiming;
  /** No other process works on this store and bus: all slots are held from the start, and nothing is announced unless another replica is heard. */
  alone?: boolean;
}>;

export class Leases implements Part, LeaseView {
  readonly name: string;
  readonly #options: LeasesOptions;
  readonly #timing: LeaseTiming;
  readonly #holders: LeaseHolder[] = [];
  readonly #table: LeaseTable;
  readonly #subjects: Readonly<{ announcements: string; hello: string }>;
  readonly #leases = new Map<number, Lease>();
  #hello: BusSubscription | undefined;
  #joining = false;
  /** Raised when messages may have been missed, so that a listening that began before counts for nothing. */
  #connection = 0;
  #begun = false;
  #announcedMs = Number.NEGATIVE_INFINITY;
  #ends: (() => Promise<void>)[] = [];
  #timer: Timer | undefined;
  #drained: Promise<void>[] = [];

  constructor(options: LeasesOptions) {
    const { context, replica, slots = SLOTS, timing = LEASE_TIMING } = options;
    this.name = `leases of ${context}`;
    this.#options = options;
    this.#timing = timing;
    this.#table = new LeaseTable(replica, slots, timing);
    this.#subjects = { announcements: subjects.lease(context, 'announce'), hello: subjects.lease(context, 'hello') };
  }

  /** To be called before `start`. */
  add(holder: LeaseHolder): void {
    this.#holders.push(holder);
  }

  holds(slot: number): boolean {
    return this.#table.heldSlots.includes(slot);
  }

  isValid(slot: number): boolean {
    return this.#table.isValid(slot, this.#options.clock.monotonicMs());
  }

  /** Partitions held now, for health and metrics. */
  get partitions(): readonly number[] {
    return this.#table.heldSlots.filter((slot) => slot < PARTITIONS);
  }

  /** Whether something is held, and no announcement has come back lately. */
  get isSuspended(): boolean {
    return this.#table.suspendedMs(this.#options.clock.monotonicMs()) > 0;
  }

  /** Who holds what of the context, as far as this replica knows. */
  get held(): readonly Held[] {
    const others = this.#table.others(this.#options.clock.monotonicMs());
    return [[this.#options.replica, this.#table.heldSlots] as const, ...others].map(([replica, slots]) => heldOf(replica, slots));
  }

  /** Whether other replicas hold all of the context, so that it works without this one. */
  get othersHoldAll(): boolean {
    return this.#table.othersHoldAll(this.#options.clock.monotonicMs());
  }

  /** Hears the others, so that it is known who holds what while this replica is not ready. `start` does it as well. */
  async listen(): Promise<void> {
    if (this.#ends.length > 0) return;
    const { bus } = this.#options;
    const heard = bus.subscribe(this.#subjects.announcements, ({ data }) => this.#heard(data));
    let before = bus.connected;
    const removed = bus.onConnection((connected) => {
      if (before && !connected) this.#missed();
      before = connected;
    });
    this.#ends.push(
      () => heard.stop(),
      async () => removed(),
    );
  }

  /** Begins to seek slots. */
  async start(): Promise<void> {
    await this.listen();
    this.#begun = true;
    if (this.#options.alone === true) {
      this.#table.beAlone();
      this.#serveHello(); // A replica that starts all the same is not to take us for nobody.
    } else this.#keepStepping();
    this.#step();
  }

  async stop(): Promise<void> {
    this.#table.leave();
    if (this.#begun) this.#step();
    // A slot that is being released names itself in `#drained`; it ends within DRAIN_MS_MAX.
    while (this.#drained.length > 0) await Promise.all(this.#drained.splice(0));
    this.#timer?.cancel();
    this.#timer = undefined;
    // We hold nothing now, so the others take over at once.
    if (this.#begun && !this.#table.isAlone) this.#announce();
    this.#begun = false;
    const { bus } = this.#options;
    const ended = Promise.all([bus.flush().catch(() => undefined), this.#hello?.stop(), ...this.#ends.splice(0).map((end) => end())]);
    if (bus.connected) await ended;
  }

  problems(): readonly string[] {
    const { clock, context } = this.#options;
    if (this.#table.phase === 'joining') return [`no place among the replicas of ${context} yet: no announcement comes back`];
    const suspendedMs = this.#table.suspendedMs(clock.monotonicMs());
    if (suspendedMs < this.#timing.takeoverMs) return []; // Too short for anybody to be told of.
    return [`leases of ${context} are suspended for ${Math.round(suspendedMs / 1_000)} s: no announcement comes back`];
  }

  #keepStepping(): void {
    this.#timer ??= this.#options.clock.every(STEP_EVERY_MS, () => this.#step());
  }

  #missed(): void {
    this.#connection++;
    this.#table.missed();
  }

  #heard(data: Uint8Array): void {
    const { context, log, clock, replica } = this.#options;
    const announcement = parse(data);
    if (announcement === undefined) {
      log.warn({ context }, 'lease announcement is not understood');
      return;
    }
    const wasAlone = this.#table.isAlone;
    this.#table.heard(announcement, clock.monotonicMs());
    if (!this.#begun) return;
    if (wasAlone && announcement.replica !== replica) {
      log.warn({ context, replica: announcement.replica }, 'another replica works on what this process took to be its own');
      this.#keepStepping();
    }
    this.#step();
  }

  #step(): void {
    const { bus, clock, context, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#joining && !this.#table.isSettled && this.#table.phase !== 'leaving' && bus.connected) void this.#join();
    const { acquired, releasing, lost, announce } = this.#table.step(nowMs);
    if (lost.length > 0) log.warn({ context, slots: lost.length }, 'leases lost: another replica has them');
    for (const slot of lost) {
      this.#leases.delete(slot);
      for (const holder of this.#holders) holder.lost(slot);
    }
    const isDue = this.#table.phase !== 'joining' && !this.#table.isAlone && nowMs - this.#announcedMs >= ANNOUNCE_EVERY_MS;
    if (announce || isDue) this.#announce();
    for (const slot of acquired) this.#begin(slot);
    if (acquired.length > 0) log.info({ context, slots: acquired.length }, 'leases acquired');
    for (const slot of releasing) this.#drained.push(this.#release(slot));
  }

  #begin(slot: number): void {
    const lease: Lease = { isValid: () => this.#leases.get(slot) === lease && this.isValid(slot) };
    this.#leases.set(slot, lease);
    for (const holder of this.#holders) holder.acquired(slot, lease);
  }

  async #release(slot: number): Promise<void> {
    const lease = this.#leases.get(slot);
    await within(this.#options.clock, DRAIN_MS_MAX, Promise.allSettled(this.#holders.map((holder) => holder.release(slot))));
    if (lease === undefined || this.#leases.get(slot) !== lease) return; // It was lost meanwhile, and may be held anew.
    this.#leases.delete(slot);
    this.#table.released(slot);
  }

  #announce(): void {
    const { bus, clock } = this.#options;
    this.#announcedMs = clock.monotonicMs();
    const announcement = bytes.encode(JSON.stringify(this.#table.announcement(this.#announcedMs)));
    try {
      bus.publish(this.#subjects.announcements, announcement);
    } catch (error) {
      if (!(error instanceof BusError)) throw error; // The bus is closed: the others will notice the silence.
    }
  }

  #serveHello(): void {
    this.#hello = this.#options.bus.serve(this.#subjects.hello, () => new Uint8Array());
  }

  /**
   * When nobody serves the hello subject, nobody holds anything, and we begin at once. Otherwise we listen for as long as any lease may last: a holder
   * that is frozen just now announces nothing, but its subscription still exists. The same after messages may have been missed.
   */
  async #join(): Promise<void> {
    const { bus, clock, context, log } = this.#options;
    this.#joining = true;
    const connection = this.#connection;
    try {
      await this.#hello?.stop(); // Otherwise we would answer ourselves.
      this.#announce();
      const waitMs = (await this.#isAlone()) ? 0 : this.#timing.validMs;
      // Served before we take any slot, so that a replica that starts now knows that it is not alone.
      this.#serveHello();
      await bus.flush();
      if (connection === this.#connection) this.#table.settleAt(clock.monotonicMs() + waitMs);
    } catch (error) {
      log.debug({ context, error: String(error) }, 'joining waits for the bus');
    } finally {
      this.#joining = false;
    }
    if (this.#timer !== undefined) this.#step();
  }

  async #isAlone(): Promise<boolean> {
    try {
      await this.#options.bus.request(this.#subjects.hello, new Uint8Array(), { timeoutMs: HELLO_TIMEOUT_MS });
      return false;
    } catch (error) {
      if (error instanceof NoResponderError) return true;
      if (error instanceof BusTimeoutError) return false;
      throw error;
    }
  }
}

function heldOf(replica: string, slots: readonly number[]): Held {
  const partitions = slots.filter((slot) => slot < PARTITIONS).length;
  return { replica, partitions, loops: slots.includes(LOOPS_SLOT), rows: slots.includes(PROJECTOR_SLOT) };
}

const MASK = /^[0-9a-f]{1,32}$/;

function parse(data: Uint8Array): Announcement | undefined {
  try {
    const { replica, seq, phase, holds, claims } = JSON.parse(text.decode(data)) as Record<string, unknown>;
    const known = phase === 'joining' || phase === 'member' || phase === 'leaving';
    if (typeof replica !== 'string' || typeof seq !== 'number' || !known) return undefined;
    if (typeof holds !== 'string' || !MASK.test(holds)) return undefined;
    if (claims === undefined) return { replica, seq, phase, holds };
    return typeof claims === 'string' && MASK.test(claims) ? { replica, seq, phase, holds, claims } : undefined;
  } catch {
    return undefined;
  }
}
