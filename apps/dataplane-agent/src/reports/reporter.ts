/**
 * Reports to the control plane what the kernel holds: NICs at once, tables at most once a second, or as soon as may be where others wait for them. While the control plane is away the newest state of
 * each NIC and table is kept, so what waits is bounded by what this host has; a report that was not taken is sent again, with what came since.
 */
import type { Clock, Random, Timer } from '@weft/api';
import { Backoff } from '@weft/bus';
import type { Logger } from '@weft/service';
import type { AppliedReport, ControlPlane } from '../agent/control-plane.ts';

export type ReportTiming = Readonly<{
  /** At least this long between two reports of tables. */
  appliedEveryMs: number;
  /** … where somebody waits for what is to be reported. */
  awaitedEveryMs: number;
  retryMs: number;
  retryMsMax: number;
}>;
export const REPORT_TIMING: ReportTiming = { appliedEveryMs: 1_000, awaitedEveryMs: 20, retryMs: 100, retryMsMax: 10_000 };

/** NICs in one report: well below the largest message. */
const NICS_MAX = 500;

export type ReporterOptions = Readonly<{
  controlPlane: ControlPlane;
  clock: Clock;
  random: Random;
  log: Logger;
  timing?: ReportTiming;
  /** What has to be reported about tables now; undefined: nothing new. */
  applied: () => AppliedReport | undefined;
  /** Whether somebody waits for some of it. */
  isAwaited: () => boolean;
  /** It was taken. */
  onApplied: (report: AppliedReport) => void;
}>;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #timing: ReportTiming;
  /** NIC -> position of the row that the kernel reflects. */
  readonly #waiting = new Map<string, string>();
  readonly #taken = new Map<string, string>();
  #stopped = false;
  #sendingNics = false;
  #sendingApplied = false;
  #appliedSentMs = Number.NEGATIVE_INFINITY;
  #retrying = false;
  #nicsTimer: Timer | undefined;
  #appliedTimer: Timer | undefined;
  readonly #nicBackoff: Backoff;
  readonly #appliedBackoff: Backoff;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#timing = options.timing ?? REPORT_TIMING;
    this.#nicBackoff = new Backoff(this.#timing.retryMs, this.#timing.retryMsMax, options.random);
    this.#appliedBackoff = new Backoff(this.#timing.appliedEveryMs, this.#timing.retryMsMax, options.random);
  }

  /** The kernel holds this NIC's port, up, as of `position`. A repeat does nothing. */
  programmed(nic: string, position: string): void {
    if (this.#taken.get(nic) === position) return;
    this.#waiting.set(nic, position);
    this.#sendNics();
  }

  /** The NIC is no longer here. */
  gone(nic: string): void {
    this.#waiting.delete(nic);
    this.#taken.delete(nic);
  }

  /** The control plane may have forgotten (an older log was restored): each NIC is reported again at its next `programmed`. */
  forget(): void {
    this.#taken.clear();
  }

  /** There may be something new about tables. */
  appliedChanged(): void {
    if (this.#stopped || this.#sendingApplied || this.#retrying) return;
    if (this.#appliedTimer !== undefined && !this.#options.isAwaited()) return;
    this.#appliedTimer?.cancel();
    this.#appliedTimer = undefined;
    const waitMs = this.#appliedSentMs + this.#everyMs - this.#options.clock.monotonicMs();
    if (waitMs <= 0) this.#sendApplied();
    else this.#appliedIn(waitMs);
  }

  get #everyMs(): number {
    return this.#options.isAwaited() ? this.#timing.awaitedEveryMs : this.#timing.appliedEveryMs;
  }

  /** NICs whose report waits. */
  get waiting(): number {
    return this.#waiting.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#nicsTimer?.cancel();
    this.#appliedTimer?.cancel();
  }

  #sendNics(): void {
    if (this.#stopped || this.#sendingNics || this.#nicsTimer !== undefined || this.#waiting.size === 0) return;
    this.#sendingNics = true;
    // What settles in one turn of the event loop is sent together.
    this.#options.clock.soon(() => void this.#sendSomeNics());
  }

  async #sendSomeNics(): Promise<void> {
    const batch = [...this.#waiting].slice(0, NICS_MAX).map(([nic, position]) => ({ nic, position }));
    const taken = batch.length > 0 && !this.#stopped && (await this.#try(() => this.#options.controlPlane.reportProgrammed(batch)));
    this.#sendingNics = false;
    if (this.#stopped || batch.length === 0) return;
    if (!taken) {
      this.#nicsTimer = this.#options.clock.after(this.#nicBackoff.nextMs(), () => {
        this.#nicsTimer = undefined;
        this.#sendNics();
      });
      return;
    }
    this.#nicBackoff.reset();
    for (const { nic, position } of batch) {
      // A NIC that left meanwhile, or moved on, is not marked.
      if (this.#waiting.get(nic) !== position) continue;
      this.#waiting.delete(nic);
      this.#taken.set(nic, position);
    }
    this.#sendNics();
  }

  #appliedIn(ms: number): void {
    this.#appliedTimer = this.#options.clock.after(ms, () => {
      this.#appliedTimer = undefined;
      this.#retrying = false;
      this.#sendApplied();
    });
  }

  #sendApplied(): void {
    const { applied, controlPlane, onApplied, clock } = this.#options;
    const report = applied();
    if (this.#stopped || report === undefined) return;
    this.#sendingApplied = true;
    void this.#try(() => controlPlane.reportApplied(report)).then((taken) => {
      this.#sendingApplied = false;
      this.#appliedSentMs = clock.monotonicMs();
      if (this.#stopped) return;
      if (!taken) {
        this.#retrying = true;
        return this.#appliedIn(this.#appliedBackoff.nextMs());
      }
      this.#appliedBackoff.reset();
      onApplied(report);
      if (applied() !== undefined) this.#appliedIn(this.#everyMs);
    });
  }

  async #try(send: () => Promise<boolean>): Promise<boolean> {
    try {
      return await send();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'report failed');
      return false;
    }
  }
}
