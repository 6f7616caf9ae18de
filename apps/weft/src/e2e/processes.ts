/**
 * Real processes for one test: each in a process group of its own, its output in a file, all of them ended when the test ends, fails, takes too
 * long or is itself killed.
 *
 * The last is a watchdog's work: a shell that waits for the end of a pipe whose other end this process holds, and then ends the groups that the
 * workspace's file names. Should the watchdog be killed too, the next workspace does it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';

const ROOT = join(import.meta.dirname, '../../../..');
const PREFIX = 'weft-e2e-';
const LOG_LINES_SHOWN = 60;

/** Shell: ends the groups that `groups` names (pid, start time) unless the pid is another process's by now, and removes the workspace. */
const END_ALL = `while read -r pid ticks; do
  stat=$(cat "/proc/$pid/stat" 2>/dev/null); stat=\${stat##*) }
  set -- $stat
  if [ -z "$stat" ] || [ "\${20}" = "$ticks" ]; then kill -s KILL -- "-$pid" 2>/dev/null; fi
done < "$directory/groups"
rm -rf "$directory"`;

export type Started = Readonly<{ name: string; pid: number; log: string; child: ChildProcess; exited: Promise<number | string> }>;

export type StartOptions = Readonly<{
  env?: Readonly<Record<string, string>>;
  /** Put before the command. */
  wrapper?: readonly string[];
}>;

export class Workspace {
  /** Of this test alone. */
  readonly directory: string;
  readonly #watchdog: ChildProcess;
  readonly #started: Started[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor() {
    sweep();
    this.directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
    appendFileSync(join(this.directory, 'groups'), '');
    this.#watchdog = spawn('sh', ['-c', `trap '' INT TERM HUP; directory='${this.directory}'; cat >/dev/null; ${END_ALL}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
  }

  /** A TypeScript program of this repository, as `npm start` runs it, or of another copy of it. Only the given `WEFT_*` variables are set. */
  program(name: string, args: readonly string[], { root = ROOT, ...options }: StartOptions & Readonly<{ root?: string }> = {}): Started {
    return this.start(name, [process.execPath, join(root, 'tools/run.mjs'), join(root, args[0] as string), ...args.slice(1)], options);
  }

  /** Any program, as the leader of a process group. Standard input is a pipe that ends with this process. */
  start(name: string, command: readonly string[], { env = {}, wrapper = [] }: StartOptions = {}): Started {
    const log = join(this.directory, `${name}.log`);
    const output = openSync(log, 'a');
    const [file = '', ...args] = [...wrapper, ...command];
    const child = spawn(file, args, {
      cwd: this.directory,
      detached: true,
      stdio: ['pipe', output, output],
      env: { ...cleanEnv(), ...env },
    });
    closeSync(output);
    child.stdin?.on('error', () => {});
    const exited = new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    if (child.pid === undefined) throw new Error(`${name}: ${file} cannot be started`);
    const started: Started = { name, pid: child.pid, log, child, exited };
    appendFileSync(join(this.directory, 'groups'), `${child.pid} ${startTicks(child.pid)}\n`);
    this.#started.push(started);
    return started;
  }

  /** SIGKILL to the whole group of each; resolves when every process of them is gone. */
  async kill(...group: readonly Started[]): Promise<void> {
    for (const { pid } of group) signalGroup(pid, 'SIGKILL');
    await until('the killed groups to end', () => group.every(({ pid }) => membersOf(pid).length === 0));
  }

  logOf({ log }: Pick<Started, 'log'>): string {
    return existsSync(log) ? readFileSync(log, 'utf8') : '';
  }

  /** The end of every output, for the report of a failure. */
  logs(): string {
    const names = [...new Set(this.#started.map(({ log }) => log))];
    return names
      .map(
        (log) =>
          `--- ${log.slice(this.directory.length + 1)}\n${this.logOf({ log }).trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n')}`,
      )
      .join('\n');
  }

  /** Something else that must not outlive the test: ended at its end, in reverse order, whatever that throws. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end().catch(() => {});
    await this.kill(...this.#started);
    const ended = new Promise((resolve) => this.#watchdog.once('exit', resolve));
    this.#watchdog.stdin?.end();
    await ended;
  }
}

/** Gives a test a workspace, ends it in any case, and adds what the processes said to its failure. `limitMs` ends it before the runner gives up. */
export function withProcesses(limitMs: number, test: (workspace: Workspace) => Promise<void>): () => Promise<void> {
  return async () => {
    const workspace = new Workspace();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the test takes longer than ${limitMs} ms`)), limitMs);
    });
    try {
      await Promise.race([late, test(workspace)]);
    } catch (error) {
      const said = error instanceof Error ? error : new Error(String(error));
      said.stack = `${said.stack}\n${workspace.logs()}`;
      throw said;
    } finally {
      clearTimeout(timer);
      await workspace.close();
    }
  };
}

/** Pids of the processes in a group that still run. */
export function membersOf(group: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [state, , pgrp] = statOf(pid);
      return Number(pgrp) === group && state !== 'Z' && state !== 'X';
    });
}

/** What was started by a process and by what it started, however they left its group. */
export function descendantsOf(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), Number(statOf(Number(name))[1]));
  const found: number[] = [];
  for (const [child] of parents) {
    for (let at = parents.get(child); at !== undefined && at > 1; at = parents.get(at)) if (at === pid) found.push(child);
  }
  return found;
}

export function isAlive(pid: number): boolean {
  const [state] = statOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
}

function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_') && name !== 'NODE_OPTIONS');
  return Object.fromEntries(kept);
}

/** Fields of /proc/<pid>/stat from the state on; empty when there is no such process. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

const startTicks = (pid: number): string => statOf(pid)[19] ?? '';

/** Does what the watchdogs of test runs could not that were killed with them. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const directory = join(tmpdir(), name);
    for (const line of groupsOf(directory)) {
      const [pid = '', ticks = ''] = line.split(' ');
      if (pid !== '' && (statOf(Number(pid)).length === 0 || startTicks(Number(pid)) === ticks)) signalGroup(Number(pid), 'SIGKILL');
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

function groupsOf(directory: string): readonly string[] {
  try {
    return readFileSync(join(directory, 'groups'), 'utf8').trim().split('\n');
  } catch {
    return []; // Its watchdog, or another test run, is just removing it.
  }
}
