/** `weft up`: starts everything, says when it is ready and what to type next, and ends everything it started. */
import 'reflect-metadata';
import { systemClock, within } from '@weft/api';
import { withoutPassword } from '@weft/event-store';
import { createLog, type Environment, onEndSignal, quieten } from '@weft/service';
import { type Running, startAllInOne } from '../all-in-one.ts';
import { DONE, NO } from '../cli/exit-codes.ts';
import type { Verb } from '../cli/verb.ts';
import { type UpConfig, type UpOptions, upConfig } from '../configuration.ts';
import { lockDirectory } from '../directory-lock.ts';
import { environmentOfUp } from '../environment.ts';
import { startProcesses } from '../processes.ts';
import { readableStartError } from '../start-errors.ts';
import { variablesWithoutEffect } from '../variables-without-effect.ts';

/** After so long without being ready it prints the reasons, and continues to try. */
const LATE_MS = 10_000;
const LOOK_EVERY_MS = 20;
const STOP_MS_MAX = 20_000;
/** How long a signal waits for a start that is under way; what is left then ends with the process. */
const START_END_MS_MAX = 3_000;

export const up: Verb = {
  declare(command) {
    command
      .description('Runs event store, bus, all services and an agent for this machine: in one process, until Ctrl-C.')
      .option('--processes', 'one process each; those that die are started again')
      .option('--replicas <how many>', 'with --processes: so many of each service, or of some: network-svc=2,lb-svc=3')
      .addHelpText('after', environmentOfUp);
  },

  run: ({ options, terminal: { env, say, complain } }) => runUntilSignal(env, options as UpOptions, say, complain),
};

/** Resolves with the exit code. */
async function runUntilSignal(
  env: Environment,
  options: UpOptions,
  say: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  let config: UpConfig;
  try {
    config = upConfig(env, options);
  } catch (error) {
    complain(`weft: ${(error as Error).message}`);
    return NO;
  }
  for (const line of variablesWithoutEffect(env, config)) complain(`weft: ${line}`);
  const log = createLog(config.platform.logLevel, 'weft');
  let release = () => {};
  let running: Running | undefined;
  let asked = false;
  const signalled = new Promise<void>((resolve) =>
    onEndSignal(() => {
      asked = true;
      quieten(log, running === undefined ? 'fatal' : 'error');
      resolve();
    }),
  );
  try {
    const lock = lockDirectory(config.platform.data);
    release = () => lock.release();
    const starting = config.processes ? startProcesses(config, env, log, say) : startAllInOne(config, log);
    // A start may take long (a large log to check, a store that does not answer): a signal does not wait for it.
    running = await Promise.race([starting, printWhenLate(starting, config, signalled, complain)]);
    if (running === undefined)
      running = await within(
        systemClock,
        START_END_MS_MAX,
        starting.catch(() => undefined),
      );
    else lock.serves(running.url);
  } catch (error) {
    release();
    if (asked) return DONE;
    complain(`weft: ${readableStartError(error, config).message}`);
    return NO;
  }
  if (running !== undefined) {
    if (!asked) void printWhenReady(running, config, startedMs, signalled, say, complain);
    await signalled;
    const late = systemClock.after(STOP_MS_MAX, () => {
      complain(`weft: could not stop cleanly within ${STOP_MS_MAX / 1_000} s`);
      release();
      process.exit(1);
    });
    await running.stop();
    late.cancel();
  }
  release();
  return DONE;
}

/** Resolves at the signal. */
async function printWhenLate(
  starting: Promise<Running>,
  { platform: { store } }: UpConfig,
  signalled: Promise<void>,
  complain: (line: string) => void,
): Promise<undefined> {
  const what =
    store.kind === 'embedded' ? `checking the events in ${store.directory}` : `no answer yet from ${withoutPassword(store.address)}`;
  const late = systemClock.after(LATE_MS, () => complain(`weft: still starting: ${what}`));
  const settled = () => late.cancel();
  void starting.then(settled, settled);
  await signalled;
  settled();
}

async function printWhenReady(
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
  let isPrinted = false;
  while (!ended) {
    const present = [...new Set(problems())];
    if (present.length === 0) break;
    if (!isPrinted && systemClock.monotonicMs() - startedMs > LATE_MS) {
      isPrinted = true;
      // The first is the cause of most others.
      const more = present.length === 1 ? '' : ` (and ${present.length - 1} more: curl ${url}/readyz)`;
      complain(`weft: not ready yet: ${present[0]}${more}`);
    }
    await systemClock.pause(LOOK_EVERY_MS);
  }
  if (ended) return;
  const seconds = ((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1);
  say(`Weft is ready at ${url} after ${seconds} s. Data in ${config.platform.data}; ${dataplaneOf(config)}.`);
  say(`Try:   kubectl --server=${url} get hosts,networks -A`);
  say(`       curl -s ${url}/apis/networking.ironcore.dev/v1alpha1`);
  say('Stop:  Ctrl-C');
}

function dataplaneOf({ agent }: UpConfig): string {
  if (agent === undefined) return 'no agent in this process';
  return `host ${agent.host} (${agent.driver === 'simulated' ? 'simulated: this kernel is left alone' : 'programs this kernel'})`;
}
