/**
 * `nats-server` as a child process: on a loopback port, with a token, restarted when it dies. The caller holds the lock of the directory, so
 * a server that still runs from it belonged to a parent that is dead, and is ended first. The child stays in the parent's process group.
 */
import { type ChildProcess, spawn as spawnProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Clock, Nap, systemClock, systemRandom } from '@weft/api';
import { Backoff } from '../backoff.ts';
import type { BusLog } from '../log.ts';
import { readGreeting } from '../nats/greeting.ts';
import { findNatsServer } from './nats-binary.ts';
import { NatsDirectory, type NatsSettings } from './nats-directory.ts';
import { freePort, isFree } from './ports.ts';
import { identityOf, isSameProcess, type ProcessIdentity, processesWithArguments } from './process-identity.ts';

export type NatsServerOptions = Readonly<{
  /** Made when absent. Its lock is held by the caller. */
  directory: string;
  log: BusLog;
  /** Where to look for the program (`WEFT_NATS_SERVER`, `PATH`); default process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  /** The program; default: found through `env`. */
  program?: string;
  clock?: Clock;
}>;

export interface NatsServer {
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  readonly port: number;
  /** Why it does not run, for people; undefined while it does. */
  readonly problem: string | undefined;
  /** From now on its end is expected and not logged: Ctrl-C reaches the whole process group. Call it as the first step of a shutdown. */
  expectEnd(): void;
  /** Ends it: by SIGTERM, after 3 s by SIGKILL. A repeat waits for the first. */
  stop(): Promise<void>;
}

/** The server did not come up; the message holds its output. */
export class NatsServerStartError extends Error {
  readonly code = 'NatsServerStart';
}

const READY_MS_MAX = 10_000;
const END_MS_MAX = 3_000;
const POLL_MS = 20;
/** A child that ran for so long had started well. */
const SETTLED_MS = 60_000;
const PORTS_TRIED_MAX = 10;

