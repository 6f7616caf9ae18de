/**
 * Whether changes have arrived everywhere: what this gateway has seen, else what the log tells. Whoever waits is answered when everything that follows
 * from the change is in the kernels, or with what is missing when the time is up.
 */
import { CONTEXTS, type Context, factsOf, isWeft, Nap, type ObjectKey, type Position, type Slices, streamOf } from '@weft/api';
import { type BusSubscription, decodeJsonObject, listenToProgress, parseSubject, subjects } from '@weft/bus';
import type { Platform } from '@weft/service';
import type { TraceExport } from '../traces/trace-export.ts';
import { Changes } from './changes.ts';
import { type Convergence, convergenceOf, lackText } from './convergence.ts';
import { convergenceFromLog } from './from-log.ts';
import { BUCKETS_S, Latencies, type LatencySummary, secondsOf } from './latencies.ts';
import { type Owed, owedIn } from './owed.ts';
import type { TrackedChange } from './tracked-change.ts';

export type Asked = Readonly<{ position: Position }> | Readonly<{ correlation: string }> | Readonly<{ object: ObjectKey }>;
/** `derived`: rows say it, and no loop owes anything because of it. `applied`: it is in the kernels, too. */
export type Goal = 'derived' | 'applied';

export type Overview = Readonly<{
  /** Changes that this gateway has seen and that are not derived or not in all kernels yet; and the oldest of them. */
  open: number;
  oldest?: Convergence;
  /** Of commands of clients, how long each stage took, in seconds. */
  lastHour: LatencySummary;
  /** Contexts of which no projector is heard. */
  silent?: readonly string[];
}>;

/** Of those of one object that are not everywhere, so many are asked about. */
const OPEN_MAX = 20;
/** Before it is looked at again after it has moved. */
const MOVED_MS = 5;
const ASK_AGAIN_MS = 50;
const ASK_AGAIN_MS_MAX = 1_000;
/** What is looked for in the log costs thousands of events each time. */
const LOG_AGAIN_MS = 5_000;
const READ_MS_MAX = 2_000;
/** Events of an object that are looked through for its last change. */
const EVENTS_MAX = 200;
/** A change that has not arrived is traced as it is after so long. */
const UNTOLD_MS_MAX = 60_000;
const UNTOLD_MAX = 10_000;
/** So long what loops owe is asked about an object that somebody follows, after it has changed. */
const FOLLOW_MS = 600_000;
const WAITING_MAX = 1_000;
/** So long after it was applied, a change counts as done: what loops do because of it follows at once. */
const FRESH_MS = 1_000;

export class Arrivals {
  readonly changes: Changes;
  readonly #platform: Platform;
  readonly #slices: Slices;
  readonly #latencies = new Latencies();
  /** Applied lately, with the monotonic time at which that was seen: what follows may still come. */
  readonly #fresh = new Map<TrackedChange, number>();
  readonly #contexts: readonly Context[];
  readonly #ends: (() => void)[] = [];
  readonly #subscriptions: BusSubscription[] = [];
  #histogram: ReturnType<Platform['figures']['histogram']> | undefined;
  readonly #traces: TraceExport | undefined;
  /** Taken by this gateway, and not told to `traces` yet. */
  readonly #untold = new Set<TrackedChange>();
  #waiting = 0;

  /** `traces`: where changes go that this gateway has taken, once they have arrived, or have not for long. */
  constructor(platform: Platform, slices: Slices, traces?: TraceExport) {
    this.#traces = traces;
    this.#platform = platform;
    this.#slices = slices;
    const known = new Set(platform.domains.map(({ context }) => context));
    this.#contexts = CONTEXTS.filter((context) => known.has(context));
    this.changes = new Changes({
      follower: platform.follower,
      clock: platform.clock,
      contexts: this.#contexts,
      keepsEvents: traces !== undefined,
    });
  }

