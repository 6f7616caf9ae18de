/** One run: starts everything, brings the faults about, and looks at what is left. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@weft/api';
import { freePort } from '@weft/bus';
import { OWNING_SERVICES } from '@weft/service';
import { below, type Random, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, call, HOSTS, isReady, list } from '../api.ts';
import { PrivateMounts } from '../private-mounts.ts';
import { isAlive, type Started, type Workspace } from '../processes.ts';
import { findChild } from '../supervised.ts';
import { Disk } from './disk.ts';
import { Load } from './load.ts';

const HOST = 'here';
const SUPERVISOR = 'weft';
const BUS = 'nats-server';
const VICTIMS = [...OWNING_SERVICES, 'gateway', 'dataplane-agent', SUPERVISOR, BUS];
const READY_MS_MAX = 300_000;
const PROGRESS = 100;
const SETTLED_MS_MAX = 180_000;
/** Longer than a write may take. */
const DISK_FAULT_MS = 25_000;
/** Children end by themselves when their supervisor is gone. */
const LET_GO_MS_MAX = 20_000;
/** Time for the requests that were under way when a fault of the disk began, or ended. */
const UNDER_WAY_MS = 1_000;

export type FaultRunOptions = Readonly<{
  workspace: Workspace;
  seconds: number;
  busy: number;
  random: Random;
  say: (line: string) => void;
}>;

export class FaultRun {
  readonly #options: FaultRunOptions;
  readonly #clock = systemClock;
  readonly #counts = new Map<string, number>();
  /** What is wrong, so far. */
  readonly failures: string[] = [];
  #mounts: PrivateMounts | undefined;
  #disk: Disk | undefined;
  #data = '';
  #url = '';
  #env: Record<string, string> = {};
  #natsConfig = '';
  #bus: Started | undefined;
  #weft: Started | undefined;
  /** While true a supervisor that ended is started again, as whoever runs it does. */
  #keepsRunning = true;

