/** Opens the event store that the environment names, for verbs that read the log themselves. Weft may run on it. */
import 'reflect-metadata';
import { type Clock, type Registry, registry, systemClock } from '@weft/api';
import { type EventStore, liftingStore, withoutPassword } from '@weft/event-store';
import { ConfigurationError, openStore, type PlatformConfig, platformConfig, weftDomains } from '@weft/service';
import { CommandError, NO_ANSWER } from '../cli/exit-codes.ts';
import type { Terminal } from '../cli/terminal.ts';
import { withSetting } from '../environment.ts';

export type OpenLog = Readonly<{
  /** For people. */
  where: string;
  config: PlatformConfig;
  /** In today's event types. */
  store: EventStore;
  kinds: Registry;
}>;

const PROGRESS_EVERY_MS = 1_000;
const POSITION = /^\d{1,20}$/;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Closes it whatever `work` comes to. Throws a CommandError that says what to set. */
export async function withLog<T>(terminal: Terminal, work: (log: OpenLog) => Promise<T>): Promise<T> {
  const config = configOf(terminal.env);
  const { store: at } = config;
  const where = at.kind === 'embedded' ? at.directory : withoutPassword(at.address);
  const kinds = registry(weftDomains, { provider: config.provider });
  let opened: EventStore | undefined;
  try {
    opened = await openStore(at, { readOnly: true });
    return await work({ where, config, store: liftingStore(opened, kinds), kinds });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'Directory') throw new CommandError(withSetting((error as Error).message, terminal.env));
    if (code !== 'Unavailable') throw error;
    throw new CommandError(
      `the event store ${where} does not answer: is it running, and does WEFT_EVENT_STORE name it rightly?`,
      NO_ANSWER,
    );
  } finally {
    await opened?.close();
  }
}

function configOf(env: Terminal['env']): PlatformConfig {
  try {
    return platformConfig(env, { logLevel: 'warn' });
  } catch (error) {
    if (error instanceof ConfigurationError) throw new CommandError(error.message);
    throw error;
  }
}

/** The last event up to a position, or written up to a time. Throws a CommandError for what is no moment of this log. */
export async function positionOf(store: EventStore, moment: string, clock: Clock = systemClock): Promise<bigint> {
  if (!POSITION.test(moment)) return store.positionAt(timeOf(moment, clock));
  const head = await store.head();
  if (BigInt(moment) > head) throw new CommandError(`position ${moment} lies beyond the log, which ends at ${head}`);
  return store.floor(BigInt(moment));
}

/** What events from a moment on lie behind: a position itself, or the last event before a time. */
export async function positionBefore(store: EventStore, moment: string, clock: Clock = systemClock): Promise<bigint> {
  return POSITION.test(moment) ? positionOf(store, moment) : store.positionAt(new Date(timeOf(moment, clock).getTime() - 1));
}

function timeOf(moment: string, clock: Clock): Date {
  const time = new Date(RFC3339.test(moment) ? moment : Number.NaN);
  if (Number.isNaN(time.getTime())) throw new CommandError(`"${moment}" is neither a position (48211) nor a time (2026-11-22T14:03:00Z)`);
  if (time > clock.now()) throw new CommandError(`${moment} lies in the future`);
  return time;
}

/** Tells once a second how far long work is, where a person watches. */
export function progressOf(terminal: Terminal, verb: string, clock: Clock = systemClock): (what: string) => void {
  let lastMs = clock.monotonicMs();
  return (what) => {
    const nowMs = clock.monotonicMs();
    if (!terminal.showsProgress || nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    terminal.complain(`weft ${verb}: ${what}`);
  };
}
