/** The main program of a service that is a process of its own. */
import { type DomainModule, systemClock } from '@weft/api';
import type { Platform, RunningService } from '../platform.ts';
import { type Environment, type Listen, listenOf, platformConfig } from './configuration.ts';
import { END_SIGNALS, onEndSignal, quieten } from './end-signals.ts';
import { openPlatform } from './platform.ts';

export type RunServiceOptions = Readonly<{
  name: string;
  domains: readonly DomainModule[];
  create: (platform: Platform, options: Readonly<{ listen?: Listen }>) => Promise<RunningService>;
  env?: Environment;
}>;

/** A clean end that takes longer is given up. */
const STOP_MS_MAX = 15_000;

/** Runs until a signal, or until the supervisor that started it is gone. Exit code 0 after a clean end, 1 when it could not start or stop. */
export async function runService({ name, domains, create, env = process.env }: RunServiceOptions): Promise<void> {
  try {
    const listen = listenOf(env, 'WEFT_HEALTH');
    const { platform, log, close } = await openPlatform(platformConfig(env), { name, domains });
    let service: RunningService;
    try {
      service = await create(platform, listen === undefined ? {} : { listen });
      await platform.eventLoop.start();
      await platform.follower.start();
    } catch (error) {
      await close();
      throw error;
    }
    endOnSignal(name, log, async () => {
      await service.stop();
      await close();
    });
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

/**
 * Ends this process at a signal, or when the parent that supervises it is gone. A supervised process gets one Ctrl-C twice, the second time late, so
 * a second signal does not end it at once: its supervisor decides when to give up.
 */
export function endOnSignal(name: string, log: { level: string }, stop: () => Promise<void>): void {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    quieten(log);
    const late = systemClock.after(STOP_MS_MAX, () => {
      process.stderr.write(`${name}: could not stop cleanly within ${STOP_MS_MAX} ms\n`);
      process.exit(1);
    });
    stop().then(
      () => {
        late.cancel();
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`${name}: did not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  if (process.send === undefined) {
    onEndSignal(end);
    return;
  }
  for (const signal of END_SIGNALS) process.on(signal, end);
  process.on('disconnect', end);
  if (!process.connected) end(); // The supervisor has gone while we started.
}
