/**
 * The work under one registration: mirrors the rows, keeps the kernel as they describe it, and reports. Ends when the identity ends.
 *
 *   rows --(RowMirror: compile)--> changes --(KernelSync)--> driver
 *                                                |
 *                          Reporter <------------+--> what is programmed, what is applied
 */
import { type Clock, type JsonObject, type Random, SpareTime } from '@weft/api';
import type { RowSubscriber } from '@weft/bus';
import { type Driver, type HostIdentity, type KernelChange, placementsTable, wholeTableOf } from '@weft/fabric';
import type { Logger } from '@weft/service';
import { TargetChecks } from '../checks/target-checks.ts';
import { foremost } from '../kernel/foremost.ts';
import { KERNEL_TIMING, type Drift as KernelDrift, KernelSync, type KernelTiming, type Noted } from '../kernel/kernel-sync.ts';
import { type AskedEntries, driftText, type ShownEntries, shownEntries } from '../kernel/shown-entries.ts';
import { LiveProbes } from '../live/live-probes.ts';
import { AppliedTables } from '../reports/applied-tables.ts';
import { REPORT_TIMING, Reporter, type ReportTiming } from '../reports/reporter.ts';
import { StagedCounts } from '../reports/staged-counts.ts';
import { RowMirror } from '../rows/row-mirror.ts';
import type { AppliedReport, ControlPlane, Drift, Heartbeat, Trouble } from './control-plane.ts';

export type HostRunOptions = Readonly<{
  identity: HostIdentity;
  driver: Driver;
  subscriber: RowSubscriber;
  controlPlane: ControlPlane;
  clock: Clock;
  random: Random;
  log: Logger;
  kernelTiming?: KernelTiming;
  reportTiming?: ReportTiming;
  /** Everything followed is complete for the first time: what the kernel holds beyond it may go. */
  onComplete?: () => void;
  /** What is there of former numbers is in the way: nothing is written before rows are complete and this has resolved. It never rejects. */
  clearFirst?: () => Promise<void>;
  /** False when positions that the kernel carries come from another log: no link is left up by them. */
  adoptLinks?: boolean;
}>;

/** Faults that a report, or a list of problems, names. */
const FAULTS_MAX = 5;
/** A change that has waited for less is being worked on and does not count as lag. */
const LAG_MS_MIN = 1_000;
/** How long objects are checked once more, each second. */
const AUDIT_MS = 2;

export class HostRun {
  readonly #options: HostRunOptions;
  readonly #sync: KernelSync;
  readonly #mirror: RowMirror;
  readonly #reporter: Reporter;
  readonly #tables: AppliedTables;
  readonly #checks: TargetChecks;
  readonly #staged: StagedCounts;
  readonly #probes: LiveProbes;
  /** Highest gapless position at which nothing waited for the kernel. */
  #position = 0n;
  #gapless = 0n;
  /** What the last report contained besides tables. */
  #reportedPending = false;
  #reportedFaults = '';
  readonly #spare = new SpareTime();
  #started = false;
  /** Not reported yet: the oldest, and all that came since. */
  #drifts: readonly Drift[] = [];
  /** Nothing of a former number is in the way. */
  #clear: boolean;
  /** The kernel has been brought to complete rows once. */
  #compared = false;

