/**
 * Brings the kernel to the desired objects, by difference and never by wiping.
 *
 *   desired --(marks)--> lanes, one a network --> one apply at a time each --> actual
 *                          ^                                                    |
 *                          +---------------- resync: read ----------------------+
 *
 * What is wanted of a key is in `desired`, what is known of it in `actual`; `doubts` has those of which it is not known, or which failed; lanes have what
 * is to be compared, waits, or is being written.
 *
 * - adopt, compare, sweep: the first read finds what a former run left; what is wanted and already there is not written; what is not wanted stays
 *   until `allowRemovals`. A network whose router is not whole then, as one of a former version, is repaired only with all that belongs to it: it waits too.
 * - what failed stays in doubt and is tried again after a growing pause of its own, or as soon as what it lacked is there; the rest continues.
 * - a slow resync, and one soon after a failure, reads the kernel again and repairs what others changed. It runs beside applies: what they touch
 *   meanwhile is left out of the comparison, so neither waits for the other.
 *
 * Work per change grows with the change; a resync costs a read and a comparison of everything, in slices.
 */
import { type Clock, Nap, type Random, type Timer, within } from '@weft/api';
import { Backoff } from '@weft/bus';
import {
  type Driver,
  type DriverFault,
  isBucketed,
  type KernelChange,
  type KernelObject,
  type KernelState,
  keyOf,
  ObjectMap,
  sameKernelObject,
  sharesOf,
  vniOfObject,
  vniOfScope,
} from '@weft/fabric';
import type { Logger } from '@weft/service';
import { Doubts, type StandingFault } from './doubts.ts';
import { foremost } from './foremost.ts';
import { ALL_ROWS, type Group, joined, Lane } from './lanes.ts';
import { objectOfKey } from './object-of-key.ts';

export type { StandingFault };

export type KernelTiming = Readonly<{
  /** Between two resyncs. */
  resyncMs: number;
  /** Pause before the first repeat of what failed, and the longest. */
  retryMs: number;
  retryMsMax: number;
  /** How long `stop` waits for the kernel's answer. */
  stopMsMax: number;
}>;
export const KERNEL_TIMING: KernelTiming = { resyncMs: 30_000, retryMs: 200, retryMsMax: 30_000, stopMsMax: 5_000 };

export type KernelSyncOptions = Readonly<{
  driver: Driver;
  /** Live: read when a batch is made. */
  desired: KernelState;
  /** What has to be over before a key may be written; undefined: nothing. Asked again with each batch. */
  waitsFor?: (key: string) => string | undefined;
  clock: Clock;
  /** For pauses. */
  random: Random;
  log: Logger;
  timing?: KernelTiming;
  /** A read found these to be other than what was read or written before, by nobody's leave; they are put right. */
  onDrift?: (drifts: readonly Drift[]) => void;
  /** After each batch (also an empty one) and each resync. `keys`: those whose desired or actual state may have changed. */
  onSettled?: (keys: Iterable<string>) => void;
}>;

/** Objects compared at once during a resync; in between, others get their turn. */
const SLICE = 2_000;
/** A resync waits at least this many times as long as the read before it took. */
const READ_SHARE = 20;
/** Failures that cost a pause of 1 ms between two looks at all of them. */
const FAILURES_PER_MS = 100;
/** Routes of one apply: less than the event loop may be kept by them, here and in the driver. What else is due in their network does not wait for more. */
const ROUTES_MAX = 4_096;
/** Applies beside each other: the kernel takes one route or transaction at a time, so that more would gain nothing. */
const BATCHES_MAX = 16;

/** Keys that a line of the log names. */
const KEYS_LOGGED = 5;

/** What the kernel held of a key, and what it was found to hold; undefined: nothing, or not all of it. */
export type Drift = Readonly<{ key: string; before: KernelObject | undefined; after: KernelObject | undefined; part?: string }>;

/** Whether the kernel has answered, by now, for what a note put into some lanes. */
export type Noted = Readonly<{ number: number; lanes: ReadonlySet<string> }>;

type Batch = Readonly<{ put: readonly KernelObject[]; remove: readonly KernelObject[]; group: Group }>;

