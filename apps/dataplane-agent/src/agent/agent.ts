/**
 * The agent of one host: registers it, then works under the identity it got, until it is stopped or the identity ends.
 *
 *   registering --> reading the kernel --> working --(own row gone or different)--> registering …
 *
 * Whatever happens above, the kernel keeps forwarding: nothing is removed because something cannot be reached.
 */
import { type Clock, Nap, type Random, type Timer } from '@weft/api';
import { Backoff, type RowSubscriber } from '@weft/bus';
import type { Driver, HostIdentity } from '@weft/fabric';
import type { Logger, Part } from '@weft/service';
import { HostLockedError } from '../host/host-lock.ts';
import { type UnderlayLink, underlayTrouble } from '../host/underlay-link.ts';
import type { KernelTiming } from '../kernel/kernel-sync.ts';
import { objectOfKey } from '../kernel/object-of-key.ts';
import type { ReportTiming } from '../reports/reporter.ts';
import type { ControlPlane, Heartbeat, HostHealth } from './control-plane.ts';
import { HostRun } from './host-run.ts';

/** What a former run wrote down: the identity under which it programmed the kernel, and earlier ones of which something may be there still. May be lost. */
export type Former = Readonly<{ identity: HostIdentity; storeId?: string; earlier?: readonly HostIdentity[] }>;

export interface FormerStore {
  load(): Promise<Former | undefined>;
  save(former: Former): Promise<void>;
}

export type AgentTiming = Readonly<{
  heartbeatMs: number;
  registerRetryMs: number;
  registerRetryMsMax: number;
  /** How long the table of hosts may lag behind a registration. */
  ownRowMsMax: number;
}>;
export const AGENT_TIMING: AgentTiming = { heartbeatMs: 1_000, registerRetryMs: 200, registerRetryMsMax: 5_000, ownRowMsMax: 10_000 };

export type AgentOptions = Readonly<{
  host: string;
  /** Address that other hosts reach this one by. */
  underlay: string;
  /** The device that has this address; undefined when none has. Rejects when that cannot be told. */
  underlayLink: (address: string) => Promise<UnderlayLink | undefined>;
  /** The address in place of one that no device has any more; rejects when it cannot be told. Absent: the address was given, and stays. */
  findUnderlay?: () => Promise<string>;
  controlPlane: ControlPlane;
  /** A new one for each registration; the agent closes it. */
  openRows: () => RowSubscriber;
  /** A driver for the namespaces of this identity; the agent closes it. */
  openDriver: (identity: HostIdentity) => Promise<Driver>;
  former: FormerStore;
  clock: Clock;
  /** For pauses. */
  random: Random;
  log: Logger;
  timing?: AgentTiming;
  kernelTiming?: KernelTiming;
  reportTiming?: ReportTiming;
}>;

type Working = Readonly<{ identity: HostIdentity; run: HostRun; driver: Driver; rows: RowSubscriber }>;

