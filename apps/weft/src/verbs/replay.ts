/** `weft replay`: rows or events once more, from the log of this machine. What it does is loaded when it does it. */
import { CommandError } from '../cli/exit-codes.ts';
import { takesOutput } from '../cli/output.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { environmentOfTheStore } from '../environment.ts';

export const replay: Verb = {
  declare(command) {
    command
      .description(
        'Reads the log of this machine once more, also while Weft runs on it, and makes of it\n' +
          '  rows    what hosts are told, from zero, and compares them with what is published now; exit code 1: there is a difference\n' +
          '  events  CloudEvents as JSON lines: on standard output, in a directory, or on a NATS subject',
      )
      .addArgument(command.createArgument('<what>').choices(['rows', 'events']))
      .option('--no-compare', 'rows: only make them')
      .option(
        '--switch',
        'rows: let those who publish them make theirs anew, too, beside those that are published, and publish what differs',
      )
      .option('--at <moment>', 'rows: as they were at a position (48211) or a time (2026-11-22T14:03:00Z); nothing is compared')
      .option('--directory <path>', 'write into this directory, which is made: a file for each table, or for each 100,000 events')
      .option('--subject <name>', 'events: publish on this NATS subject (WEFT_NATS, else the server that "weft up" started)')
      .option('--from <moment>', 'events: behind this position, or from this time on (default: all)')
      .option('--to <moment>', 'events: up to this position or time (default: the end)')
      .option('--kind <names>', 'events: only of these kinds, with commas between them: Network,Host')
      .option('--rate <events per second>', 'events: not faster than that')
      .addHelpText('after', environmentOfTheStore);
    takesOutput(command, ['json']);
  },

  async run(call) {
    const { args, options } = call;
    if (args[0] === 'rows') {
      refuse(options, ['subject', 'from', 'to', 'kind', 'rate'], 'events');
      if (options['switch'] === true && (options['compare'] === false || textOf(options, 'at') !== undefined))
        throw new CommandError('--switch is for the rows of now, compared with those that are published');
      const { replayRows } = await import('../replay/replay-rows.ts');
      return replayRows(call);
    }
    refuse(options, ['at', 'output'], 'rows');
    if (options['switch'] === true) throw new CommandError('--switch is for "weft replay rows"');
    const { replayEvents } = await import('../replay/replay-events.ts');
    return replayEvents(call);
  },

  complete: async (words) => (words.length <= 1 ? ['rows', 'events'] : []),
};

function refuse(options: Readonly<Record<string, unknown>>, names: readonly string[], what: string): void {
  const given = names.find((name) => textOf(options, name) !== undefined);
  if (given !== undefined) throw new CommandError(`--${given} is for "weft replay ${what}"`);
}
