/** Weft under measurement: processes of its own, a directory of its own, removed at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';

const root = join(import.meta.dirname, '..');
const TICKS_PER_SECOND = 100;
/** Between the choice of a port and its use, somebody else's connection may have got it. */
const PORT_TAKEN = /is in use by another program/;

/** For `memory-probe.mjs`. */
export type ProbeQuestion = string;
/** In bytes. */
export type ProbeAnswer = Readonly<{ rss: number; heapUsed: number; external: number }>;

/** CPU time of a process so far, in seconds; 0 where it cannot be read. */
export function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

const running = new Set<System>();
// Whatever ends this process, what it started ends as well.
process.on('exit', () => {
  for (const system of running) system.abandon();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(1)));
}

/** Ends what a bench left that has not ended. */
export async function stopAll(): Promise<void> {
  await Promise.allSettled([...running].map((system) => system.stop()));
}

/** One run of `weft up` and what else was started beside it. */
export class System {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  readonly data = join(this.directory, 'data');
  http = '';
  readonly #children: { name: string; child: ChildProcess }[] = [];

  constructor() {
    running.add(this);
  }

  /** `settings`: more `WEFT_*` variables. `probed`: it answers `ask`. */
  static async start(
    dataplane: 'none' | 'simulated',
    settings: Readonly<Record<string, string>> = {},
    { probed = false } = {},
  ): Promise<System> {
    const system = new System();
    await system.launch(dataplane, settings, { probed });
    return system;
  }

  /** Starts Weft on what is in the directory, and waits until it is ready. After a failure nothing of it is left. */
  async launch(
    dataplane: 'none' | 'simulated',
    settings: Readonly<Record<string, string>> = {},
    { probed = false, withinMs = 60_000 } = {},
  ): Promise<void> {
    try {
      const ready = async () => {
        if (child.exitCode !== null && PORT_TAKEN.test(this.log('weft').trimEnd().split('\n').at(-1) ?? ''))
          child = await spawnAtFreePort();
        return (await fetch(`${this.http}/readyz`)).ok;
      };
      const spawnAtFreePort = async () => {
        this.http = `http://127.0.0.1:${await freePort()}`;
        const env = {
          WEFT_HTTP: new URL(this.http).host,
          WEFT_DATA: this.data,
          WEFT_DATAPLANE: dataplane,
          WEFT_HOST: 'bench-own',
          ...settings,
        };
        return this.spawn('weft', ['apps/weft/src/main.ts', 'up'], env, probed);
      };
      let child = await spawnAtFreePort();
      await until('Weft ready', ready, withinMs);
    } catch (error) {
      const log = this.log('weft');
      await this.stop();
      throw new Error(`${error instanceof Error ? error.message : error}\n${log}`);
    }
  }

  /** SIGKILL, as a machine does that loses power. */
  async kill(name: string): Promise<void> {
    const child = this.#children.findLast((each) => each.name === name)?.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  spawn(name: string, args: readonly string[], env: Record<string, string>, probed = false): ChildProcess {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('WEFT_')));
    const probe = probed ? ['--expose-gc', '--import', join(root, 'bench/memory-probe.mjs')] : [];
    const child = spawn(
      process.execPath,
      ['--max-semi-space-size=64', '--min-semi-space-size=64', ...probe, join(root, 'tools/run.mjs'), ...args],
      {
        cwd: root,
        stdio: probed ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
        env: { ...inherited, ...env },
      },
    );
    closeSync(log);
    this.#children.push({ name, child });
    return child;
  }

  /** What a probed Weft says of its memory. */
  ask(question: ProbeQuestion): Promise<ProbeAnswer> {
    const { child } = this.#children.findLast(({ name }) => name === 'weft') as { child: ChildProcess };
    return new Promise((resolve, reject) => {
      child.once('message', (answer) => resolve(answer as ProbeAnswer));
      child.once('exit', () => reject(new Error('it has ended')));
      child.send(question);
    });
  }

  /** Of the newest child with this name. */
  pidOf(name: string): number {
    return this.#children.findLast((each) => each.name === name)?.child.pid ?? 0;
  }

  /** CPU time of a child so far, in seconds; 0 where it cannot be read. It tells less than time about what else runs on the machine. */
  cpuSeconds(name: string): number {
    return cpuSecondsOf(this.pidOf(name));
  }

  /** Resident memory of a child, in MB; 0 where it cannot be read. */
  memoryMb(name: string): number {
    try {
      const pages = readFileSync(`/proc/${this.pidOf(name)}/statm`, 'utf8').split(' ')[1];
      return Math.round((Number(pages) * 4_096) / 1e6);
    } catch {
      return 0;
    }
  }

  /** How many lines of a child's log are such. */
  timesInLog(name: string, pattern: RegExp): number {
    return readFileSync(join(this.directory, `${name}.log`), 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line)).length;
  }

  log(name: string): string {
    try {
      return readFileSync(join(this.directory, `${name}.log`), 'utf8')
        .split('\n')
        .slice(-40)
        .join('\n');
    } catch {
      return '';
    }
  }

  async end(name: string): Promise<void> {
    for (const { child } of this.#children.filter((each) => each.name === name)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await gone;
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    for (const { name } of [...this.#children].reverse()) await this.end(name);
    rmSync(this.directory, { recursive: true, force: true });
    running.delete(this);
  }

  /** Asks what runs to end, without waiting for it. */
  abandon(): void {
    for (const { child } of this.#children) child.kill('SIGTERM');
  }

  /** As a JSON merge patch. */
  async patch(path: string, body: unknown): Promise<void> {
    await this.call('PATCH', path, body, 'application/merge-patch+json');
  }

  async call<T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const response = await fetch(`${this.http}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': contentType }, body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T & { message?: string };
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.message ?? ''}`);
    return answer;
  }
}
