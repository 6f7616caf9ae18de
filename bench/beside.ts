/** Programs of this directory that run beside a System: agents of many hosts, and a probe that looks at the gateway. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '@weft/testing/waiting';
import type { AgentsAnswer, AgentsJob } from './agents.ts';
import type { ProbeAnswer, ProbeJob } from './probe.ts';
import { cpuSecondsOf, type System } from './system.ts';

const root = join(import.meta.dirname, '..');

function start(system: System, program: string, argument: unknown): ChildProcess {
  const log = openSync(join(system.directory, `${program}.log`), 'a');
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=32', join(root, 'tools/run.mjs'), join(root, `bench/${program}.ts`), JSON.stringify(argument)],
    { cwd: root, stdio: ['pipe', 'pipe', log] },
  );
  child.stdin?.on('error', () => {}); // It may have ended; its exit says so.
  closeSync(log);
  return child;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Agents of hosts `<prefix>0` … in a process of their own. */
export class Agents {
  readonly hosts: readonly string[];
  readonly #child: ChildProcess;
  readonly #answers: ((line: string) => void)[] = [];

  private constructor(hosts: readonly string[], child: ChildProcess) {
    this.hosts = hosts;
    this.#child = child;
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#answers.shift()?.(line));
    child.once('exit', () => {
      for (const answer of this.#answers.splice(0)) answer(JSON.stringify({ failed: 'the process with the agents has ended' }));
    });
  }

  /** Resolves when each host is Ready. */
  static async start(system: System, count: number, prefix: string, underlay: string): Promise<Agents> {
    const hosts = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
    const agents = new Agents(hosts, start(system, 'agents', { data: system.data, hosts, underlay } satisfies AgentsJob));
    await agents.well();
    type Item = { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } };
    await until(
      `${count} hosts Ready`,
      async () => {
        const { items } = await system.call<{ items: Item[] }>('GET', '/apis/fabric.weft.dev/v1alpha1/hosts');
        const ready = items.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'));
        return ready.filter(({ metadata }) => metadata.name.startsWith(prefix)).length === count;
      },
      120_000,
      200,
    );
    return agents;
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid ?? 0);
  }

  /** When nothing was wrong with any agent any more, after something had been wrong since the last call. */
  async well(): Promise<number> {
    const line = await new Promise<string>((resolve) => {
      this.#answers.push(resolve);
      this.#child.stdin?.write('\n');
    });
    const answer = JSON.parse(line) as AgentsAnswer | { failed: string };
    if ('failed' in answer) throw new Error(answer.failed);
    return answer.wellAt;
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await ended(this.#child);
  }
}

export class Probe {
  readonly #child: ChildProcess;
  #out = '';

  constructor(system: System, read: string) {
    this.#child = start(system, 'probe', { http: system.http, read } satisfies ProbeJob);
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (this.#out += chunk));
  }

  async stop(): Promise<ProbeAnswer> {
    this.#child.stdin?.end();
    await ended(this.#child);
    return JSON.parse(this.#out) as ProbeAnswer;
  }
}
