/**
 * All services, a gateway and several agents in one process on a given clock, over a bus and a store that fail, and people who ask for things: unchanged code, in a
 * world that follows from a seed.
 *
 *   decisions(seed) --> commands of people ---> gateway --- bus (loses, doubles, delays) --> services --- store (fails, forgets to answer)
 *                  \--> faults: kill, pause, cut, drift ...                                     \--- rows --> agents --- simulated kernels
 *                                  observer: sees each append, judges each answer;   at the end all faults cease, and all must come to rest
 */
import { type Append, CONTEXTS, type Context, type DomainModule, nameText, registry as registryOf } from '@weft/api';
import { weftDomains } from '@weft/service';
import { below, brokenInvariants, HOSTS, type Random, randomOf } from '@weft/testing';
import { type Decision, decisions, SKEW_MS_MAX } from './decisions.ts';
import { Faults } from './faults.ts';
import { answersTooEarly, doubleHolder } from './lease-watch.ts';
import { Observer } from './observer.ts';
import { People } from './people.ts';
import { problemsAtRest, textOf } from './rest.ts';
import { Scheduler, WORLD } from './scheduler.ts';
import { type SimBus, SimHub } from './sim-bus.ts';
import { SimDisk } from './sim-disk.ts';
import { type KernelWatch, SimHost } from './sim-host.ts';
import { BEGINNING_MS, SimProcess, uuidOf } from './sim-process.ts';
import { type ServiceSpec, SimService } from './sim-service.ts';
import { SimStore, StoreServer } from './sim-store.ts';
import { interfaceInPlaceOfAnother, networkInPlaceOfAnother } from './successors.ts';

export type RunOptions = Readonly<{
  seed: number;
  /** Steps before faults cease. */
  steps: number;
  /** Which decisions are carried out; absent: all. */
  keeps?: (decision: Decision) => boolean;
  domains?: readonly DomainModule[];
  /** What else must not be in the log, and why. */
  forbids?: (append: Append) => string | undefined;
  /** Log lines of the processes, for people. */
  print?: (line: string) => void;
}>;

export type RunReport = Readonly<{
  /** What must hold and did not, in the order of its finding; empty when all is well. */
  failures: readonly string[];
  /** Of everything that happened: the same seed gives the same. */
  digest: string;
  /** All steps, with those until rest. */
  steps: number;
  /** Decisions that were taken, those left out included. */
  decisions: number;
  seconds: number;
  appends: number;
  /** How often each fault struck, and what people did. */
  counts: ReadonlyMap<string, number>;
}>;

const REST_MS_MAX = 180_000;
const LOOK_EVERY_MS = 500;
const KILLED_BY_NOW_MS = 1_500;
const FAILURES_MAX = 20;

/** What a process says in its log when it has found itself wrong. */
const WRONG = [
  'a loop was not asked when it should have been',
  'a row was not as the log says; it is made anew',
  'a kernel object was not as the rows say; it is made anew',
  'a consumer failed and gets no more changes',
  'a loop cannot be asked',
  'an object can only be read from now on',
  'follower ended',
  'rows cannot be audited',
  'leases cannot be sought',
];

/** What a process says of the snapshot that it begins with: counted. */
const SNAPSHOTS = [
  'the fold begins with a snapshot',
  'a snapshot is damaged: it is passed over',
  'no snapshot can be used: the log is folded from its start',
  'a snapshot cannot be written',
];

function layoutOf(seed: number): readonly ServiceSpec[] {
  if (seed % 2 === 0) return ['one', 'other'].map((name) => ({ name, contexts: CONTEXTS, gateway: true }));
  const alone = (name: string, ...contexts: Context[]): ServiceSpec => ({ name, contexts, gateway: false });
  const gateway: ServiceSpec = { name: 'gateway', contexts: [], gateway: true };
  return [alone('network-1', 'network'), alone('network-2', 'network'), alone('ipam', 'ipam'), alone('lb-policy', 'lb', 'policy'), gateway];
}

type Somebody = Readonly<{ process: SimProcess; bus: SimBus }>;

/** A process of the control plane, which is there or not. */
type Place = { readonly spec: ServiceSpec; readonly disk: SimDisk; running: SimService | undefined; lives: number };

export async function simulate(options: RunOptions): Promise<RunReport> {
  const simulation = new Simulation(options);
  return simulation.run();
}