export class KernelSync {
  /** What the kernel holds, as far as is known from the last read and the applies since. */
  readonly #actual = new ObjectMap(isBucketed);
  readonly #doubts = new Doubts();
  /** Those that owe something, by their scope. */
  readonly #lanes = new Map<string, Lane>();
  /** Networks whose router was found not to be whole by the first read. */
  readonly #unfinished = new Set<number>();
  /** Under way. */
  readonly #batches = new Map<Batch, Promise<void>>();
  readonly #options: KernelSyncOptions;
  readonly #timing: KernelTiming;
  readonly #afterError: Backoff;
  readonly #afterReadFault: Backoff;
  #ready = false;
  #stopped = false;
  #removals = false;
  #scheduled = false;
  #reading: Promise<void> | undefined;
  /** Keys that were applied while a read is under way. */
  #touched: Set<string> | undefined;
  #notes = 0;
  /** What was read while a resync was asked for may be of before. */
  #readAgain = false;
  #resyncTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #retryAtMs = Number.POSITIVE_INFINITY;
  /** Before the first read is tried again. */
  readonly #nap: Nap;
  #lastReadFault: string | undefined;

  constructor(options: KernelSyncOptions) {
    this.#options = options;
    this.#timing = options.timing ?? KERNEL_TIMING;
    this.#nap = new Nap(options.clock);
    this.#afterError = new Backoff(this.#timing.retryMs, this.#timing.retryMsMax, options.random);
    this.#afterReadFault = new Backoff(this.#timing.retryMs, this.#timing.retryMsMax, options.random);
  }