export class Agent implements Part {
  readonly name: string;
  readonly #options: AgentOptions;
  readonly #timing: AgentTiming;
  readonly #backoff: Backoff;
  #state: 'idle' | 'registering' | 'starting' | 'working' | 'stopped' = 'idle';
  /** Why registration does not continue. */
  #obstacle: string | undefined;
  #refused = false;
  #working: Working | undefined;
  /** From registration on; heartbeats are sent as this host. */
  #registered = false;
  #underlay: string;
  /** As it was looked at last. */
  #health: HostHealth = {};
  #looking: Promise<void> | undefined;
  #transition: Promise<void> = Promise.resolve();
  #cleaning: Promise<void> = Promise.resolve();
  #cleaningTimer: Timer | undefined;
  #cleaningFault: string | undefined;
  #stopping: Promise<void> | undefined;
  #beatTimer: Timer | undefined;
  /** Before something is tried again. */
  readonly #nap: Nap;
  #ownRowLostMs: number | undefined;
  /** Ends the answers about entries and live probes. */
  #answering: (() => void) | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#underlay = options.underlay;
    this.#timing = options.timing ?? AGENT_TIMING;
    this.#nap = new Nap(options.clock);
    this.name = `agent of ${options.host}`;
    this.#backoff = new Backoff(this.#timing.registerRetryMs, this.#timing.registerRetryMsMax, options.random);
  }

  /** Begins; registration continues in the background until it succeeds. */
  async start(): Promise<void> {
    if (this.#state !== 'idle') return;
    const { controlPlane } = this.#options;
    const atWork = (): HostRun => {
      if (this.#working === undefined) throw new Error(`the agent is not at work: ${this.problems().join('; ')}`);
      return this.#working.run;
    };
    const ends = [
      controlPlane.answerEntries(async (asked) => atWork().entries(asked)),
      controlPlane.answerLive(async (asked) => atWork().live(asked)),
    ];
    this.#answering = () => {
      for (const end of ends) end();
    };
    this.#begin();
  }

  /** A repeat waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // A registration that is under way changes nothing here, and its answer may take long.
    const underWay = this.#state === 'registering' ? undefined : this.#transition;
    this.#state = 'stopped';
    this.#answering?.();
    this.#beatTimer?.cancel();
    this.#nap.wake();
    // A start that waits for a kernel that cannot be read ends only when its run is stopped.
    await this.#working?.run.stop();
    await underWay;
    await this.#endWork();
  }

  problems(): readonly string[] {
    switch (this.#state) {
      case 'idle':
        return ['not started'];
      case 'stopped':
        return ['stopped'];
      case 'registering':
        return [this.#obstacle ?? `registering host ${this.#options.host}`];
      default:
        return [
          ...(this.#health.trouble === undefined ? [] : [this.#health.trouble.message]),
          ...(this.#working === undefined ? [this.#obstacle ?? 'the driver is being prepared'] : this.#working.run.problems()),
        ];
    }
  }

  /** Why the control plane refuses this host at present: its name or address belongs to another one. */
  get refusal(): string | undefined {
    return this.#refused ? this.#obstacle : undefined;
  }
  get identity(): HostIdentity | undefined {
    return this.#working?.identity;
  }
  /** Of the run at work: for tests and for `problems`. */
  get run(): HostRun | undefined {
    return this.#working?.run;
  }

  #begin(): void {
    this.#transition = this.#life().catch((error: unknown) => {
      this.#noteObstacle(error);
      if (this.#stopped) return;
      this.#state = 'registering';
      void this.#pause().then(() => {
        if (!this.#stopped) this.#begin();
      });
    });
  }

  /** Logged once, however often it is met. */
  #noteObstacle(error: unknown): void {
    const obstacle = error instanceof Error ? error.message : String(error);
    if (obstacle !== this.#obstacle) this.#options.log.error({ err: error, hostId: this.#options.host }, 'agent cannot work');
    this.#obstacle = obstacle;
  }

  get #stopped(): boolean {
    return this.#state === 'stopped';
  }

  async #life(): Promise<void> {
    this.#state = 'registering';
    const registered = await this.#register();
    if (registered === undefined) return;
    this.#state = 'starting';
    this.#registered = true;
    this.#beat();
    const { identity, storeId } = registered;
    const former = await this.#options.former.load();
    const log = storeId ?? former?.storeId;
    const otherLog = former?.storeId !== undefined && storeId !== undefined && former.storeId !== storeId;
    if (otherLog) {
      this.#options.log.warn({ hostId: identity.host, former: former?.storeId, storeId }, 'another log: kept positions mean nothing');
    }
    const driver = await this.#open(identity);
    if (driver === undefined) return this.#stopped ? undefined : this.#life();
    // Not earlier: had the driver been refused because another agent works under this number, its objects would count as ours to remove later.
    const earlier = [...(former?.earlier ?? []), ...(former === undefined ? [] : [former.identity])].filter(
      ({ index }) => index !== identity.index,
    );
    const remember = (left: readonly HostIdentity[]): Promise<void> =>
      this.#options.former
        .save({ identity, ...(log !== undefined && { storeId: log }), ...(left.length > 0 && { earlier: left }) })
        .catch((error: unknown) => this.#options.log.warn({ err: error, hostId: identity.host }, 'cannot remember under which number'));
    await remember(earlier);
    if (this.#stopped) return driver.close();
    const rows = this.#options.openRows();
    const run = new HostRun({
      ...this.#options,
      identity,
      driver,
      subscriber: rows,
      adoptLinks: !otherLog,
      onComplete: () => this.#options.log.info({ hostId: identity.host, index: identity.index }, 'rows are complete'),
      ...(earlier.length > 0 && { clearFirst: () => this.#removeEarlier(earlier, remember) }),
    });
    this.#working = { identity, run, driver, rows };
    this.#ownRowLostMs = undefined;
    await run.start();
    if (this.#stopped) return;
    this.#backoff.reset();
    this.#obstacle = undefined;
    this.#state = 'working';
  }

  /**
   * Tries until it succeeds; heartbeats say meanwhile what is in the way. Undefined when the agent is stopped, or when it took a while: the host may
   * be another one by then.
   */
  async #open(identity: HostIdentity): Promise<Driver | undefined> {
    for (let attempt = 0; !this.#stopped; attempt++) {
      try {
        const driver = await this.#options.openDriver(identity);
        if (attempt === 0 && !this.#stopped) return driver;
        await driver.close();
        return undefined;
      } catch (error) {
        this.#noteObstacle(error);
        if (!this.#stopped) await this.#pause();
      }
    }
    return undefined;
  }

  /** Until it succeeds; undefined when the agent is stopped meanwhile. */
  async #register(): Promise<{ identity: HostIdentity; storeId?: string } | undefined> {
    const { controlPlane, host, log } = this.#options;
    this.#registered = false;
    while (!this.#stopped) {
      await this.#look();
      const answer = await controlPlane.register(this.#underlay, this.#health);
      if (this.#stopped) return undefined;
      if (answer.outcome === 'registered') {
        // Whether the driver works is seen later: pauses keep growing until it does.
        this.#refused = false;
        this.#obstacle = undefined;
        log.info({ hostId: host, index: answer.identity.index, underlay: answer.identity.underlay }, 'host registered');
        return answer;
      }
      this.#refused = answer.outcome === 'refused';
      const obstacle = this.#refused
        ? `registration of host ${host} is refused: ${answer.why}`
        : `control plane not reached: ${answer.why}`;
      if (obstacle !== this.#obstacle) log[this.#refused ? 'error' : 'warn']({ hostId: host, why: answer.why }, 'host not registered');
      this.#obstacle = obstacle;
      await this.#pause();
    }
    return undefined;
  }

  #pause(): Promise<void> {
    return this.#nap.pause(this.#backoff.nextMs());
  }

  /** Once a second from registration on. */
  #beat(): void {
    this.#beatTimer?.cancel();
    if (!this.#registered || this.#stopped) return;
    const { controlPlane, clock } = this.#options;
    const work = this.#working;
    const of = work === undefined ? this.#unopened() : work.run.heartbeat();
    controlPlane.heartbeat({ ...of, ...this.#health });
    this.#beatTimer = clock.after(this.#timing.heartbeatMs, () => this.#beat());
    void this.#look();
    if (work === undefined) return;
    // As after a restart: other hosts learn the address by the registration, and what the kernel has of the former one differs from what it should have.
    if (this.#state === 'working' && work.identity.underlay !== this.#underlay) this.#beginAnew();
    else this.#checkIdentity(work.run.isKnown);
  }

  /** While there is no driver. */
  #unopened(): Heartbeat {
    const trouble = this.#obstacle === undefined ? {} : { trouble: { reason: 'DriverUnavailable', message: this.#obstacle } };
    return { position: 0n, pending: 1, starting: true, ...trouble };
  }

  /** Looks at the underlay; a look that is under way is shared. The kernel is read again when the device or its MTU has changed. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const { underlayLink, log, host } = this.#options;
    const before = this.#health;
    try {
      let link = await underlayLink(this.#underlay);
      if (link === undefined && (await this.#followUnderlay())) link = await underlayLink(this.#underlay);
      const trouble = underlayTrouble(this.#underlay, link);
      this.#health = { ...(trouble !== undefined && { trouble }), ...(link !== undefined && { mtu: link.mtu }) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#health = { trouble: { reason: 'UnderlayUnknown', message: `the underlay cannot be looked at: ${message.slice(0, 256)}` } };
    }
    const { trouble, mtu } = this.#health;
    if (trouble?.message === before.trouble?.message && mtu === before.mtu) return;
    if (trouble !== undefined) log.error({ hostId: host, reason: trouble.reason, detail: trouble.message }, 'underlay does not carry');
    else if (before.trouble !== undefined) log.info({ hostId: host }, 'underlay carries again');
    this.#working?.run.resync();
  }

  /** Whether the host has another address by now: the agent takes that one. */
  async #followUnderlay(): Promise<boolean> {
    const { findUnderlay, log, host } = this.#options;
    // An address that cannot be told is one more reason to say that the present one is missing.
    const found = await findUnderlay?.().catch(() => undefined);
    if (found === undefined || found === this.#underlay || this.#stopped) return false;
    log.warn({ hostId: host, former: this.#underlay, underlay: found }, 'underlay address has changed');
    this.#underlay = found;
    return true;
  }

  /** The table of hosts may lag behind the registration; when our row stays missing, we are no longer registered. */
  #checkIdentity(isKnown: boolean): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (isKnown) {
      this.#ownRowLostMs = undefined;
      return;
    }
    this.#ownRowLostMs ??= nowMs;
    if (nowMs - this.#ownRowLostMs < this.#timing.ownRowMsMax || this.#state !== 'working') return;
    this.#options.log.warn({ hostId: this.#options.host }, 'host is not in the table of hosts');
    this.#beginAnew();
  }

  /** The kernel stays as it is meanwhile. */
  #beginAnew(): void {
    this.#state = 'starting';
    this.#transition = this.#endWork().then(() => {
      if (!this.#stopped) this.#begin();
    });
  }

  async #endWork(): Promise<void> {
    this.#registered = false;
    this.#beatTimer?.cancel();
    const work = this.#working;
    this.#working = undefined;
    this.#cleaningTimer?.cancel();
    if (work === undefined) return;
    await work.run.stop();
    await work.rows.close();
    await work.driver.close();
    await this.#cleaning;
  }

  /** Resolves when each was tried once. What cannot be removed is tried again while the present run lasts, and by the next one. */
  #removeEarlier(earlier: readonly HostIdentity[], remember: (left: readonly HostIdentity[]) => Promise<void>): Promise<void> {
    const work = this.#working;
    const remove = async (): Promise<void> => {
      const left: HostIdentity[] = [];
      for (const each of earlier) if (!(await this.#removeFormer(each))) left.push(each);
      if (left.length < earlier.length) await remember(left);
      if (left.length === 0 || this.#working !== work) return;
      this.#cleaningTimer = this.#options.clock.after(this.#timing.registerRetryMsMax, () => void this.#removeEarlier(left, remember));
    };
    this.#cleaning = remove();
    return this.#cleaning;
  }

  /**
   * This host had another number once: its record was deleted, which confirms that nothing is forwarded under it, or the log is another one. Now that
   * the rows are complete, what is left under that number is removed; it holds VNIs that the new routers need, and the table of the underlay guard.
   */
  async #removeFormer(former: HostIdentity): Promise<boolean> {
    const { log, openDriver } = this.#options;
    const said = { hostId: former.host, index: former.index };
    try {
      // Its address may have gone meanwhile, and what is removed does not depend on it.
      const driver = await openDriver({ ...former, underlay: this.#underlay });
      try {
        const { objects, partial } = await driver.read();
        const parts = [...partial.keys()].filter((key) => !objects.has(key)).map(objectOfKey);
        const { failed } = await driver.apply({ put: [], remove: [...objects.values(), ...parts] });
        const [first] = failed;
        if (first !== undefined)
          throw new Error(`${first.key}: ${first.detail}${failed.length > 1 ? `; and ${failed.length - 1} more` : ''}`);
        log.info({ ...said, removed: objects.size + parts.length }, 'former number removed');
        return true;
      } finally {
        await driver.close();
      }
    } catch (error) {
      // Another host's agent works under it by now: what is there is not this one's any more, also once that agent rests.
      if (error instanceof HostLockedError) {
        log.warn({ err: error, ...said }, 'another agent works under a former number; nothing under it is removed');
        return true;
      }
      const fault = error instanceof Error ? error.message : String(error);
      if (fault !== this.#cleaningFault) log.error({ err: error, ...said }, 'former number cannot be removed');
      this.#cleaningFault = fault;
      return false;
    }
  }
}
