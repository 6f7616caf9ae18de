/**
 * The stage on which plans are rehearsed. What loops owe and all rows are derived with the first plan, in slices, follow the log while plans come, and are given
 * up when none has come for a while. Plans take turns.
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

type Standing = Readonly<{ stage: Stage; end: () => void }>;
type PlatformParts = Pick<Platform, 'follower' | 'store' | 'clock' | 'registry'>;

export class PlanModel {
  readonly #platform: PlatformParts;
  readonly #slices: Slices;
  #standing: Standing | undefined;
  #idle: Timer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #deadlineMs = 0;

  constructor(platform: PlatformParts, slices: Slices) {
    this.#platform = platform;
    this.#slices = slices;
  }

  /** Throws 429 when too many wait, 503 when it takes too long. */
  async rehearse<T>(play: (rehearsal: Rehearsal) => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) throw tooManyRequests(`${WAITING_MAX} plans are being made or wait: ask again in a second`);
    this.#waiting++;
    const turn = this.#last.then(() => this.#play(play));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  stop(): void {
    this.#idle?.cancel();
    this.#standing?.end();
    this.#standing = undefined;
  }

  #play<T>(play: (rehearsal: Rehearsal) => Promise<T>): Promise<T> {
    const { clock } = this.#platform;
    this.#idle?.cancel();
    this.#idle = clock.after(IDLE_MS, () => this.stop(), { background: true });
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
