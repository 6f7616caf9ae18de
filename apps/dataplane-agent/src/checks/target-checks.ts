/**
 * Asks targets of balancers on this host whether they serve, and tells the control plane who turned (rows say what it knows). Each check is asked at its interval,
 * a little earlier or later, so that those which began together do not stay together; few are under way at once, the others wait their turn.
 *
 *   due ──> asked ──> passes or fails in a row ──rise, fall──> verdict ──differs from the row──> reported, once a second at most
 *
 * A target that turns again and again is held where it is for longer and longer, so that it cannot fill the log.
 */
import type { Clock, Random, Timer } from '@weft/api';
import { Backoff } from '@weft/bus';
import type { Driver, TargetCheck } from '@weft/fabric';
import type { ControlPlane } from '../agent/control-plane.ts';

export type CheckTiming = Readonly<{
  /** Probes under way at once. */
  probesMax: number;
  /** Share of the interval by which it varies, in either direction. */
  jitter: number;
  reportEveryMs: number;
  retryMsMax: number;
  /** How long a target that has turned stays so at least; twice as long after each turn, unless it was calm for `calmMs`. */
  holdMs: number;
  holdMsMax: number;
  calmMs: number;
  /** A report whose row does not come is repeated. */
  repeatMs: number;
}>;
export const CHECK_TIMING: CheckTiming = {
  probesMax: 64,
  jitter: 0.1,
  reportEveryMs: 1_000,
  retryMsMax: 30_000,
  holdMs: 5_000,
  holdMsMax: 300_000,
  calmMs: 600_000,
  repeatMs: 30_000,
};

/** Targets in one report. */
const REPORTED_MAX = 200;

export type TargetChecksOptions = Readonly<{
  driver: Pick<Driver, 'probe'>;
  controlPlane: Pick<ControlPlane, 'reportHealth'>;
  clock: Clock;
  random: Random;
  timing?: CheckTiming;
}>;

type Watched = {
  readonly key: string;
  of: TargetCheck;
  healthy: boolean;
  /** Answers in a row that contradict that. */
  contrary: number;
  turns: number;
  turnedMs: number;
  reportedMs: number;
  timer: Timer | undefined;
};

export class TargetChecks {
  readonly #options: TargetChecksOptions;
  readonly #timing: CheckTiming;
  readonly #backoff: Backoff;
  readonly #watched = new Map<string, Watched>();
  readonly #due: Watched[] = [];
  readonly #unreported = new Set<Watched>();
  #asking = 0;
  #reporting = false;
  #reportTimer: Timer | undefined;
  #stopped = false;

  constructor(options: TargetChecksOptions) {
    this.#options = options;
    this.#timing = options.timing ?? CHECK_TIMING;
    this.#backoff = new Backoff(this.#timing.reportEveryMs, this.#timing.retryMsMax, options.random);
  }

  /** Of the rows: a check is there, differs, or is there no more. */
  set(key: string, check: TargetCheck | undefined): void {
    if (this.#stopped) return;
    const found = this.#watched.get(key);
    if (found !== undefined && check !== undefined && isSameCheck(found.of, check)) {
      found.of = check;
      return;
    }
    if (found !== undefined) this.#forget(found);
    if (check === undefined) return;
    const before = found ?? { healthy: !check.failed, turns: 0, turnedMs: Number.NEGATIVE_INFINITY };
    const { healthy, turns, turnedMs } = before;
    const made: Watched = {
      ...{ key, of: check, healthy, turns, turnedMs, contrary: 0 },
      ...{ reportedMs: Number.NEGATIVE_INFINITY, timer: undefined },
    };
    this.#watched.set(key, made);
    this.#wait(made, check.check.intervalMs * this.#options.random());
  }

  stop(): void {
    this.#stopped = true;
    for (const each of [...this.#watched.values()]) this.#forget(each);
    this.#reportTimer?.cancel();
  }

  #forget(each: Watched): void {
    each.timer?.cancel();
    this.#watched.delete(each.key);
    this.#unreported.delete(each);
  }

  #isThere(each: Watched): boolean {
    return this.#watched.get(each.key) === each;
  }

  #wait(each: Watched, ms: number): void {
    each.timer = this.#options.clock.after(ms, () => {
      this.#due.push(each);
      this.#askNext();
    });
  }

  #askNext(): void {
    while (this.#asking < this.#timing.probesMax) {
      const each = this.#due.shift();
      if (each === undefined) return;
      if (!this.#isThere(each)) continue;
      this.#asking++;
      void this.#ask(each).finally(() => {
        this.#asking--;
        this.#askNext();
      });
    }
  }

  async #ask(each: Watched): Promise<void> {
    const { vni, ips, check } = each.of;
    const answers = await Promise.all(ips.map((ip) => this.#options.driver.probe({ vni, ip, check })));
    if (!this.#isThere(each)) return;
    if (!answers.includes(undefined)) this.#judge(each, !answers.includes(false));
    const { jitter } = this.#timing;
    this.#wait(each, check.intervalMs * (1 - jitter + 2 * jitter * this.#options.random()));
  }

  #judge(each: Watched, passes: boolean): void {
    const { check, failed } = each.of;
    const nowMs = this.#options.clock.monotonicMs();
    each.contrary = passes === each.healthy ? 0 : each.contrary + 1;
    if (each.contrary >= (passes ? check.rise : check.fall) && nowMs - each.turnedMs >= this.#holdMs(each)) {
      each.turns = nowMs - each.turnedMs > this.#timing.calmMs ? 1 : each.turns + 1;
      each.turnedMs = nowMs;
      each.healthy = passes;
      each.contrary = 0;
      each.reportedMs = Number.NEGATIVE_INFINITY;
    }
    if (each.healthy !== failed || nowMs - each.reportedMs < this.#timing.repeatMs) return;
    this.#unreported.add(each);
    this.#report();
  }

  #holdMs({ turns }: Watched): number {
    const { holdMs, holdMsMax } = this.#timing;
    return turns === 0 ? 0 : Math.min(holdMsMax, holdMs * 2 ** Math.min(turns - 1, 30));
  }

  #report(): void {
    if (this.#stopped || this.#reporting || this.#reportTimer !== undefined || this.#unreported.size === 0) return;
    this.#reporting = true;
    void this.#send().then((waitMs) => {
      this.#reporting = false;
      if (this.#stopped) return;
      this.#reportTimer = this.#options.clock.after(waitMs, () => {
        this.#reportTimer = undefined;
        this.#report();
      });
    });
  }

  /** How long to wait before the next report. */
  async #send(): Promise<number> {
    const sent = [...this.#unreported].slice(0, REPORTED_MAX);
    const reports = sent.map(({ healthy, of: { namespace, name, balancer, target } }) => ({ namespace, name, balancer, target, healthy }));
    const isTaken = await this.#options.controlPlane.reportHealth(reports).catch(() => false);
    if (!isTaken) return this.#backoff.nextMs();
    this.#backoff.reset();
    for (const [i, each] of sent.entries()) {
      // One that turned meanwhile is reported again.
      if (reports[i]?.healthy !== each.healthy) continue;
      this.#unreported.delete(each);
      each.reportedMs = this.#options.clock.monotonicMs();
    }
    return this.#timing.reportEveryMs;
  }
}

function isSameCheck(a: TargetCheck, b: TargetCheck): boolean {
  return a.vni === b.vni && JSON.stringify([a.check, a.ips]) === JSON.stringify([b.check, b.ips]);
}
