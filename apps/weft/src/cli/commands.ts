/** All verbs as commander knows them, with help of each. */
import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import type { Verb } from './verb.ts';
import { SELF, VERBS, type VerbEntry } from './verbs.ts';

const HELP_WIDTH = 120;

export type Loaded = Readonly<{ command: Command; verb: Verb }>;

/** All verbs by name; of the one that `words` ask for, what it declares. */
export async function programFor(words: readonly string[], terminal: Terminal): Promise<Readonly<{ program: Command; loaded?: Loaded }>> {
  const program = new Command('weft')
    .description('isolated virtual networks that can explain themselves')
    .usage('<command> [options]')
    .version(VERSION, '-V, --version', 'print the version of this command')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .configureHelp({ helpWidth: HELP_WIDTH, subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => terminal.say(text.trimEnd()),
      writeErr: (text) => terminal.complain(asLine(text)),
      getOutHasColors: () => terminal.isForPeople,
    })
    .addHelpText('after', exitCodes)
    .exitOverride();
  const asked = words.find((word) => !word.startsWith('-'));
  let loaded: Loaded | undefined;
  for (const entry of VERBS) {
    const command = commandOf(program, entry);
    if (entry.name !== asked) continue;
    const verb = await entry.load();
    verb.declare(command);
    loaded = { command, verb };
  }
  program.command('help [command]').summary('tells what a command does').helpGroup(SELF);
  return { program, ...(loaded && { loaded }) };
}

function commandOf(program: Command, { name, summary, group }: VerbEntry): Command {
  return program
    .command(name)
    .summary(summary)
    .description(summary)
    .helpGroup(group)
    .version(VERSION, '-V, --version', 'print the version of this command')
    .helpOption('-h, --help', 'print help')
    .allowExcessArguments(false);
}

/** commander says `error: unknown option '--x'`. */
function asLine(text: string): string {
  const [first = '', ...rest] = text.trimEnd().split('\n');
  return [`weft: ${first.replace(/^error: /, '')}`, ...rest, '"weft help" tells what there is, "weft <command> --help" more of each'].join(
    '\n',
  );
}

function exitCodes(): string {
  return `\nExit codes:\n${EXIT_CODES.map(([code, means]) => `  ${code}  ${means}`).join('\n')}`;
}
