/**
 * One process each, on one machine (DESIGN 6): the supervisor runs the bus and starts the services as children in its own process group. A child that
 * dies is started again; children end by themselves when the supervisor is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock, type Timer } from '@weft/api';
import { type NatsServer, startNatsServer } from '@weft/bus';
import type { GatewayConfig } from '@weft/gateway';
import { type Environment, type Logger, listenOf, OWNING_SERVICES } from '@weft/service';
import type { Running } from './all-in-one.ts';
import type { UpConfig } from './configuration.ts';
import { readableStartError } from './start-errors.ts';

/** Commands make much that is short-lived: a larger nursery saves a fifth of the processor time (docs/measurements.md). */
const NURSERY_MB = 64;
/** An agent has to be small beside guests: 64 cost it some 150 MB at 100,000 routes, and saved it no time (docs/measurements.md). */
const AGENT_NURSERY_MB = 8;
const RESTART_MS_MIN = 250;
const RESTART_MS_MAX = 10_000;
/** A child that ran for so long had started well. */
const SETTLED_MS = 10_000;
const END_MS_MAX = 12_000;
/** How often the gateway is asked whether everything is ready. */
const ASK_EVERY_MS = 200;

/** `say` is told once of each part that has become ready. */
export async function startProcesses(
  config: UpConfig,
  env: Environment,
  log: Logger,
  say: (line: string) => void,
  clock = systemClock,
): Promise<Running> {
  const startedMs = clock.monotonicMs();
  const healthOf = healthPorts(env);
  const { bus } = config.platform;
  let nats: NatsServer | undefined;
  try {
    await refuseTakenPort(config.gateway);
    nats = bus.kind === 'child' ? await startNatsServer({ directory: bus.directory, log }) : undefined;
  } catch (error) {
    throw readableStartError(error, config);
  }
  const childEnv: Environment = {
    ...env,
    WEFT_DATA: config.platform.data,
    ...(config.agent && { WEFT_DATAPLANE: config.agent.driver, WEFT_HOST: config.agent.host }),
    WEFT_LOG: config.platform.logLevel,
  };
  const owners = OWNING_SERVICES.flatMap((app) =>
    Array.from({ length: config.replicas[app] }, () => new Child(app, { ...childEnv, WEFT_HEALTH: healthOf() }, log, clock)),
  );
  const frontends = config.agent === undefined ? ['gateway'] : ['gateway', 'dataplane-agent'];
  const children = [
    ...owners,
    ...frontends.map((app) => new Child(app, { ...childEnv, WEFT_HEALTH: app === 'gateway' ? '' : healthOf() }, log, clock)),
  ];
  for (const child of children) child.start();
  const url = `http://${config.gateway.address.includes(':') ? `[${config.gateway.address}]` : config.gateway.address}:${config.gateway.port}`;
  let stopping: Promise<void> | undefined;
  let asked: readonly string[] = ['the gateway has not answered yet'];
  const told = new Set<string>();
  const take = ({ problems, works }: Readiness) => {
    asked = problems;
    for (const name of works.filter((each) => !told.has(each))) {
      told.add(name);
      if (stopping === undefined) say(`  ${name} is ready after ${((clock.monotonicMs() - startedMs) / 1_000).toFixed(1)} s`);
    }
  };
  const ask = clock.every(ASK_EVERY_MS, () => void readiness(url).then(take));
  return {
    url,
    problems: () => [...children.flatMap((child) => child.problems()), ...asked],
    stop: () => {
      nats?.expectEnd();
      for (const child of children) child.expectEnd();
      ask.cancel();
      stopping ??= (async () => {
        // Gateway and agent first, so that what they accepted is still carried out.
        await Promise.all(children.slice(owners.length).map((child) => child.stop()));
        await Promise.all(owners.map((child) => child.stop()));
        await nats?.stop();
      })();
      return stopping;
    },
  };
}

