/**
 * A process in the simulation: what its code is given of a clock, of ids and of chance. When it is killed its ports go dead: each later call never resolves and has no
 * effect, whatever its code still does.
 */
import type { Clock, Random, Timer } from '@weft/api';
import type { Ids, Logger } from '@weft/service';
import { below, randomOf } from '@weft/testing';
import type { Owner, Scheduler } from './scheduler.ts';

/** Wall clock of the world at its beginning. */
export const BEGINNING_MS = Date.parse('2026-01-02T03:04:05.000Z');
/** Between two looks at the clock of one step. */
const LOOK_MS = 0.01;

export type ProcessOptions = Readonly<{
  name: string;
  scheduler: Scheduler;
  seed: number;
  /** How far its wall clock is off, in ms. */
  skewMs: number;
  /** Its seconds beside those of the world. */
  rate: number;
  /** By how much all wall clocks are ahead of the time that has passed. */
  leapMs: () => number;
  log: (level: 'info' | 'warn' | 'error', message: string, fields: object) => void;
}>;

export class SimProcess implements Owner {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly bornMs: number;
  skewMs: number;
  /** Its end was decided already. */
  isDoomed = false;
  #state: 'running' | 'paused' | 'dead' = 'running';
  /** Calls of ports until it dies at one. */
  #fuse = Number.POSITIVE_INFINITY;
  readonly #ends: (() => void)[] = [];

  constructor({ name, scheduler, seed, skewMs, rate, leapMs, log }: ProcessOptions) {
    this.name = name;
    this.scheduler = scheduler;
    this.bornMs = scheduler.nowMs;
    this.random = randomOf(seed);
    this.skewMs = skewMs;
    const after = (ms: number, run: () => void) => scheduler.after(ms / rate, this, 'timer', run);
    this.clock = {
      now: () => new Date(BEGINNING_MS + leapMs() + Math.floor(scheduler.nowMs) + this.skewMs),
      monotonicMs: () => {
        scheduler.spend(LOOK_MS);
        return scheduler.nowMs * rate;
      },
      after,
      soon: (run) => after(0, run),
      every: (ms, run) => this.#every(Math.max(1, ms) / rate, run),
      pause: (ms) => new Promise((resolve) => void after(ms, resolve)),
    };
    this.ids = { uuid: () => uuidOf(this.random) };
    const line = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
      if (this.state !== 'dead') log(level, message, fields);
    };
    this.log = { debug() {}, info: line('info'), warn: line('warn'), error: line('error') };
  }

  get state(): 'running' | 'paused' | 'dead' {
    return this.#state;
  }

  /** It dies at the call of a port that comes as the `calls`th from now, before that has any effect. */
  dieAt(calls: number): void {
    this.#fuse = Math.min(this.#fuse, calls);
  }

  /** To be called at the beginning of each call of a port; false: the process is dead, and the call must neither have an effect nor end. */
  enter(): boolean {
    if (this.#state === 'dead') return false;
    if (--this.#fuse > 0) return true;
    this.kill();
    return false;
  }

  onEnd(end: () => void): void {
    this.#ends.push(end);
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.scheduler.trace(`${this.name} is dead`);
    this.scheduler.forget(this);
    for (const end of this.#ends.splice(0)) end();
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.scheduler.resume(this);
  }

  /** A call of a port: `work` is done elsewhere after a while, also when this process has died by then, and its outcome comes back after a while. */
  ask<T>(what: string, ways: Readonly<{ thereMs: number; backMs: number }>, work: () => Promise<T>): Promise<T> {
    if (!this.enter()) return never();
    return new Promise((resolve, reject) => {
      this.scheduler.after(ways.thereMs, ELSEWHERE, `${what} of ${this.name}`, () => {
        work().then(
          (value) => this.back(ways.backMs, what, () => resolve(value)),
          (error: unknown) => this.back(ways.backMs, what, () => reject(error as Error)),
        );
      });
    });
  }

  back(ms: number, what: string, run: () => void): void {
    this.scheduler.after(ms, this, `answer to ${what}`, run);
  }

  #every(ms: number, run: () => void): Timer {
    let timer: Timer;
    const again = (): void => {
      timer = this.scheduler.after(ms, this, 'timer', () => {
        again();
        run();
      });
    };
    again();
    return { cancel: () => timer.cancel() };
  }
}

const ELSEWHERE: Owner = { name: 'elsewhere', state: 'running' };

export function never<T>(): Promise<T> {
  return new Promise(() => {});
}

export function uuidOf(random: Random): string {
  const hex = (digits: number) =>
    below(random, 16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)}`;
}