  constructor(options: FaultRunOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { workspace, seconds, busy, random, say } = this.#options;
    await this.#prepare();
    for (let i = 0; i < busy; i++) workspace.start(`busy-${i}`, [process.execPath, '-e', 'for (;;);']);
    this.#startBus();
    this.#startWeft();
    await this.#ready();
    say(
      `ready: host ${this.#env['WEFT_DATAPLANE']}, ${this.#disk === undefined ? 'no disk of its own' : 'a disk of its own'}, ${busy} busy loops`,
    );
    const load = new Load(this.#url, HOST, random);
    await load.begin();

    const kill = async (share: number) => {
      const untilMs = this.#clock.monotonicMs() + share * seconds * 1_000;
      while (this.#clock.monotonicMs() < untilMs) {
        await this.#clock.pause(500 + below(random, 3_500));
        await this.#killOne(random);
        // Else a busy machine, on which a start takes long, would be killed without ever being under load.
        if (below(random, 3) === 0) await this.#progress(load);
      }
      await this.#ready();
    };
    await kill(0.2);
    await this.#fullDisk(load, DISK_FAULT_MS);
    await kill(0.2);
    await this.#withoutBus(Math.min(60_000, seconds * 200));
    await kill(0.2);
    await this.#readOnlyDisk(load, DISK_FAULT_MS);
    await kill(0.2);

    say('no more faults');
    await load.end();
    await this.#settled(load);
    await this.#verify();
    await this.#memory();
    say(`requests: ${JSON.stringify(load.counts)}, ${load.placed} interfaces placed`);
    say(`faults: ${[...this.#counts].map(([name, count]) => `${name} ${count}`).join(', ')}`);
    this.failures.push(...load.unexpected.slice(0, 10));
  }

  // What runs.

  async #prepare(): Promise<void> {
    const { workspace, say } = this.#options;
    const token = randomBytes(16).toString('hex');
    const natsPort = await freePort();
    this.#natsConfig = join(workspace.directory, 'nats.conf');
    writeFileSync(this.#natsConfig, `listen: "127.0.0.1:${natsPort}"\nauthorization { token: "${token}" }\nmax_payload: ${4 * 2 ** 20}\n`);
    this.#url = `http://127.0.0.1:${await freePort()}`;
    this.#data = join(workspace.directory, 'data');
    this.#env = {
      WEFT_HTTP: new URL(this.#url).host,
      WEFT_DATA: this.#data,
      WEFT_NATS: `nats://${token}@127.0.0.1:${natsPort}`,
      WEFT_HOST: HOST,
      WEFT_DATAPLANE: 'simulated',
      WEFT_LOG: 'info',
    };
    const unfit = whyNoNetlab();
    if (unfit !== undefined) {
      say(`the host is simulated, and the disk fails in no way: ${unfit}`);
      mkdirSync(this.#data);
      return;
    }
    const mounts = await PrivateMounts.create(workspace);
    this.#mounts = mounts;
    this.#disk = await Disk.create(mounts, this.#data).catch((error: Error) => void say(`no disk of its own: ${error.message}`));
    await mounts.run('ip', 'netns', 'add', HOST);
    await mounts.run('ip', '-n', HOST, 'link', 'set', 'lo', 'up');
    await mounts.run('ip', '-n', HOST, 'link', 'add', 'eth0', 'mtu', '1600', 'type', 'veth', 'peer', 'name', 'wire');
    await mounts.run('ip', '-n', HOST, 'link', 'set', 'wire', 'up');
    await mounts.run('ip', '-n', HOST, 'link', 'set', 'eth0', 'addrgenmode', 'none', 'up');
    await mounts.run('ip', '-n', HOST, 'address', 'add', 'fd00:77::1/64', 'dev', 'eth0', 'nodad');
    Object.assign(this.#env, { WEFT_DATAPLANE: 'linux', WEFT_HOST_NETNS: HOST, WEFT_UNDERLAY_IP: 'fd00:77::1' });
  }

  get #wrapper(): readonly string[] {
    return this.#mounts?.wrapper ?? [];
  }

  #startBus(): void {
    this.#bus = this.#options.workspace.start(BUS, [BUS, '-c', this.#natsConfig]);
  }

  #startWeft(): void {
    const started = this.#options.workspace.program(SUPERVISOR, ['apps/weft/src/main.ts', 'up', '--processes'], {
      env: this.#env,
      wrapper: this.#wrapper,
    });
    this.#weft = started;
    void started.exited.then(async () => {
      await this.#clock.pause(500);
      if (this.#keepsRunning && this.#weft === started) this.#startWeft();
    });
  }

  async #ready(): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    let why = '';
    const readyz = async () => {
      const { code, text } = await call(this.#url, 'GET', '/readyz');
      why = text.trim();
      return code === 200;
    };
    await until(() => `readiness; ${why}`, readyz, READY_MS_MAX, 100);
    this.#options.say(`ready after ${((this.#clock.monotonicMs() - startMs) / 1_000).toFixed(1)} s`);
  }

  async #progress({ counts }: Load): Promise<void> {
    const before = counts.acknowledged;
    await until('requests to be carried out again', () => counts.acknowledged > before + PROGRESS, READY_MS_MAX, 50);
  }

  #pidOf(victim: string): Promise<number | undefined> {
    if (victim === BUS) return Promise.resolve(this.#bus?.pid);
    if (victim === SUPERVISOR) return Promise.resolve(this.#weft?.pid);
    return this.#weft === undefined ? Promise.resolve(undefined) : findChild(this.#weft, victim);
  }

  // Faults.

  #count(fault: string): void {
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1);
  }

  /** Anybody who runs just now. */
  async #killOne(random: Random): Promise<void> {
    const running: [string, number][] = [];
    for (const victim of VICTIMS) {
      const pid = await this.#pidOf(victim);
      if (pid !== undefined && isAlive(pid)) running.push([victim, pid]);
    }
    const [victim, pid] = running[below(random, running.length)] as [string, number];
    process.kill(pid, 'SIGKILL');
    this.#count(`killed ${victim}`);
    if (victim !== BUS) return;
    await this.#bus?.exited;
    this.#startBus();
  }

  async #withoutBus(ms: number): Promise<void> {
    this.#options.say(`no bus for ${ms / 1_000} s`);
    process.kill(this.#bus?.pid as number, 'SIGKILL');
    await this.#bus?.exited;
    await this.#clock.pause(ms);
    this.#startBus();
    this.#count('without bus');
    await this.#ready();
  }

  async #fullDisk(load: Load, ms: number): Promise<void> {
    const disk = this.#disk;
    if (disk === undefined) return;
    this.#options.say(`disk full for ${ms / 1_000} s`);
    await disk.fill();
    await this.#answersDuring(load, ms, /the disk of .* is full .*make room/);
    await disk.free();
    this.#count('disk full');
    await this.#ready();
  }

  async #readOnlyDisk(load: Load, ms: number): Promise<void> {
    const disk = this.#disk;
    if (disk === undefined) return;
    this.#options.say(`disk read-only for ${ms / 1_000} s`);
    await disk.becomeReadOnly();
    await this.#answersDuring(load, ms, /the disk of .* is read-only: .* start Weft again/);
    // What the answer says is done.
    this.#keepsRunning = false;
    await this.#options.workspace.kill(this.#weft as Started);
    await until('the disk to be let go', () => disk.mountAnew().then(() => true), LET_GO_MS_MAX, 200);
    this.#keepsRunning = true;
    this.#startWeft();
    this.#count('disk read-only');
    await this.#ready();
  }

  /** Who writes meanwhile is told what is wrong and what helps. */
  async #answersDuring(load: Load, ms: number, remedy: RegExp): Promise<void> {
    const fromMs = this.#clock.monotonicMs() + UNDER_WAY_MS;
    await this.#clock.pause(ms);
    const toMs = this.#clock.monotonicMs();
    const during = load.outages.filter(({ sentMs, answeredMs }) => sentMs > fromMs && answeredMs < toMs);
    const others = during.filter(({ text }) => !remedy.test(text));
    this.#options.say(`${during.length} answers meanwhile, ${others.length} of them without the reason`);
    if (during.length === 0) this.failures.push(`nobody was told that ${remedy} within ${ms} ms`);
    // On a busy machine the owner may be too late with its reason.
    if (others.length * 10 > during.length) {
      for (const { code, text } of others.slice(0, 3))
        this.failures.push(`an answer does not say ${remedy}: ${code} ${text.slice(0, 400)}`);
    }
  }

  // Afterwards.

  async #settled(load: Load): Promise<void> {
    const { say } = this.#options;
    const startMs = this.#clock.monotonicMs();
    let waiting: readonly string[] = [];
    let host: ApiObject | undefined;
    const isSettled = async () => {
      waiting = await load.waiting();
      host = (await list(this.#url, HOSTS)).items.find(({ metadata }) => metadata.name === HOST);
      const conditions = (host?.status?.['conditions'] ?? []) as readonly { type: string; status: string }[];
      const says = (wanted: string) => conditions.some(({ type, status }) => type === wanted && status === 'True');
      return (
        waiting.length === 0 &&
        says('Ready') &&
        says('Converged') &&
        host?.status?.['pendingSince'] === undefined &&
        (await isReady(this.#url))
      );
    };
    await until('rest', isSettled, SETTLED_MS_MAX, 200).then(
      () => say(`host converged and interfaces Available after ${((this.#clock.monotonicMs() - startMs) / 1_000).toFixed(1)} s`),
      () =>
        this.failures.push(`not at rest: ${waiting.length} interfaces wait (${waiting.slice(0, 5)}), host ${JSON.stringify(host?.status)}`),
    );
    const differences = await load.differences();
    say(`${differences.length} differences between what was acknowledged and what is there`);
    this.failures.push(...differences.slice(0, 10));
  }

  /** Exit codes of `weft verify`: 0 intact and at rest, 3 something is owed, which may be only for a moment. */
  async #verify(): Promise<void> {
    let last = '';
    let code = -1 as number | string;
    const holds = async () => {
      const verify = this.#options.workspace.program('verify', ['apps/weft/src/main.ts', 'verify'], {
        env: this.#env,
        wrapper: this.#wrapper,
      });
      code = await verify.exited;
      last = this.#options.workspace.logOf(verify).trim().split('\n').slice(-8).join('\n');
      return code !== 3;
    };
    await until('nothing to be owed', holds, 60_000, 1_000).catch(() => {});
    this.#options.say(`weft verify: ${code}: ${last.split('\n').at(-1)}`);
    if (code !== 0) this.failures.push(`weft verify gives ${code}:\n${last}`);
  }

  /** Beside what the same processes need that have just read the same log. */
  async #memory(): Promise<void> {
    const { say } = this.#options;
    const before = await this.#rssMb();
    this.#keepsRunning = false;
    await this.#options.workspace.kill(this.#weft as Started);
    this.#keepsRunning = true;
    this.#startWeft();
    await this.#ready();
    const fresh = await this.#rssMb();
    say(`memory, and of fresh ones (MB): ${VICTIMS.map((name) => `${name} ${before.get(name)}/${fresh.get(name)}`).join(', ')}`);
    for (const [name, mb] of before) {
      if (mb > 2 * (fresh.get(name) ?? 0) + 150) this.failures.push(`${name} holds ${mb} MB, a fresh one ${fresh.get(name)} MB`);
    }
  }

  async #rssMb(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    for (const name of VICTIMS) {
      const pid = await this.#pidOf(name);
      if (pid === undefined) continue;
      const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      found.set(name, Math.round(Number(kb) / 1_024));
    }
    return found;
  }
}
