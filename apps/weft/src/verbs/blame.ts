/** `weft blame`: since when a packet fares as it does, and by whose command. */
import { DONE } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { answerText, completePacket, type Event, nameOf, packetIn, takesPacket, type Unexplained, unexplainedLines } from './trace.ts';

type Answer = Readonly<{ verdict: string; reason?: string; detail?: string; to: readonly string[] }>;
type Change = Answer & Readonly<{ position: string; time: string; before: Answer; event: Event; cause?: Event }>;
type Why = Readonly<{ commands: readonly Event[]; without?: Answer; isComplete: boolean }>;
type Blame = Readonly<{
  position: string;
  now: Answer;
  changes: readonly Change[];
  more: boolean;
  why?: Why;
  unexplained?: readonly Unexplained[];
}>;

export const blame: Verb = {
  declare(command) {
    takesPacket(command)
      .description('Tells since when a packet fares as it does: each change of its verdict, the newest first, and by whose command.')
      .option('--limit <number>', 'so many changes (default: 20)')
      .option('--since <moment>', 'changes behind a position, or after a time like 2026-11-22T14:03:00Z')
      .option('--before <position>', 'changes before this position: to go on from an earlier answer')
      .option('--why', 'also the fewest commands without which it would fare otherwise')
      .addHelpText(
        'after',
        '\nExamples:\n  weft blame nic/default/web-0 tcp 10.0.0.9:5432\n  weft blame nic/default/web-0 tcp 10.0.0.9:5432 --since 2026-11-22T14:00:00Z\n  weft blame nic/default/web-0 tcp 10.0.0.9:5432 --why --limit 1',
      );
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const query = {
      ...packetIn(call),
      limit: textOf(options, 'limit'),
      since: textOf(options, 'since'),
      before: textOf(options, 'before'),
      why: options['why'] === true ? 'true' : undefined,
    };
    const told = await serverOf(call).json<Blame>('/weft/v1/blame', { query });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(told, format, terminal);
    else for (const line of linesOf(told, args.join(' '))) terminal.say(line);
    return DONE;
  },

  complete: completePacket,
};

function* linesOf({ position, now, changes, more, why, unexplained }: Blame, asked: string): Iterable<string> {
  const { detail } = now;
  yield `${asked}: ${answerText(now)} (position ${position})`;
  if (detail !== undefined) yield `  ${detail}`;
  for (const { time, position: at, event, cause, before, ...is } of changes) {
    yield `since ${time} (position ${at}): ${answerText(is)}; before: ${answerText(before)}`;
    yield `  ${eventText(event)}`;
    if (cause !== undefined) yield `  since ${eventText(cause)} at ${cause.time} (position ${cause.position})`;
  }
  const last = changes.at(-1);
  if (why !== undefined) yield* whyLines(why, detail);
  yield* unexplainedLines(unexplained);
  if (more && last !== undefined) yield `There are older changes: --before ${last.position}`;
}

function* whyLines({ commands, without, isComplete }: Why, detail: string | undefined): Iterable<string> {
  if (commands.length === 0 || without === undefined) {
    if (detail !== undefined) yield `why: no command keeps it from arriving, but what is missing: ${detail}`;
    else yield `why: it would ${isComplete ? 'be so without any command' : 'be so without any of the commands that were tried'}`;
    return;
  }
  yield `why: without ${commands.length === 1 ? 'this command' : `these ${commands.length} commands`}, ${answerText(without)}`;
  for (const command of commands) yield `  ${eventText(command)} at ${command.time} (position ${command.position})`;
}

function eventText({ type, resource, actor, onBehalfOf, command }: Event): string {
  const who = onBehalfOf === undefined ? actor : `${actor} for ${onBehalfOf}`;
  return `${type} of ${nameOf(resource)} by ${who}${command === undefined ? '' : ` (${command})`}`;
}