class Simulation {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #failures: string[] = [];
  readonly #scheduler: Scheduler;
  readonly #faults: Faults;
  readonly #hub: SimHub;
  readonly #observer: Observer;
  readonly #people: People;
  readonly #hosts: readonly SimHost[];
  readonly #places: readonly Place[];
  readonly #domains: readonly DomainModule[];
  #server!: StoreServer;
  #decided = 0;
  /** By how much wall clocks are ahead of the time that has passed. */
  #leapMs = 0;
  #agentLives = 0;
  /** What ends the faults that last. */
  readonly #ends = new Set<() => void>();

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = randomOf(options.seed + 2);
    this.#domains = options.domains ?? weftDomains;
    const fault = (error: unknown, what: string) =>
      this.#fail(`${what} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    this.#scheduler = new Scheduler(fault);
    this.#faults = new Faults(randomOf(options.seed + 3), () => this.#scheduler.nowMs);
    this.#hub = new SimHub(this.#scheduler, this.#faults, fault);
    const observer = new Observer(registryOf(this.#domains), {
      fail: (what) => this.#fail(what),
      nowMs: () => this.#scheduler.nowMs,
      hosts: () => this.#hosts,
    });
    this.#observer = observer;
    this.#people = new People({ scheduler: this.#scheduler, faults: this.#faults, observer, services: () => this.#services });
    const watch: KernelWatch = {
      put: (host, index, object) => observer.kernels.judgePut(host, index, object),
      remove: (host, index, key) => observer.kernels.judgeRemove(host, index, key),
    };
    this.#hosts = HOSTS.map((name, i) => new SimHost(name, `192.0.2.${i + 1}`, this.#faults, watch));
    const disks = [new SimDisk(this.#faults), new SimDisk(this.#faults)] as const;
    this.#places = layoutOf(options.seed).map((spec, i) => ({ spec, disk: disks[i % 2] as SimDisk, running: undefined, lives: 0 }));
  }

  async run(): Promise<RunReport> {
    const { seed, steps } = this.#options;
    const rejected = (error: unknown) =>
      this.#fail(`nobody caught ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.on('unhandledRejection', rejected);
    try {
      const random = randomOf(seed + 4);
      const worldClock = new SimProcess({
        name: 'store clock',
        scheduler: this.#scheduler,
        seed,
        skewMs: 0,
        rate: 1,
        leapMs: () => this.#leapMs,
        log: () => {},
      }).clock;
      this.#server = await StoreServer.open(this.#scheduler, this.#faults, { clock: worldClock, ids: () => uuidOf(random) }, (append) => {
        this.#scheduler.trace(textOf(append));
        this.#observer.take(append);
        const why = this.#options.forbids?.(append);
        if (why !== undefined) this.#fail(why);
      });
      for (const place of this.#places) this.#startService(place);
      for (const host of this.#hosts) this.#startAgent(host);
      this.#planNext(decisions(seed));
      while (this.#scheduler.steps < steps && this.#failures.length === 0) await this.#step();
      this.#endFaults();
      await this.#rest();
      await this.#deleteAll();
    } finally {
      process.off('unhandledRejection', rejected);
    }
    return {
      failures: this.#failures,
      digest: this.#scheduler.digest,
      steps: this.#scheduler.steps,
      decisions: this.#decided,
      seconds: this.#scheduler.nowMs / 1_000,
      appends: this.#server.appends.length,
      counts: this.#faults.counts,
    };
  }

  #fail(what: string): void {
    if (this.#failures.length < FAILURES_MAX)
      this.#failures.push(`step ${this.#scheduler.steps}, ${Math.round(this.#scheduler.nowMs)} ms: ${what}`);
  }

  // --- processes --------------------------------------------------------------------------------------------------------------------------------

  #newProcess(name: string): SimProcess {
    const random = this.#random;
    return new SimProcess({
      name,
      scheduler: this.#scheduler,
      seed: below(random, 2 ** 31),
      skewMs: below(random, 2 * SKEW_MS_MAX) - SKEW_MS_MAX,
      rate: 1 + (random() - 0.5) / 500,
      leapMs: () => this.#leapMs,
      log: (level, message, fields) => this.#logged(name, level, message, fields),
    });
  }

  #logged(name: string, level: string, message: string, fields: object): void {
    const { print } = this.#options;
    const { err, ...others } = fields as { err?: Error };
    const line = `${name} ${level} ${message} ${textOf(others)}${err === undefined ? '' : ` ${err.message}`}`;
    this.#scheduler.trace(line);
    print?.(`${Math.round(this.#scheduler.nowMs)} ${line}`);
    if (SNAPSHOTS.includes(message)) this.#faults.count(message);
    if (WRONG.includes(message)) this.#fail(`${line} ${err?.stack ?? ''}`);
  }