/** Resolves when it answers. Throws NatsServerMissingError, NatsServerStartError. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const program = options.program ?? findNatsServer(options.env ?? process.env);
  const server = new ChildServer(program, new NatsDirectory(options.directory), options.log, options.clock ?? systemClock);
  await server.start();
  return server;
}

type Launched = 'ready' | 'port taken' | 'stopped';

class ChildServer implements NatsServer {
  readonly #program: string;
  readonly #directory: NatsDirectory;
  readonly #log: BusLog;
  problem: string | undefined = 'not started yet';
  #settings: NatsSettings | undefined;
  #child: ChildProcess | undefined;
  #ending = false;
  readonly #clock: Clock;
  /** Between two looks at a child, and before it is started again. */
  readonly #nap: Nap;
  #supervision: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  readonly #endWithParent = () => {
    this.#child?.kill('SIGKILL');
  };

  constructor(program: string, directory: NatsDirectory, log: BusLog, clock: Clock) {
    this.#program = program;
    this.#directory = directory;
    this.#log = log;
    this.#clock = clock;
    this.#nap = new Nap(clock);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get port(): number {
    return this.#settings?.port ?? 0;
  }

  async start(): Promise<void> {
    await this.#endOrphans();
    // Runs at any end of this process but SIGKILL.
    process.on('exit', this.#endWithParent);
    try {
      await this.#launchOnSomePort();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#supervision = this.#supervise();
  }

  expectEnd(): void {
    this.#ending = true;
    this.#nap.wake();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    this.expectEnd();
    this.problem = 'stopped';
    await this.#endChild();
    await this.#supervision;
    await this.#endChild(); // One that was being started meanwhile.
    process.off('exit', this.#endWithParent);
    this.#directory.writeIdentity(undefined);
  }

  async #endChild(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = this.#clock.after(END_MS_MAX, () => child.kill('SIGKILL'));
    await ended;
    timer.cancel();
  }

  async #supervise(): Promise<void> {
    const backoff = new Backoff(100, 5_000, systemRandom);
    while (!this.#ending) {
      const child = this.#child;
      const ran = child !== undefined && !hasEnded(child);
      if (ran) {
        const sinceMs = this.#clock.monotonicMs();
        await new Promise<void>((resolve) => child.once('exit', () => resolve()));
        if (this.#ending) return;
        this.problem = `the bus server ended (${child.signalCode ?? `exit code ${child.exitCode}`}) and is being restarted`;
        if (this.#clock.monotonicMs() - sinceMs > SETTLED_MS) backoff.reset();
      }
      await this.#nap.pause(backoff.nextMs());
      // Only now is it said: at Ctrl-C the server may be gone before this process hears of the signal.
      if (this.#ending) return;
      if (ran)
        this.#log.error({ pid: child.pid, exitCode: child.exitCode, signal: child.signalCode }, 'the bus server ended; restarting it');
      try {
        await this.#launchOnSomePort();
      } catch (error) {
        this.problem = `the bus server does not start: ${error instanceof Error ? error.message : String(error)}`;
        this.#log.error({ err: error }, 'the bus server does not start; trying again');
      }
    }
  }

  async #launchOnSomePort(): Promise<void> {
    const kept = this.#directory.readSettings();
    let settings = kept ?? { port: await freePort(), token: randomBytes(24).toString('base64url') };
    for (let tries = 0; tries < PORTS_TRIED_MAX; tries++) {
      const outcome = (await isFree(settings.port)) ? await this.#launch(settings) : 'port taken';
      if (outcome === 'stopped') return;
      if (outcome === 'ready') {
        this.problem = undefined;
        this.#log.info({ pid: this.pid, port: settings.port }, 'the bus server runs');
        return;
      }
      const port = await freePort();
      this.#log.warn({ port: settings.port, newPort: port }, "another program holds the bus server's port; taking another");
      settings = { ...settings, port };
    }
    throw new NatsServerStartError(`no free port for the bus server was found in ${PORTS_TRIED_MAX} tries`);
  }

  async #launch(settings: NatsSettings): Promise<Launched> {
    const name = `weft-${randomBytes(6).toString('hex')}`;
    this.#settings = settings;
    this.#directory.writeSettings(settings, name);
    let output = '';
    const child = spawnProcess(this.#program, ['-c', this.#directory.config], { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-2_000);
    });
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = error;
    });
    if (child.pid === undefined) await new Promise((resolve) => child.once('error', resolve));
    else {
      this.#directory.writeIdentity(identityOf(child.pid));
      endWithUs(child, child.pid);
    }

    const deadlineMs = this.#clock.monotonicMs() + READY_MS_MAX;
    while (this.#clock.monotonicMs() < deadlineMs) {
      if (this.#ending) return 'stopped';
      if (failed !== undefined) throw new NatsServerStartError(`${this.#program} cannot be run: ${failed.message}`, { cause: failed });
      if (hasEnded(child)) {
        const text = `${output}\n${this.#directory.logTail()}`.trim();
        if (text.includes('address already in use')) return 'port taken';
        throw new NatsServerStartError(`the bus server ended at once (${child.signalCode ?? `exit code ${child.exitCode}`}): ${text}`);
      }
      const greeting = await readGreeting('127.0.0.1', settings.port, 1_000, this.#clock).catch(() => undefined);
      // The name belongs to this launch: another program on the port is not taken for our server.
      if (greeting?.server_name === name) return 'ready';
      await this.#nap.pause(POLL_MS);
    }
    await this.#endChild();
    throw new NatsServerStartError(`the bus server did not answer within ${READY_MS_MAX} ms: ${output}\n${this.#directory.logTail()}`);
  }

  async #endOrphans(): Promise<void> {
    const recorded = this.#directory.readIdentity();
    const found = processesWithArguments(['-c', this.#directory.config]);
    const orphans =
      recorded !== undefined && isSameProcess(recorded) && !found.some(({ pid }) => pid === recorded.pid) ? [recorded, ...found] : found;
    for (const orphan of orphans) {
      this.#log.warn({ pid: orphan.pid }, 'ending the bus server that a former run left behind');
      await endProcess(orphan, this.#clock);
    }
    this.#directory.writeIdentity(undefined);
  }
}

/**
 * Ends the server when this process is gone, also by SIGKILL: a shell waits for the end of a pipe whose other end this process holds. Where there is no
 * shell, the next start ends the server.
 */
function endWithUs(server: ChildProcess, pid: number): void {
  const guard = spawnProcess('/bin/sh', ['-c', `trap '' INT TERM HUP; read -r _; kill -s KILL ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  guard.once('error', () => {});
  guard.stdin?.once('error', () => {});
  guard.unref();
  (guard.stdin as Socket | null)?.unref();
  // Before its pid can be another process's.
  server.once('exit', () => guard.kill('SIGKILL'));
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function endProcess(process_: ProcessIdentity, clock: Clock): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadlineMs = clock.monotonicMs() + END_MS_MAX;
    if (!isSameProcess(process_)) return;
    try {
      process.kill(process_.pid, signal);
    } catch {
      return; // It ended meanwhile.
    }
    while (clock.monotonicMs() < deadlineMs && isSameProcess(process_)) await clock.pause(POLL_MS);
  }
  if (isSameProcess(process_)) throw new NatsServerStartError(`the bus server of a former run (pid ${process_.pid}) does not end`);
}
