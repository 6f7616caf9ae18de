/** `weft copy-log`: copies a log from one event store into another one, and compares both. */
import 'reflect-metadata';
import { systemClock } from '@weft/api';
import { copyLog, openCopy, openEventStore, withoutPassword } from '@weft/event-store';
import { ConfigurationError, platformConfig, storeUrl } from '@weft/service';
import { CommandError, DONE, NO, NO_ANSWER } from '../cli/exit-codes.ts';
import { type Call, textOf, type Verb } from '../cli/verb.ts';
import { environmentOfTheStore, withSetting } from '../environment.ts';

const PROGRESS_EVERY_MS = 1_000;
/** Only a store of this machine is sure to write in the order of calls. */
const IN_FLIGHT = 256;

export const copy: Verb = {
  declare(command) {
    command
      .description(
        'Copies the event log into another store, with all ids, and compares both: a backup, also while Weft runs, or a move, when it is stopped. ' +
          'A copy that was interrupted, or has become old, goes on when the command is repeated.',
      )
      .requiredOption('--to <store>', 'an empty store, or an unfinished copy: embedded:<directory>, esdb://… or kurrentdb://…')
      .option('--from <store>', 'the store to be copied (default: that of this machine)')
      .addHelpText('after', environmentOfTheStore);
  },

  run: ({ options, terminal }) => copied(options, terminal),
};

async function copied(options: Call['options'], { env, say, complain }: Call['terminal']): Promise<number> {
  const [source, target] = [textOf(options, 'from'), textOf(options, 'to') as string];
  try {
    const url = source ?? storeUrl(platformConfig(env, { logLevel: 'warn' }).store);
    const from = await openEventStore(url, { readOnly: true }).catch((error: Error & { code?: unknown }) => {
      throw error.code === 'Directory' && source === undefined ? new CommandError(withSetting(error.message, env)) : error;
    });
    try {
      const to = await openCopy(target, { url, store: from });
      try {
        const inFlight = /^(embedded|lmdb):/.test(target) ? IN_FLIGHT : 1;
        const report = await copyLog(from, to, { inFlight, onProgress: progress(complain) });
        const foreign = report.foreign === 0 ? '' : `; ${report.foreign} events of others stay where they are`;
        if (report.difference !== undefined) {
          say(`WRONG: the copy differs: ${report.difference}. Name an empty store, and copy again while nothing writes.`);
          return NO;
        }
        say(
          `${withoutPassword(target)}: ${report.events} events, up to position ${report.head} of the log; the copy was compared and is the same${foreign}.`,
        );
        if ((await from.head()) !== report.head) say('The log has grown meanwhile. To move to the copy, stop Weft and repeat the command.');
        return DONE;
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  } catch (error) {
    const { code, message } = error as Readonly<{ code?: unknown; message: string }>;
    if (error instanceof CommandError) throw error;
    if (error instanceof ConfigurationError) throw new CommandError(message);
    throw new CommandError(message.trim(), code === 'Unavailable' ? NO_ANSWER : undefined);
  }
}

function progress(complain: (line: string) => void): (what: 'copied' | 'compared', events: number) => void {
  let lastMs = systemClock.monotonicMs();
  return (what, events) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    complain(`weft copy-log: ${events} events ${what}`);
  };
}
