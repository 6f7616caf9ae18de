/** `weft up`: starts everything, says when it is ready and what to type next, and ends everything it started. */
import { createLog, type Environment } from '@weft/service';
import { type Running, startAllInOne } from './all-in-one.ts';
import { type UpConfig, upConfig } from './configuration.ts';
import { lockDirectory } from './directory-lock.ts';
import { startProcesses } from './processes.ts';
import { readableStartError } from './start-errors.ts';

/** After so long without being ready the reasons are told; it goes on trying. */
const TELL_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 20;
const STOP_MS_MAX = 20_000;
/** A start that was signalled may come to its end, to be stopped in order; for longer it is not waited for. */
const START_MS_LEFT = 2_000;

/** Runs until a signal; resolves with the exit code. */
export async function up(
  env: Environment,
  args: readonly string[],
  say: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  const startedMs = performance.now();
  let config: UpConfig;
  try {
    config = upConfig(env, args);
  } catch (error) {
    complain(`weft: ${(error as Error).message}`);
    return 1;
  }
  const log = createLog(config.platform.logLevel, 'weft');
  let release = () => {};
  let running: Running | undefined;
  const signalled = onceSignalled();
  let ending = false;
  void signalled.then(() => {
    ending = true;
  });
  try {
    const lock = lockDirectory(config.platform.data);
    release = () => lock.release();
    const starting = config.processes ? startProcesses(config, env, log) : startAllInOne(config, log);
    starting.catch(() => {});
    // A start may take long (a store that does not answer): a signal must not wait for it.
    running = await Promise.race([starting, signalled.then(() => within(START_MS_LEFT, starting))]);
    if (running === undefined) {
      release();
      return 0; // What was started ends with this process.
    }
    lock.serves(running.url);
  } catch (error) {
    release();
    if (ending) return 0; // The signal may have ended a part before us.
    complain(`weft: ${readableStartError(error, config).message}`);
    return 1;
  }
  const { stop } = running;
  void tellWhenReady(running, config, startedMs, signalled, say, complain);
  await signalled;
  const late = setTimeout(() => {
    complain(`weft: could not stop cleanly within ${STOP_MS_MAX / 1_000} s`);
    release();
    process.exit(1);
  }, STOP_MS_MAX);
  // Ctrl-C reaches the whole process group: the bus may be gone before we are, and that is no news.
  if (log.level !== 'debug') log.level = 'error';
  await stop();
  clearTimeout(late);
  release();
  return 0;
}

async function tellWhenReady(
  { problems, url }: Running,
  config: UpConfig,
  startedMs: number,
  signalled: Promise<void>,
  say: (line: string) => void,
  complain: (line: string) => void,
): Promise<void> {
  let ended = false;
  void signalled.then(() => {
    ended = true;
  });
  let told = false;
  while (!ended) {
    const present = problems();
    if (present.length === 0) break;
    if (!told && performance.now() - startedMs > TELL_AFTER_MS) {
      told = true;
      complain(`weft: not ready yet: ${present.join('; ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  if (ended) return;
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  say(`Weft is ready at ${url} after ${seconds} s. Data in ${config.platform.data}; ${dataplaneOf(config)}.`);
  say(`Try:   kubectl --server=${url} get hosts,networks -A`);
  say(`       curl -s ${url}/apis/networking.ironcore.dev/v1alpha1`);
  say('Stop:  Ctrl-C');
}

function dataplaneOf({ agent }: UpConfig): string {
  if (agent === undefined) return 'no agent in this process';
  return `host ${agent.host} (${agent.driver === 'simulated' ? 'simulated: this kernel is left alone' : 'programs this kernel'})`;
}

/** Undefined when it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** The second signal ends the process at once: whoever asks twice does not want to wait. */
function onceSignalled(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve();
      });
    }
  });
}
