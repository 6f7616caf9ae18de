/** A host of the simulation: kernels that outlive their agents, what somebody does to them by hand, and the agent, which is started again and again. */
import type { Registry } from '@weft/api';
import type { RowSubscriber } from '@weft/bus';
import { type AgentFiles, agentOf } from '@weft/dataplane-agent';
import { asCarried, type Driver, type DriverChange, type HostIdentity, type KernelObject, keyOf, sharesOf } from '@weft/fabric';
import { createSimulatedDriver, SimulatedKernel } from '@weft/linux';
import { below, type Random } from '@weft/testing';
import type { Faults } from './faults.ts';
import type { SimBus } from './sim-bus.ts';
import type { SimProcess } from './sim-process.ts';

const KERNEL_MS_MAX = 12;
const ORDER: readonly KernelObject['kind'][] = ['guard', 'router', 'peer', 'route', 'port'];

/** Called right before an object is put or removed. */
export type KernelWatch = Readonly<{
  put: (host: SimHost, index: number, object: KernelObject) => void;
  remove: (host: SimHost, index: number, key: string) => void;
}>;

/** Called with the rows of each registration of the agent. */
export type RowsWatch = (host: string, rows: RowSubscriber) => void;

class WatchedKernel extends SimulatedKernel {
  readonly #watch: KernelWatch;
  readonly #host: SimHost;
  readonly #index: number;

  constructor(watch: KernelWatch, host: SimHost, index: number) {
    super();
    this.#watch = watch;
    this.#host = host;
    this.#index = index;
  }

  override put(object: KernelObject): string | undefined {
    this.#watch.put(this.#host, this.#index, object);
    return super.put(object);
  }

  override remove(key: string): string | undefined {
    this.#watch.remove(this.#host, this.#index, key);
    return super.remove(key);
  }
}

export type RunningAgent = Readonly<{ process: SimProcess; bus: SimBus; agent: ReturnType<typeof agentOf> }>;

export class SimHost {
  readonly name: string;
  readonly underlay: string;
  running: RunningAgent | undefined;
  readonly #faults: Faults;
  readonly #watch: KernelWatch;
  /** By the number of the host: namespaces of another number are not seen. */
  readonly #kernels = new Map<number, WatchedKernel>();
  /** By scope: when somebody last did something there by hand, or something was refused there. */
  readonly #tampered = new Map<string, number>();
  #agentId: string | undefined;
  #former: Awaited<ReturnType<AgentFiles['load']>>;
  #underlayIsUp = true;
  #isReadable = true;
  readonly #endFaults: (() => void)[] = [];

  constructor(name: string, underlay: string, faults: Faults, watch: KernelWatch) {
    this.name = name;
    this.underlay = underlay;
    this.#faults = faults;
    this.#watch = watch;
  }