/** Each process has a port of its own for `/readyz` and `/metrics`, from the one that `WEFT_HEALTH` names upwards; without it none has. The gateway has its own. */
export function healthPorts(env: Environment): () => string {
  const first = listenOf(env, 'WEFT_HEALTH');
  if (first === undefined) return () => '';
  const { address, port } = first;
  let next = port;
  return () => `${address.includes(':') ? `[${address}]` : address}:${next++}`;
}

/** The gateway would fail at a taken port as well, but be restarted again and again. */
async function refuseTakenPort({ address, port }: GatewayConfig): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  await new Promise((resolve) => server.close(resolve));
}

type Readiness = Readonly<{ problems: readonly string[]; works: readonly string[] }>;

async function readiness(url: string): Promise<Readiness> {
  try {
    const response = await fetch(`${url}/readyz`, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(3_000) });
    const { checks } = (await response.json()) as { checks: readonly { name: string; problems: readonly string[] }[] };
    return {
      problems: checks.filter(({ problems }) => problems.length > 0).map(({ name, problems }) => `${name}: ${problems.join('; ')}`),
      works: checks.filter(({ problems }) => problems.length === 0).map(({ name }) => name),
    };
  } catch {
    return { problems: ['the gateway does not answer'], works: [] };
  }
}

class Child {
  readonly #app: string;
  readonly #env: Environment;
  readonly #log: Logger;
  #process: ChildProcess | undefined;
  #ending = false;
  #startedMs = 0;
  #restartMs = RESTART_MS_MIN;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #gone: Promise<void> = Promise.resolve();

  constructor(app: string, env: Environment, log: Logger, clock: Clock) {
    this.#app = app;
    this.#env = env;
    this.#log = log;
    this.#clock = clock;
  }

  problems(): readonly string[] {
    return this.#process === undefined ? [`${this.#app} does not run`] : [];
  }

  start(): void {
    this.#startedMs = this.#clock.monotonicMs();
    const nursery = this.#app === 'dataplane-agent' ? AGENT_NURSERY_MB : NURSERY_MB;
    const child = spawn(process.execPath, [`--max-semi-space-size=${nursery}`, ...argumentsFor(this.#app)], {
      env: this.#env as NodeJS.ProcessEnv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process = child;
    this.#gone = new Promise((resolve) => {
      const gone = (why: string) => {
        if (this.#process !== child) return;
        this.#process = undefined;
        resolve();
        if (!this.#ending) this.#again(why);
      };
      child.once('error', (error) => gone(error.message));
      child.once('exit', (code, signal) => gone(signal ?? `exit code ${code}`));
    });
  }

  /** From now on it is not started again: a signal to the process group ends it as well. */
  expectEnd(): void {
    this.#ending = true;
    this.#timer?.cancel();
  }

  async stop(): Promise<void> {
    this.expectEnd();
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const late = this.#clock.after(END_MS_MAX, () => child.kill('SIGKILL'));
    await this.#gone;
    late.cancel();
  }

  #again(why: string): void {
    if (this.#clock.monotonicMs() - this.#startedMs > SETTLED_MS) this.#restartMs = RESTART_MS_MIN;
    const restartMs = this.#restartMs;
    // Only then is it said: at Ctrl-C the child may be gone before this process hears of the signal.
    this.#timer = this.#clock.after(restartMs, () => {
      this.#log.error({ part: this.#app, why, restartMs }, 'a process ended and is started again');
      this.start();
    });
    this.#restartMs = Math.min(restartMs * 2, RESTART_MS_MAX);
  }
}

/** From the same bundle, else from source through the loader, else what was built. */
function argumentsFor(app: string): string[] {
  const beside = join(dirname(process.argv[1] ?? ''), `${app}.js`);
  if (existsSync(beside)) return [beside];
  const source = join(dirname(fileURLToPath(import.meta.url)), '../..', app, 'src/main.ts');
  const loader = join(dirname(fileURLToPath(import.meta.url)), '../../../tools/run.mjs');
  if (import.meta.url.endsWith('.ts') && existsSync(source)) return [loader, source];
  return [join(dirname(fileURLToPath(import.meta.resolve(`@weft/${app}`))), 'main.js')];
}