  constructor(options: HostRunOptions) {
    const { identity, driver, subscriber, clock, random, log, controlPlane } = options;
    this.#options = options;
    this.#clear = options.clearFirst === undefined;
    this.#tables = new AppliedTables(identity.host);
    this.#mirror = new RowMirror({
      identity,
      subscriber,
      clock,
      log,
      actual: { get: (key: string) => (options.adoptLinks === false ? undefined : this.#sync.actual.get(key)) },
      onChange: (change, table, rev, delivered, awaited) => {
        this.#tables.noted(table, rev, this.#changed(change), clock.now(), delivered, awaited);
      },
      onLeft: (table) => this.#tables.left(table),
      onProgress: () => this.#progressed(),
    });
    this.#staged = new StagedCounts({ driver, clock, report: (report) => controlPlane.reportStaged(report) });
    this.#probes = new LiveProbes({ driver, clock, nics: () => this.#nics() });
    this.#checks = new TargetChecks({ driver, controlPlane, clock, random });
    this.#mirror.compiler.checks.listen((key, _, check) => this.#checks.set(key, check));
    this.#sync = new KernelSync({
      driver,
      desired: this.#mirror.compiler.state,
      waitsFor: (key) => {
        if (!this.#clear) return 'former numbers';
        const table = wholeTableOf(key);
        return table !== undefined && (!this.#sync.removalsAllowed || this.#mirror.isAmid(table)) ? table : undefined;
      },
      clock,
      random,
      log,
      timing: options.kernelTiming ?? KERNEL_TIMING,
      onSettled: (keys) => this.#settled(keys),
      onDrift: (drifts) => this.#drifted(drifts),
    });
    this.#reporter = new Reporter({
      controlPlane,
      clock,
      random,
      log,
      timing: options.reportTiming ?? REPORT_TIMING,
      applied: () => this.#unreported(),
      isAwaited: () => this.#tables.isAwaited,
      onApplied: (report) => this.#appliedTaken(report),
    });
  }

  /** Resolves when the kernel was read and the tables are followed. */
  async start(): Promise<void> {
    await this.#sync.start();
    this.#started = true;
    this.#mirror.start();
  }

  /** The kernel stays as it is. */
  async stop(): Promise<void> {
    this.#mirror.stop();
    this.#reporter.stop();
    this.#checks.stop();
    await this.#probes.stop();
    await this.#sync.stop();
  }

  /** Whether the table of hosts, when it is complete, holds this identity. */
  get isKnown(): boolean {
    return this.#mirror.ownRow === 'same' || this.#mirror.ownRow === 'unknown';
  }

  /** Called once a second: a lag that lasts has to be reported too, and a rev that moved without a change of rows. */
  heartbeat(): Heartbeat {
    this.#audit();
    this.#staged.tick(() => this.#nics());
    this.#noteRevs();
    if (this.#sync.removalsAllowed) this.#reporter.appliedChanged();
    const pendingSince = this.#lag;
    const pending = this.#tables.pending + this.#sync.failures.size + this.#reporter.waiting;
    const { trouble } = this;
    return {
      position: this.#position,
      pending,
      starting: !this.#compared,
      ...(pendingSince !== undefined && { pendingSince }),
      ...(trouble !== undefined && { trouble }),
    };
  }

  /** Why the kernel cannot be relied on. What it refuses is reported with what is applied. */
  get trouble(): Trouble | undefined {
    const { readFault } = this.#sync;
    return readFault === undefined ? undefined : { reason: 'KernelUnreadable', message: `the kernel cannot be read: ${readFault}` };
  }

  /** What the kernel should hold and holds. */
  entries(asked: AskedEntries): Promise<ShownEntries> {
    const { actual, failures } = this.#sync;
    const holds = (key: string): boolean => this.#sync.holds(key);
    return shownEntries({ desired: this.#mirror.compiler.state, actual, failures, holds }, asked, this.#options.clock);
  }

  /** What a gateway asks of a live probe. */
  live(asked: JsonObject): Promise<JsonObject> {
    return this.#probes.answer(asked);
  }

  /** Something has changed that the kernel is read for: it is read as soon as may be. */
  resync(): void {
    this.#sync.resync();
  }

  /** Empty when the rows are known to be complete and the kernel can be brought to them; what it refuses of them is reported separately. */
  problems(): readonly string[] {
    const problems: string[] = [];
    const { trouble } = this;
    if (trouble !== undefined) problems.push(trouble.message);
    else if (!this.#started) problems.push('the kernel is being read');
    else if (!this.#sync.removalsAllowed) problems.push('waiting for complete rows from the control plane');
    else if (!this.#clear) problems.push('what it left under a former number is being removed');
    const { silent } = this.#mirror;
    if (this.#started && silent.length > 0) problems.push(`no gapless rows from ${silent.join(', ')}: new links stay down`);
    const { faults } = this.#mirror.compiler;
    if (faults.length > 0) problems.push(`kernel objects cannot be made: ${faults.slice(0, FAULTS_MAX).join('; ')}`);
    return problems;
  }

  #nics(): readonly string[] {
    return this.#mirror.compiler.keysOf(placementsTable(this.#options.identity.host));
  }

  /** Not while rows come, which needs the time itself: but for a turn now and then. */
  #audit(): void {
    const { clock } = this.#options;
    if (!this.#spare.isNow({ position: this.#gapless, nowMs: clock.monotonicMs(), works: this.#tables.pending > 0 })) return;
    const { findings, change } = this.#mirror.compiler.auditSlice(AUDIT_MS);
    for (const { collection, key, what } of findings)
      this.#options.log.error({ collection, key, what }, 'a kernel object was not as the rows say; it is made anew');
    if (findings.length > 0) this.#changed(change);
  }

  #changed(change: KernelChange): Noted {
    this.#staged.noted(change);
    for (const object of change.remove) if (object.kind === 'port') this.#reporter.gone(object.nic);
    return this.#sync.note(change);
  }

  #progressed(): void {
    const gate = this.#mirror.gate;
    if (gate !== undefined) {
      // A log that goes backwards is an older one that was restored: its control plane may not know what was reported to it.
      if (gate < this.#gapless) {
        this.#reporter.forget();
        this.#tables.rewound();
      }
      this.#gapless = gate;
      this.#mark();
    }
    if (!this.#sync.removalsAllowed && this.#mirror.complete) {
      this.#sync.allowRemovals();
      this.#options.onComplete?.();
      void this.#options.clearFirst?.().then(() => {
        this.#clear = true;
        this.#sync.proceed();
      });
      this.#noteRevs();
      this.#settled([]);
    }
  }

  /** An empty table, or one whose rows are the same at a later rev, brings no change, but others may wait for this host to reach that rev. */
  #noteRevs(): void {
    let moved = false;
    for (const { table, rev } of this.#mirror.completeTables())
      moved = this.#tables.reached(table, rev, this.#options.clock.now()) || moved;
    if (moved) this.#settled([]);
  }

  #mark(): void {
    if (this.#sync.removalsAllowed && this.#sync.failures.size === 0 && this.#sync.isAnswered()) this.#position = this.#gapless;
  }

  #settled(keys: Iterable<string>): void {
    for (const key of keys) {
      const object = this.#mirror.compiler.state.get(key);
      if (object?.kind === 'port' && object.up && this.#sync.holds(key)) this.#reporter.programmed(object.nic, object.position);
    }
    if (!this.#sync.removalsAllowed) return;
    if (this.#sync.isAnswered()) this.#compared = true;
    // What a former run left may be there still, in networks of which no row comes any more: nobody is told that it has gone.
    if (!this.#compared) return;
    this.#tables.settled((lane, note) => this.#sync.isAnswered(lane, note), this.#sync.failedGroups, this.#options.clock.now());
    this.#mark();
    this.#reporter.appliedChanged();
  }

  // ---- the report about tables ----

  #drifted(found: readonly KernelDrift[]): void {
    const [oldest, since] = this.#drifts;
    const keyOf = ({ key }: Readonly<{ key: string }>): string => key;
    const entries = foremost(found, keyOf, FAULTS_MAX).map(({ key, before, after, part }) => ({ key, ...driftText(before, after, part) }));
    const drift = {
      at: this.#options.clock.now(),
      count: (since?.count ?? 0) + found.length,
      entries: foremost([...(since?.entries ?? []), ...entries], keyOf, FAULTS_MAX),
    };
    this.#drifts = oldest === undefined ? [drift] : [oldest, drift];
    this.#reporter.appliedChanged();
  }

  get #lag(): Date | undefined {
    const { pendingSince } = this.#tables;
    const { clock } = this.#options;
    return pendingSince !== undefined && clock.now().getTime() - pendingSince.getTime() >= LAG_MS_MIN ? pendingSince : undefined;
  }

  #unreported(): AppliedReport | undefined {
    const { unreported: tables, stages } = this.#tables;
    const pendingSince = this.#lag;
    const faults = firstOf(this.#sync.failuresToTell, FAULTS_MAX);
    const [drift] = this.#drifts;
    const same =
      drift === undefined &&
      tables.size === 0 &&
      (pendingSince !== undefined) === this.#reportedPending &&
      faultsText(faults) === this.#reportedFaults;
    if (same) return undefined;
    const optional = {
      ...(pendingSince !== undefined && { pendingSince }),
      ...(stages !== undefined && { stages }),
      ...(drift && { drift }),
    };
    return { tables: new Map(tables), position: this.#position, ...optional, faults };
  }

  #appliedTaken(report: AppliedReport): void {
    this.#tables.reported(report.tables);
    if (report.drift !== undefined) this.#drifts = this.#drifts.slice(1);
    this.#reportedPending = report.pendingSince !== undefined;
    this.#reportedFaults = faultsText(report.faults);
  }
}

/** Without the number of attempts, which always grows. */
function faultsText(faults: AppliedReport['faults']): string {
  return JSON.stringify(faults.map(({ key, what, detail }) => [key, what, detail]));
}

function firstOf<V>(values: Iterable<V>, max: number): readonly V[] {
  const first: V[] = [];
  for (const value of values) {
    if (first.length === max) break;
    first.push(value);
  }
  return first;
}