  get actual(): KernelState {
    return this.#actual;
  }
  get failures(): ReadonlyMap<string, StandingFault> {
    return this.#doubts.failures;
  }
  /** What to tell of failures first. */
  get failuresToTell(): Iterable<StandingFault> {
    return this.#doubts.toTell;
  }
  /** Groups of keys among which something failed. */
  get failedGroups(): Iterable<string> {
    return this.#doubts.groups;
  }
  /** Why the kernel could not be read; undefined when the last read went well. */
  get readFault(): string | undefined {
    return this.#lastReadFault;
  }
  /** Whether the kernel has answered for this note of a lane; without one, for all (apart from `failures`, and from removals not allowed yet). */
  isAnswered(lane?: string, note = Number.POSITIVE_INFINITY): boolean {
    if (lane !== undefined) return this.#lanes.get(lane)?.isAnswered(note) ?? true;
    for (const each of this.#lanes.values()) if (!each.isAnswered(note)) return false;
    return true;
  }
  get removalsAllowed(): boolean {
    return this.#removals;
  }
  /** Wanted and there. */
  holds(key: string): boolean {
    return (
      this.#doubts.get(key) === undefined &&
      this.#actual.has(key) &&
      sameKernelObject(this.#options.desired.get(key), this.#actual.get(key))
    );
  }

  /** The first read; repeated until it goes well or `stop` is called. Nothing is written before. */
  async start(): Promise<void> {
    while (!this.#stopped && !(await this.#read())) await this.#nap.pause(this.#afterReadFault.nextMs());
    this.#ready = true;
    this.#resyncIn(this.#timing.resyncMs);
    this.#schedule();
  }

  /** Objects of `desired` that changed. */
  note(change: KernelChange): Noted {
    const number = ++this.#notes;
    const lanes = new Set<string>();
    for (const objects of [change.put, change.remove]) for (const object of objects) lanes.add(this.#mark(keyOf(object), number));
    this.#schedule();
    return { number, lanes };
  }

  /** `desired` is complete: what the kernel holds beyond it goes. From now on removals are applied as they come. */
  allowRemovals(): void {
    if (this.#removals) return;
    this.#removals = true;
    // Whatever was answered for in their lanes is not done before these are.
    for (const key of this.#actual.keys()) if (!this.#options.desired.has(key)) this.#mark(key, 0);
    for (const lane of this.#lanes.values()) lane.wake((key) => this.#waitOf(key));
    this.#schedule();
  }

  /** What was waited for (`waitsFor`) may be over. */
  proceed(): void {
    this.#schedule();
  }

  /** Waits, bounded, for a running apply. The kernel keeps what it holds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#resyncTimer?.cancel();
    this.#retryTimer?.cancel();
    this.#nap.wake();
    const running = Promise.all([...this.#batches.values(), this.#reading]);
    await within(this.#options.clock, this.#timing.stopMsMax, running);
  }

  /** Reads the kernel as soon as may be, not before it has been read for the first time. */
  resync(): void {
    if (this.#reading === undefined) this.#resyncIn(0);
    else this.#readAgain = true;
  }

  // ---- changes ----

  /** Gives its lane. */
  #mark(key: string, note = this.#notes): string {
    const [scope] = sharesOf(this.#options.desired.get(key) ?? this.#actual.get(key) ?? this.#doubts.get(key) ?? objectOfKey(key));
    const lane = this.#lanes.get(scope) ?? new Lane(scope);
    this.#lanes.set(scope, lane);
    lane.mark(key, note);
    // The reason of the failure may be gone with the change: it is tried now, not when its pause ends.
    const failure = this.#doubts.failures.get(key);
    if (failure !== undefined) failure.dueMs = Number.POSITIVE_INFINITY;
    return scope;
  }

  /** Within one turn of the event loop all changes go into one batch of each lane: a row and the progress behind it often arrive together. */
  #schedule(): void {
    if (this.#scheduled || !this.#ready || this.#stopped) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#stopped) return;
    const alike: string[] = [];
    const busy = new Set([...this.#batches.keys()].flatMap(({ group }) => [...group.shares]));
    for (const group of this.#groups()) {
      if (this.#batches.size >= BATCHES_MAX) break;
      if ([...group.shares].some((share) => busy.has(share))) continue;
      this.#begin(group, alike);
    }
    this.#settle(alike);
  }

  #groups(): readonly Group[] {
    const groups: Group[] = [];
    for (const lane of this.#lanes.values()) {
      lane.wake((key) => this.#waitOf(key));
      if (lane.isDue && !lane.isWriting) groups.push({ lanes: [lane], shares: new Set([lane.scope, ...this.#sharesOf(lane)]) });
    }
    return joined(groups);
  }

  *#sharesOf(lane: Lane): Iterable<string> {
    for (const key of lane.due) {
      for (const object of [this.#options.desired.get(key), this.#actual.get(key), this.#doubts.get(key)])
        if (object?.kind === 'port' || object?.kind === 'entry') yield* sharesOf(object);
    }
  }

  #begin(group: Group, alike: string[]): void {
    const put: KernelObject[] = [];
    const remove: KernelObject[] = [];
    // A network goes as a whole.
    const goes = ({ scope, due }: Lane): boolean => due.has(routerKey(scope)) && !this.#options.desired.has(routerKey(scope));
    const taken = group.lanes.flatMap((lane) =>
      lane.take(goes(lane) ? Number.POSITIVE_INFINITY : ROUTES_MAX).map((key) => ({ key, lane })),
    );
    for (const { key, lane } of new Map(taken.map((each) => [each.key, each])).values()) {
      const want = this.#options.desired.get(key);
      const have = this.#actual.get(key);
      const doubted = this.#doubts.get(key);
      const wait = this.#waitOf(key);
      if (doubted === undefined && sameKernelObject(want, have)) {
        alike.push(key);
        this.#doubts.forgive(key);
      } else if (wait !== undefined) {
        lane.wait(key, wait);
        if (wait === ALL_ROWS) this.#doubts.forgive(key);
      } else if (want !== undefined) put.push(want);
      // A route that still waits may need it until then.
      else if (lane.routes.size > 0 && key.startsWith('peer/')) lane.due.add(key);
      else remove.push(have ?? doubted!);
    }
    for (const lane of group.lanes) {
      lane.begin();
      // Whoever was served goes behind the others.
      this.#lanes.delete(lane.scope);
      this.#lanes.set(lane.scope, lane);
    }
    if (put.length + remove.length === 0) {
      this.#end(group);
      if (group.lanes.some((lane) => lane.isDue)) this.#schedule();
    } else this.#start({ put, remove, group });
  }

  #start(batch: Batch): void {
    const keys = [...batch.put, ...batch.remove].map(keyOf);
    for (const key of keys) this.#touched?.add(key);
    const applied = this.#apply(batch.put, batch.remove).then(() => {
      this.#batches.delete(batch);
      this.#end(batch.group);
      this.#settle(keys);
      if (this.#lanes.size > 0) this.#schedule();
    });
    this.#batches.set(batch, applied);
  }

  #end({ lanes }: Group): void {
    for (const lane of lanes) {
      lane.end();
      if (lane.isOver) this.#lanes.delete(lane.scope);
    }
  }

  #waitOf(key: string): string | undefined {
    const what = this.#options.waitsFor?.(key);
    if (what !== undefined || this.#removals) return what;
    const want = this.#options.desired.get(key);
    const vni = want && vniOfObject(want);
    return want === undefined || (vni !== undefined && this.#unfinished.has(vni)) || this.#takesRoute(want) ? ALL_ROWS : undefined;
  }

  /** A former run left a route of the network's own there. While its row has not come, that of a peer would go over it, and both would be gone afterwards. */
  #takesRoute(want: KernelObject): boolean {
    return want.kind === 'entry' && want.section === 'routes' && this.#actual.has(`route/${vniOfScope(want.scope)}/${want.key}`);
  }

  async #apply(put: readonly KernelObject[], remove: readonly KernelObject[]): Promise<void> {
    const { driver, log, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    let faults: ReadonlyMap<string, DriverFault>;
    try {
      const { failed } = await driver.apply({ put, remove });
      faults = new Map(failed.map((fault) => [fault.key, fault]));
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      faults = new Map([...put, ...remove].map((object) => [keyOf(object), { key: keyOf(object), what: 'kernel' as const, detail }]));
    }
    for (const object of put) this.#answered(object, faults, () => this.#isThere(keyOf(object), object));
    for (const object of remove) this.#answered(object, faults, () => this.#actual.delete(keyOf(object)));
    log.debug(
      { put: put.length, remove: remove.length, failed: faults.size, durationMs: clock.monotonicMs() - startedMs },
      'kernel changed',
    );
    if (faults.size === 0) {
      this.#afterError.reset();
      return;
    }
    const told = [...faults.values()];
    const first = told.find(({ what }) => what !== 'missing-reference') ?? told[0];
    log.warn({ failed: faults.size, key: first?.key, what: first?.what, detail: first?.detail }, 'kernel refused a change');
    this.#resyncIn(this.#afterError.nextMs());
  }

  #answered(object: KernelObject, faults: ReadonlyMap<string, DriverFault>, done: () => void): void {
    const key = keyOf(object);
    const fault = faults.get(key);
    if (fault === undefined) {
      done();
      this.#doubts.settle(key);
      return;
    }
    const attempts = (this.#doubts.failures.get(key)?.attempts ?? 0) + 1;
    const pauseMs = Math.min(this.#timing.retryMsMax, this.#timing.retryMs * 2 ** Math.min(attempts - 1, 20));
    const dueMs = this.#options.clock.monotonicMs() + pauseMs;
    this.#doubts.fail(object, { ...fault, attempts, dueMs });
    this.#retryBy(dueMs);
  }

  /** What was refused for lack of it is tried now, not when its pause ends. */
  #isThere(key: string, object: KernelObject): void {
    this.#actual.put(object);
    for (const other of this.#doubts.lacking(key)) this.#mark(other);
  }

  #retryBy(dueMs: number): void {
    if (this.#stopped || dueMs >= this.#retryAtMs) return;
    const { clock } = this.#options;
    this.#retryTimer?.cancel();
    this.#retryAtMs = dueMs;
    this.#retryTimer = clock.after(Math.max(1, dueMs - clock.monotonicMs()), () => this.#retryDue());
  }

  /** Looks at all that failed: the more there are, the rarer. */
  #retryDue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let dueMs = Number.POSITIVE_INFINITY;
    for (const [key, failure] of this.#doubts.failures) {
      if (failure.dueMs <= nowMs) this.#mark(key);
      else dueMs = Math.min(dueMs, failure.dueMs);
    }
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    this.#schedule();
    if (dueMs < Number.POSITIVE_INFINITY) this.#retryBy(Math.max(dueMs, nowMs + this.#doubts.failures.size / FAILURES_PER_MS));
  }

  #settle(keys: Iterable<string>): void {
    if (!this.#stopped) this.#options.onSettled?.(keys);
  }

  // ---- resync ----

  #resyncIn(ms: number): void {
    if (this.#stopped || !this.#ready) return;
    this.#resyncTimer?.cancel();
    this.#resyncTimer = this.#options.clock.after(ms, () => void this.#read());
  }

  /** True when it went well. One at a time. */
  async #read(): Promise<boolean> {
    if (this.#stopped || this.#reading !== undefined) return false;
    let done: () => void = () => {};
    this.#reading = new Promise((resolve) => (done = resolve));
    this.#touched = new Set([...this.#batches.keys()].flatMap(({ put, remove }) => [...put, ...remove].map(keyOf)));
    const { driver, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const { objects, partial } = await driver.read();
      if (!this.#ready)
        for (const key of partial.keys()) if (key.startsWith('router/')) this.#unfinished.add(Number(key.slice('router/'.length)));
      const drifts = this.#ready ? ([] as Drift[]) : undefined;
      const differing = await this.#compare(objects, partial, drifts);
      if (drifts !== undefined && drifts.length > 0) this.#options.onDrift?.(drifts);
      if (this.#lastReadFault !== undefined) this.#options.log.info({}, 'kernel can be read again');
      this.#lastReadFault = undefined;
      this.#afterReadFault.reset();
      if (this.#ready && differing.length > 0) {
        this.#options.log.warn(
          { differing: differing.length, keys: foremost(differing, (key) => key, KEYS_LOGGED) },
          'kernel differs from what was applied',
        );
        this.#schedule();
      }
      if (this.#ready) this.#settle(differing);
      return true;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (this.#lastReadFault !== detail) this.#options.log.error({ detail }, 'kernel cannot be read');
      this.#lastReadFault = detail;
      return false;
    } finally {
      this.#touched = undefined;
      this.#reading = undefined;
      // A long read costs others their CPU: reads must stay rare enough not to slow others down.
      const tookMs = clock.monotonicMs() - startedMs;
      const pauseMs = Math.max(this.#timing.resyncMs, Math.min(tookMs * READ_SHARE, this.#timing.resyncMs * 20));
      this.#resyncIn(this.#readAgain ? 0 : this.#lastReadFault === undefined ? pauseMs : this.#afterReadFault.nextMs());
      this.#readAgain = false;
      done();
    }
  }

  /** Takes the read over as the actual state, but for what applies touched since it began. Keys that differ from what was believed. */
  async #compare(objects: KernelState, partial: ReadonlyMap<string, string>, drifts: Drift[] | undefined): Promise<readonly string[]> {
    const differing: string[] = [];
    let left = SLICE;
    const take = (key: string, found: KernelObject | undefined): void => {
      if (this.#touched?.has(key)) return;
      const before = this.#actual.get(key);
      const want = this.#options.desired.get(key);
      if (found === undefined) this.#actual.delete(key);
      else if (sameKernelObject(before, found)) this.#actual.put(found);
      else this.#isThere(key, found);
      const part = partial.has(key) && found === undefined;
      const reason = part ? partial.get(key) : undefined;
      // What was in doubt may be anything.
      const isKnown = this.#doubts.get(key) === undefined;
      if (isKnown && (part || !sameKernelObject(before, found)))
        drifts?.push({ key, before, after: found, ...(reason !== undefined && { part: reason }) });
      if (part) this.#doubts.put(key, want ?? before ?? objectOfKey(key));
      else this.#doubts.know(key);
      if (part || !sameKernelObject(before, found)) differing.push(key);
      // What failed is retried after its own pause.
      if ((part || !sameKernelObject(want, found)) && !this.#doubts.failures.has(key)) this.#mark(key);
    };
    for (const key of new Set([...this.#actual.keys(), ...this.#doubts.keys(), ...objects.keys(), ...partial.keys()])) {
      take(key, objects.get(key));
      if (--left > 0) continue;
      left = SLICE;
      await new Promise<void>((resolve) => this.#options.clock.soon(resolve));
    }
    return differing;
  }
}

/** Of the network of a lane. */
function routerKey(scope: string): string {
  return `router/${vniOfScope(scope)}`;
}