  #startService(place: Place): void {
    const process = this.#newProcess(`${place.spec.name}#${++place.lives}`);
    const bus = this.#hub.connect(process);
    const service = new SimService(
      place.spec,
      process,
      { bus, store: new SimStore(this.#server, process), disk: place.disk },
      this.#domains,
    );
    place.running = service;
    process.onEnd(() => {
      if (place.running === service) place.running = undefined;
    });
    service.start().catch((error: unknown) => this.#fail(`${process.name} cannot start: ${String(error)}`));
  }

  #startAgent(host: SimHost): void {
    const process = this.#newProcess(`agent-${host.name}#${++this.#agentLives}`);
    process.onEnd(() => {
      if (host.running?.process === process) host.running = undefined;
    });
    host.start(process, this.#hub.connect(process), registryOf(this.#domains), (...of) => this.#observer.rows.watch(...of));
  }

  get #services(): readonly SimService[] {
    return this.#places.flatMap(({ running }) => running ?? []);
  }

  // --- decisions --------------------------------------------------------------------------------------------------------------------------------

  #planNext(plan: Generator<Decision>): void {
    const { value: decision } = plan.next() as { value: Decision };
    this.#scheduler.at(decision.atMs, WORLD, 'decision', () => {
      if (this.#people.isCalm) return;
      this.#decided++;
      if (this.#options.keeps?.(decision) ?? true) {
        this.#options.print?.(`${Math.round(this.#scheduler.nowMs)} decision ${decision.number} ${JSON.stringify(decision.deed)}`);
        this.#carryOut(decision, randomOf(decision.seed));
      }
      this.#planNext(plan);
    });
  }

  #carryOut({ deed }: Decision, random: Random): void {
    switch (deed.of) {
      case 'command':
        if (!this.#people.isHushed) void this.#people.ask(deed.command, random);
        return;
      case 'read':
        if (!this.#people.isHushed) void this.#people.read(random);
        return;
      case 'window':
        this.#lasting(deed.ms, this.#faults.open(deed.window, deed.share));
        return;
      case 'cut':
        this.#cut(this.#someone(random), deed.ms);
        return;
      case 'throw-out':
        this.#pick(random, this.#services)?.store.throwOut(deed.ms);
        this.#faults.count('thrown out');
        return;
      case 'pause': {
        if (this.#standStill(this.#whoPauses(deed.ms, random)?.process, deed.ms))
          this.#faults.count(deed.ms > LEASE_MS_MAX ? 'pause longer than a lease' : 'pause');
        return;
      }
      case 'skew': {
        const process = this.#someone(random)?.process;
        if (process === undefined) return;
        this.#faults.count('skew');
        process.skewMs = deed.ms;
        return;
      }
      case 'leap':
        this.#leap(deed.ms, LEAP_TRIES);
        return;
      case 'kill': {
        const place = this.#pick(random, this.#places.filter(isWorking));
        if (place !== undefined) this.#kill(place.running?.process, deed.calls, deed.ms, () => this.#startService(place));
        return;
      }
      case 'kill-agent': {
        const host = this.#pick(random, this.#hosts.filter(isWorking));
        if (host !== undefined) this.#kill(host.running?.process, deed.calls, deed.ms, () => this.#startAgent(host));
        return;
      }
      case 'stop': {
        const place = this.#pick(random, this.#places.filter(isWorking));
        if (place !== undefined) void this.#stop(place, deed.ms);
        return;
      }
      case 'refuse': {
        const end = this.#pick(random, this.#hosts)?.refuse(random);
        if (end !== undefined) this.#lasting(deed.ms, end);
        return;
      }
      case 'unreadable':
      case 'underlay': {
        const host = this.#pick(random, this.#hosts);
        if (host !== undefined) this.#lasting(deed.ms, deed.of === 'unreadable' ? host.unreadable() : host.underlayDown());
        return;
      }
      case 'new-interface':
      case 'new-network':
        if (!this.#people.isHushed) this.#putInPlace(deed.of, deed.ms, random);
        return;
      case 'drift':
        this.#pick(random, this.#hosts)?.drift(random);
        return;
      case 'disk':
        this.#pick(random, this.#places)?.disk.spoil(deed.fault, random);
        return;
    }
  }

  #pick<T>(random: Random, of: readonly T[]): T | undefined {
    return of[below(random, of.length)];
  }

  #someone(random: Random): Somebody | undefined {
    return this.#pick(random, [...this.#services, ...this.#hosts.flatMap(({ running }) => running ?? [])]);
  }

  #lasting(ms: number, end: () => void): void {
    const once = () => {
      if (this.#ends.delete(once)) end();
    };
    this.#ends.add(once);
    this.#scheduler.after(ms, WORLD, 'end of a fault', once);
  }

  /**
   * All wall clocks go on by as much as nobody waits: what rests for minutes has rested. Nothing that was asked before may arrive after, since requests are recognised
   * for some minutes only.
   */
  #leap(ms: number, tries: number): void {
    const scheduler = this.#scheduler;
    const isFree = !this.#people.areWaiting && !this.#faults.isOpen('delay', 'double');
    this.#people.isHushed = !isFree && tries > 0;
    if (isFree) {
      this.#faults.count('leap');
      this.#leapMs += ms;
    } else if (tries > 0) scheduler.after(LEAP_RETRY_MS, WORLD, 'leap', () => this.#leap(ms, tries - 1));
  }

  /** Longer than a lease: mostly one that holds something. */
  #whoPauses(ms: number, random: Random): Somebody | undefined {
    const holders = this.#services.filter(({ runtimes }) => runtimes.some(({ leases }) => leases.partitions.length > 0));
    return ms > LEASE_MS_MAX && below(random, 4) > 0 ? this.#pick(random, holders) : this.#someone(random);
  }

  /** Whether it does. */
  #standStill(process: SimProcess | undefined, ms: number): boolean {
    if (process?.state !== 'running') return false;
    const sinceMs = this.#scheduler.nowMs;
    process.pause();
    this.#lasting(ms, () => this.#resume(process, sinceMs));
    return true;
  }

  #cut(who: Somebody | undefined, ms: number): void {
    if (who === undefined) return;
    this.#faults.count('cut from the bus');
    this.#faults.messagesFail(this.#scheduler.nowMs + ms);
    who.bus.cut();
    this.#lasting(ms, () => who.bus.restore());
  }

  #kill(process: SimProcess | undefined, calls: number, ms: number, start: () => void): void {
    if (process === undefined || process.isDoomed) return;
    process.isDoomed = true;
    process.onEnd(() => {
      this.#faults.count('kill');
      this.#lasting(ms, () => {
        this.#faults.count('restart');
        start();
      });
    });
    process.dieAt(calls);
    this.#scheduler.after(KILLED_BY_NOW_MS, WORLD, 'kill', () => process.kill());
  }

  /** While an agent stands still, which does not see what has gone. */
  #putInPlace(what: 'new-interface' | 'new-network', ms: number, random: Random): void {
    const { fold } = this.#observer.check;
    const steps = what === 'new-network' ? networkInPlaceOfAnother(fold, random) : interfaceInPlaceOfAnother(fold, random);
    if (steps.length === 0) return;
    this.#faults.count(what);
    this.#standStill(this.#pick(random, this.#hosts)?.running?.process, ms);
    void this.#people.askInTurn(steps, random);
  }

  /** Ends it as a signal does: it finishes, and gives its leases away. */
  async #stop(place: Place, ms: number): Promise<void> {
    const service = place.running;
    if (service?.process.state !== 'running' || service.process.isDoomed) return;
    this.#faults.count('clean stop');
    service.process.isDoomed = true;
    place.running = undefined;
    const { process } = service;
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      process.kill();
      this.#lasting(ms, () => {
        this.#faults.count('restart');
        this.#startService(place);
      });
    };
    process.onEnd(end);
    this.#lasting(STOP_MS_MAX, end);
    await service.stop();
    this.#scheduler.after(0, WORLD, 'end of a process', end);
  }

  // --- rest -------------------------------------------------------------------------------------------------------------------------------------

  #endFaults(): void {
    this.#people.isCalm = true;
    this.#faults.closeAll();
    for (let ended = [...this.#ends]; ended.length > 0; ended = [...this.#ends]) for (const end of ended) end();
  }

  async #step(): Promise<void> {
    await this.#scheduler.step();
    const { nowMs, steps } = this.#scheduler;
    if (steps % LEASES_EVERY === 0 && nowMs - this.#faults.lastOfMessagesMs >= HEARD_MS) this.#judgeLeases();
  }

  /** Before it hears what became of its leases, it is looked at. */
  #resume(process: SimProcess, sinceMs: number): void {
    process.resume();
    const service = this.#services.find((each) => each.process === process);
    this.#found(service && answersTooEarly(service, this.#scheduler.nowMs - sinceMs));
    this.#judgeLeases();
  }

  #judgeLeases(): void {
    this.#found(doubleHolder(this.#services));
  }

  #found(what: string | undefined): void {
    if (what !== undefined) this.#fail(what);
  }

  /** Provider A-10: what people made goes again, and nothing of it is left. */
  async #deleteAll(): Promise<void> {
    const { fold } = this.#observer.check;
    const random = randomOf(this.#options.seed + 5);
    const made = [...fold.all()].filter(({ key, status }) => status === 'live' && !KEPT.includes(key.kind));
    for (const { key } of made) {
      if (this.#failures.length > 0) return;
      void this.#people.ask({ verb: 'delete', key }, random);
      await this.#step();
    }
    await this.#rest();
    if (this.#failures.length > 0) return;
    for (const { key, status } of fold.all()) {
      // An Event tells of what has gone, for an hour.
      if (status === 'live' && ![...KEPT, 'Event'].includes(key.kind))
        this.#fail(`A-10: ${key.kind} ${nameText(key)} is left when everything was deleted`);
    }
    for (const table of this.#observer.fabric.tables.keys())
      if (table !== 'hosts') this.#fail(`A-10: table ${table} has rows when everything was deleted`);
  }

  async #rest(): Promise<void> {
    if (this.#failures.length > 0) return;
    const scheduler = this.#scheduler;
    const limitMs = scheduler.nowMs + REST_MS_MAX;
    let problems: readonly string[] = ['people wait for answers'];
    let position = -1n;
    let leaps = 0;
    let leaptAt = -1n;
    for (let lookMs = scheduler.nowMs; problems.length > 0 && scheduler.nowMs < limitMs; lookMs += LOOK_EVERY_MS) {
      while (scheduler.nowMs < lookMs + LOOK_EVERY_MS && this.#failures.length === 0) await this.#step();
      if (this.#failures.length > 0) return;
      const moved = position !== this.#observer.position;
      position = this.#observer.position;
      if (moved || this.#people.areWaiting) continue;
      const slice = { observer: this.#observer, services: this.#services, hosts: this.#hosts };
      problems = problemsAtRest({ ...slice, nowMs: BEGINNING_MS + this.#leapMs + scheduler.nowMs - 2 * SKEW_MS_MAX });
      if (problems.length > 0 || position === leaptAt || leaps === LEAPS_MAX) continue;
      // What waits for time alone comes to its end, too: until nothing more comes of it.
      leaps++;
      leaptAt = position;
      this.#leapMs += LONG_MS;
      problems = ['time has leapt'];
      position = -1n;
    }
    if (problems.length === 0)
      problems = brokenInvariants({ fold: this.#observer.check.fold, tables: this.#observer.fabric.tables, appends: this.#server.appends });
    for (const problem of this.#failures.length > 0 ? [] : problems) this.#fail(`no rest: ${problem}`);
  }
}

/** Running, and not about to end. */
function isWorking({ running }: Readonly<{ running: Readonly<{ process: SimProcess }> | undefined }>): boolean {
  return running?.process.state === 'running' && !running.process.isDoomed;
}

const STOP_MS_MAX = 15_000;
/** Steps between two looks at who answers for what. */
const LEASES_EVERY = 50;
/** Announcements come each 0.4 s; those that were delayed have come by then. */
const HEARD_MS = 6_000;
/** What stays when people delete what they made. */
const KEPT = ['AddressPool', 'Namespace', 'Host'];
/** Longer than anything rests, drains or waits, but for Events. */
const LONG_MS = 1_000_000;
const LEAPS_MAX = 10;
const LEAP_TRIES = 50;
const LEAP_RETRY_MS = 100;
const LEASE_MS_MAX = 2_000;
