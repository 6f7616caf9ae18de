/**
 * The stage on which plans are rehearsed. What loops owe and all rows are derived with the first plan, in slices, follow the log while plans come, and are given
 * up when none has come for a while. Where plans are kept ready, that is done as soon as the log is read, and kept. Plans take turns.
 */
import type { Slices, Timer } from '@weft/api';
import { type Rehearsal, Stage } from '@weft/fabric';
import type { Platform } from '@weft/service';
import { tooManyRequests, unavailable } from '../http/failures.ts';

/** To derive it anew costs what the start of all services does. */
const IDLE_MS = 900_000;
/** Of one plan, from its turn on. What was derived until then is kept. */
const PLAN_MS_MAX = 45_000;
const WAITING_MAX = 8;
/** Where plans are kept ready: what has changed since is looked at so often. */
const READY_EVERY_MS = 5_000;

type Standing = Readonly<{ stage: Stage; end: () => void }>;
type PlatformParts = Pick<Platform, 'follower' | 'store' | 'clock' | 'registry' | 'log'>;

export class PlanModel {
  readonly #platform: PlatformParts;
  readonly #slices: Slices;
  readonly #ready: Timer | undefined;
  #standing: Standing | undefined;
  #isPreparing = false;
  #isStopped = false;
  #idle: Timer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #deadlineMs = 0;

  constructor(platform: PlatformParts, slices: Slices, { isKeptReady = false }: Readonly<{ isKeptReady?: boolean }> = {}) {
    this.#platform = platform;
    this.#slices = slices;
    if (isKeptReady) this.#ready = platform.clock.every(READY_EVERY_MS, () => this.#prepare(), { background: true });
  }

  /** Throws 429 when too many wait, 503 when it takes too long. */
  async rehearse<T>(play: (rehearsal: Rehearsal) => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) throw tooManyRequests(`${WAITING_MAX} plans are being made or wait: ask again in a second`);
    this.#waiting++;
    // It goes on with what is derived until then, in its own time: behind a preparation it would wait without a limit.
    if (this.#isPreparing) this.#deadlineMs = Number.NEGATIVE_INFINITY;
    const turn = this.#last.then(() => this.#play(play));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  stop(): void {
    this.#ready?.cancel();
    this.#isStopped = true;
    if (this.#isPreparing) this.#deadlineMs = Number.NEGATIVE_INFINITY;
    this.#giveUp();
  }

  #giveUp(): void {
    this.#idle?.cancel();
    this.#standing?.end();
    this.#standing = undefined;
  }

  /** Derives what the next plan would have to. */
  #prepare(): void {
    if (this.#isPreparing || this.#waiting > 0 || !this.#platform.follower.caughtUp) return;
    this.#isPreparing = true;
    const turn = this.#last.then(async () => {
      if (this.#isStopped || this.#waiting > 0) return;
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      await (this.#standing ??= this.#stand()).stage.settle();
    });
    const ended = turn.catch((error: unknown) => {
      const isCutShort = this.#deadlineMs === Number.NEGATIVE_INFINITY; // A plan waits, or this is the end.
      if (!isCutShort) this.#platform.log.warn({ err: error }, 'what plans need could not be derived ahead');
    });
    this.#last = ended.finally(() => void (this.#isPreparing = false));
  }

  #play<T>(play: (rehearsal: Rehearsal) => Promise<T>): Promise<T> {
    const { clock } = this.#platform;
    this.#idle?.cancel();
    if (this.#ready === undefined) this.#idle = clock.after(IDLE_MS, () => this.#giveUp(), { background: true });
    this.#deadlineMs = clock.monotonicMs() + PLAN_MS_MAX;
    const { stage } = (this.#standing ??= this.#stand());
    return stage.rehearse(clock.now().toISOString(), play);
  }

  #stand(): Standing {
    const { follower, store, clock, registry } = this.#platform;
    const stage = new Stage({
      registry,
      world: follower,
      readStream: (stream, from) => store.readStream(stream, { from }),
      nowMs: () => clock.monotonicMs(),
      breathe: async () => {
        if (clock.monotonicMs() > this.#deadlineMs)
          throw unavailable(
            `the plan was not made within ${PLAN_MS_MAX / 1_000} s: ask again, what was derived for it is kept; or plan less at a time`,
          );
        await this.#slices.next();
      },
    });
    return { stage, end: follower.consume({ name: 'plan', onChange: (change) => stage.note(change) }) };
  }
}