  start(): void {
    const { bus, clock, follower, log } = this.#platform;
    this.#ends.push(follower.consume({ name: 'convergence', onChange: (change) => this.changes.apply(change) }));
    this.#subscriptions.push(
      listenToProgress(bus, log, (progress) => this.changes.progressed(progress)),
      bus.subscribe(subjects.anyHost('heartbeat'), ({ subject, data }) => this.#heard(subject, data)),
    );
    this.#ends.push(
      this.changes.onMoved((change) => void (change.isApplied ? this.#fresh.set(change, clock.monotonicMs()) : this.#fresh.delete(change))),
    );
    if (this.#traces !== undefined) this.#ends.push(this.changes.onMoved((change) => this.#noteUntold(change)));
    const timer = clock.every(FRESH_MS, () => this.#measure(), { background: true });
    this.#ends.push(() => timer.cancel());
    this.#addFigures();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await Promise.all(this.#subscriptions.splice(0).map((subscription) => subscription.stop()));
    await this.#traces?.stop();
  }

  get waiting(): number {
    return this.#waiting;
  }

  overview(): Overview {
    const open = this.changes.open();
    const [oldest] = open;
    return {
      open: open.length,
      ...(oldest !== undefined && { oldest: convergenceOf(oldest, factsOf(this.#platform.follower)) }),
      lastHour: this.#latencies.summary(this.#platform.clock.monotonicMs()),
      ...(this.changes.silent.length > 0 && { silent: this.changes.silent }),
    };
  }

  /** Undefined when nothing of the kind is known. */
  async of(asked: Asked): Promise<Convergence | undefined> {
    const changes = this.#changesOf(asked);
    const newest = changes.at(-1);
    if (newest === undefined) return this.#fromLog(asked);
    const facts = factsOf(this.#platform.follower);
    for (const change of changes.filter(({ isConverged }) => !isConverged).slice(0, OPEN_MAX)) {
      const owed = await this.#owed(change);
      if (!change.isConverged) return convergenceOf(change, facts, owed);
    }
    return convergenceOf(newest, facts);
  }

  /**
   * What is known of the changes of an object without asking anybody: true once nothing is left to be done. Undefined when none is remembered. `at`: RFC
   * 3339, since when it is so.
   */
  state(key: ObjectKey): Readonly<{ converged: boolean; at: string; change: TrackedChange }> | undefined {
    const changes = this.#changesOf({ object: key });
    const open = changes.find(({ isConverged }) => !isConverged);
    const change = open ?? changes.at(-1);
    if (change === undefined) return undefined;
    return { converged: open === undefined, at: open === undefined ? (change.appliedAt as Date).toISOString() : open.origin.time, change };
  }

  /** Calls `moved` when the answer of `state` may be another one, and asks meanwhile what loops still owe. Gives how to end that. */
  follow(key: ObjectKey, moved: () => void): () => void {
    let [ended, asking] = [false, false];
    const ask = async () => {
      if (asking) return;
      asking = true;
      await this.wait({ object: key }, 'applied', FOLLOW_MS, () => ended).catch(() => undefined);
      asking = false;
      if (!ended) moved();
    };
    const forget = this.changes.onMoved((change) => {
      if (ended || !change.wrote(streamOf(key))) return;
      moved();
      if (!change.isConverged) void ask();
    });
    if (this.state(key)?.converged === false) void ask();
    return () => {
      ended = true;
      forget();
    };
  }

  /** The same once the goal is reached, or after `timeoutMs` as it is then. Undefined at once when nothing is known, or too many wait. */
  async wait(asked: Asked, goal: Goal, timeoutMs: number, isGivenUp: () => boolean = () => false): Promise<Convergence | undefined> {
    if (this.#waiting >= WAITING_MAX) return this.of(asked);
    const { clock } = this.#platform;
    const endsMs = clock.monotonicMs() + timeoutMs;
    const nap = new Nap(clock);
    let moved = false;
    const forget = this.changes.onMoved((change) => {
      if (!this.#concerns(asked, change)) return;
      moved = true;
      nap.wake();
    });
    this.#waiting++;
    try {
      // An answer may come before the fold of this process has the append.
      if ('position' in asked && asked.position > this.#platform.follower.position)
        await this.#platform.follower.waitFor(asked.position, timeoutMs).catch(() => undefined);
      for (let pauseMs = ASK_AGAIN_MS; ; pauseMs = Math.min(2 * pauseMs, ASK_AGAIN_MS_MAX)) {
        moved = false;
        const found = await this.of(asked);
        const leftMs = endsMs - clock.monotonicMs();
        if (found === undefined || isReached(found, goal) || leftMs <= 0 || isGivenUp()) return found;
        const againMs = found.source === 'log' ? LOG_AGAIN_MS : moved ? MOVED_MS : pauseMs;
        await nap.pause(Math.min(againMs, leftMs));
      }
    } finally {
      this.#waiting--;
      forget();
    }
  }

  #concerns(asked: Asked, change: TrackedChange): boolean {
    if ('object' in asked) return change.wrote(streamOf(asked.object));
    return this.#changesOf(asked)[0] === change;
  }

  #changesOf(asked: Asked): readonly TrackedChange[] {
    if ('object' in asked) return this.changes.of(streamOf(asked.object));
    const change = 'position' in asked ? this.changes.at(asked.position) : this.changes.in(asked.correlation);
    return change === undefined ? [] : [change];
  }

  /** What loops owe because of a change that has been derived. Nobody is asked again about one that is settled. */
  async #owed(change: TrackedChange): Promise<readonly Owed[]> {
    if (change.derived === undefined)
      return this.changes.behind(change.last).map(({ context, upTo }) => ({ context, why: whyBehind(upTo) }));
    if (change.settled === change.last) return [];
    const { bus, follower } = this.#platform;
    const { last } = change;
    const { owed, position } = await owedIn(bus, this.#contexts, change.correlation, last);
    if (owed.length > 0) return owed;
    // What a service has written meanwhile stands before this position.
    if (follower.position < position) await follower.waitFor(position, READ_MS_MAX).catch(() => undefined);
    if (change.last === last && follower.position >= position) change.settled = last;
    return change.settled === change.last ? [] : [{ context: 'network', why: 'more was written because of it' }];
  }

  async #fromLog(asked: Asked): Promise<Convergence | undefined> {
    const position = 'position' in asked ? asked.position : 'object' in asked ? await this.#lastChangeOf(asked.object) : undefined;
    if (position === undefined) return undefined;
    const { store, follower } = this.#platform;
    return convergenceFromLog({ store, follower, slices: this.#slices }, position);
  }

  /** The position of the last append of an object that was not made because of a host's report. */
  async #lastChangeOf(key: ObjectKey): Promise<Position | undefined> {
    let newest: Position | undefined;
    const { store } = this.#platform;
    for await (const { position, metadata } of store.readStream(streamOf(key), { direction: 'backwards', limit: EVENTS_MAX })) {
      newest ??= position;
      if (metadata.onBehalfOf?.user.startsWith('system:host:') !== true) return position;
    }
    return newest;
  }

  /** Of those that have stayed applied since the last look. */
  #measure(): void {
    const { clock } = this.#platform;
    const nowMs = clock.monotonicMs();
    for (const [change, seenMs] of this.#fresh) {
      if (nowMs - seenMs < FRESH_MS) continue;
      this.#fresh.delete(change);
      if (change.isMeasured || isWeft(change.origin.actor)) continue;
      change.isMeasured = true;
      for (const [stage, seconds] of secondsOf(change)) {
        this.#latencies.note(stage, seconds, nowMs);
        this.#histogram?.observe({ stage }, seconds);
      }
      this.#trace(change);
    }
    for (const change of this.#untold) {
      if (clock.now().getTime() - Date.parse(change.origin.time) < UNTOLD_MS_MAX) break; // Oldest first.
      if (change.appliedAt === undefined) this.#trace(change, lackText(convergenceOf(change, factsOf(this.#platform.follower))));
    }
  }

  #noteUntold(change: TrackedChange): void {
    if (change.events?.length !== 1 || change.isMeasured || isWeft(change.origin.actor)) return;
    this.#untold.add(change);
    const [oldest] = this.#untold;
    if (this.#untold.size > UNTOLD_MAX && oldest !== undefined) this.#untold.delete(oldest);
  }

  #trace(change: TrackedChange, lack?: string): void {
    if (this.#untold.delete(change)) this.#traces?.take(change, lack);
  }

  #addFigures(): void {
    const { figures, clock } = this.#platform;
    this.#histogram = figures.histogram(
      'weft_convergence_seconds',
      'From a stage of a command of a client to the next; total: from its being accepted until all hosts that it concerns had it in their kernels',
      ['stage'],
      BUCKETS_S,
    );
    figures.add('weft_convergence_hour_seconds', 'The same in the last hour', ['stage', 'quantile'], () =>
      this.#latencies.samples(clock.monotonicMs()),
    );
    figures.add(
      'weft_changes_open',
      'Changes that are not derived, or not in all kernels that they concern',
      [],
      () => this.changes.open().length,
    );
    figures.add('weft_change_open_since_seconds', 'Unix time of the oldest of them', [], () =>
      this.changes
        .open()
        .slice(0, 1)
        .map(({ origin }) => ({ labels: {}, value: Date.parse(origin.time) / 1_000 })),
    );
    const traces = this.#traces;
    if (traces !== undefined) figures.add('weft_trace_spans_lost', 'Spans that no collector took, since the start', [], () => traces.lost);
    figures.add('weft_convergence_waiting', 'Requests that wait for a change to arrive', [], () => this.#waiting);
  }

  /** A heartbeat that cannot be read says nothing. */
  #heard(subject: string, data: Uint8Array): void {
    const parsed = parseSubject(subject);
    if (parsed?.of !== 'host') return;
    try {
      const { position, pending } = decodeJsonObject(data, 'a heartbeat');
      if (pending === 0 && typeof position === 'string' && /^\d{1,20}$/.test(position)) this.changes.reached(parsed.host, BigInt(position));
    } catch {
      // Whoever needs it hears the next one.
    }
  }
}

function whyBehind(upTo: Position | undefined): string {
  return upTo === undefined ? 'its projector is not heard' : `its projector has read the log to ${upTo} only`;
}

function isReached({ state }: Convergence, goal: Goal): boolean {
  return state === 'applied' || (goal === 'derived' && state === 'applying');
}