  kernel(index: number): SimulatedKernel {
    let kernel = this.#kernels.get(index);
    if (kernel === undefined) this.#kernels.set(index, (kernel = new WatchedKernel(this.#watch, this, index)));
    if (!this.#isReadable && kernel.readFault === undefined) this.#endFaults.push(kernel.failReads('the kernel does not answer'));
    return kernel;
  }

  get kernels(): ReadonlyMap<number, SimulatedKernel> {
    return this.#kernels;
  }

  /** When somebody last tampered with what this object has a share in. */
  tamperedMs(object: KernelObject): number {
    return Math.max(...sharesOf(object).map((scope) => this.#tampered.get(scope) ?? Number.NEGATIVE_INFINITY));
  }

  start(process: SimProcess, bus: SimBus, registry: Registry, watchRows: RowsWatch): void {
    const agent = agentOf(
      { bus, clock: process.clock, ids: process.ids, log: process.log, registry, random: process.random },
      {
        host: this.name,
        underlay: this.underlay,
        underlayLink: () =>
          process.ask('underlay', this.#ways(), async () => ({ device: 'simulated', mtu: 1_500, up: this.#underlayIsUp })),
        driver: 'simulated',
        roles: ['Compute'],
        openDriver: (identity) => process.ask('driver', this.#ways(), async () => this.#driver(process, identity)),
        files: this.#files(process),
        onRows: (rows) => watchRows(this.name, rows),
      },
    );
    this.running = { process, bus, agent };
    void agent.start();
  }

  // --- faults -----------------------------------------------------------------------------------------------------------------------------------

  /** Writes to one of the objects that are there, or to those of a kind yet to come, are refused until the returned function is called. */
  refuse(random: Random): (() => void) | undefined {
    const found = this.#anObject(random);
    if (found === undefined) return undefined;
    this.#faults.count('refusal');
    const end = found.kernel.refuse(found.key, 'the kernel refuses it');
    this.#tamper(found.object, Number.POSITIVE_INFINITY);
    return () => {
      this.#tamper(found.object, this.#now());
      end();
    };
  }

  drift(random: Random): void {
    const found = this.#anObject(random);
    if (found === undefined) return;
    this.#faults.count('drift');
    // An entry is there or not.
    if (random() < 0.5 || found.key.startsWith('entry/')) found.kernel.lose(found.key);
    else found.kernel.damage(found.key, 'damaged by hand');
    this.#tamper(found.object, this.#now());
  }

  unreadable(): () => void {
    this.#faults.count('unreadable');
    this.#isReadable = false;
    for (const kernel of this.#kernels.values()) this.#endFaults.push(kernel.failReads('the kernel does not answer'));
    return () => {
      this.#isReadable = true;
      for (const end of this.#endFaults.splice(0)) end();
    };
  }

  underlayDown(): () => void {
    this.#faults.count('underlay');
    this.#underlayIsUp = false;
    return () => {
      this.#underlayIsUp = true;
    };
  }

  #tamper(object: KernelObject, untilMs: number): void {
    for (const scope of sharesOf(object)) this.#tampered.set(scope, untilMs);
  }

  #now(): number {
    return this.running?.process.scheduler.nowMs ?? 0;
  }

  #anObject(random: Random): Readonly<{ kernel: SimulatedKernel; key: string; object: KernelObject }> | undefined {
    const all = [...this.#kernels.values()].flatMap((kernel) => [...kernel.objects].map(([key, object]) => ({ kernel, key, object })));
    return all[below(random, all.length)];
  }

  // --- what the agent is given ------------------------------------------------------------------------------------------------------------------

  #ways(): Readonly<{ thereMs: number; backMs: number }> {
    return { thereMs: this.#faults.upTo(KERNEL_MS_MAX), backMs: 0 };
  }

  #driver(process: SimProcess, identity: HostIdentity): Driver {
    const driver = createSimulatedDriver({ identity, kernel: this.kernel(identity.index) });
    return {
      name: driver.name,
      read: () => process.ask('read of the kernel', this.#ways(), () => driver.read()),
      apply: (change) =>
        process.ask('apply', this.#ways(), () => {
          if (process.state !== 'dead') return driver.apply(change);
          // It died between two system calls.
          this.#faults.count('died in an apply');
          return driver.apply(halfOf(change));
        }),
      counts: (vnis) => driver.counts(vnis),
      probe: (probe) => process.ask('probe', this.#ways(), () => driver.probe(probe)),
      close: () => process.ask('close of the driver', this.#ways(), () => driver.close()),
    };
  }

  #files(process: SimProcess): AgentFiles {
    this.#agentId ??= process.ids.uuid();
    return {
      agent: this.#agentId,
      load: () => process.ask('file', this.#ways(), async () => this.#former),
      save: (former) =>
        process.ask('file', this.#ways(), async () => {
          this.#former = former;
        }),
    };
  }
}

function halfOf({ put }: DriverChange): DriverChange {
  const inOrder = [...put].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return { put: inOrder.slice(0, Math.ceil(put.length / 2)), remove: [] };
}

/** As text, in one order, without the positions that a kernel cannot carry. */
export function kernelText(objects: ReadonlyMap<string, KernelObject>): string {
  const carried = [...objects.values()].map((object) => [keyOf(object), asCarried(object)]);
  return JSON.stringify(carried.sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)));
}
