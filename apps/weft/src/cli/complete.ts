/** What shells ask at a tab (`weft complete -- get net`): verbs, options, choices, kinds and names. */
import { RootCommand } from '@bomb.sh/tab';
import type { Command } from 'commander';
import { type Loaded, programFor } from './commands.ts';
import { DONE } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** A person waits for it. */
const ANSWER_MS_MAX = 2_000;
/** More do not help to choose. */
const VALUES_MAX = 500;

/** `words`: what has been typed behind `weft`; the last one is being typed, and may be empty. */
export async function answer(words: readonly string[], terminal: Terminal): Promise<number> {
  const known = new RootCommand();
  const { program, loaded } = await programFor(words.slice(0, -1), terminal);
  for (const command of program.commands) if (command.name() !== loaded?.command.name()) known.command(command.name(), command.summary());
  known.command('help', 'tells what a command does');
  if (loaded !== undefined) await add(known, loaded, words.slice(words.indexOf(loaded.command.name()) + 1), terminal);
  known.parse([...words]);
  return DONE;
}

async function add(known: RootCommand, { command, verb }: Loaded, words: readonly string[], terminal: Terminal): Promise<void> {
  const shown = known.command(command.name(), command.summary());
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = option.long?.slice(2);
    if (name === undefined) continue;
    const short = option.short?.slice(1);
    const choices = (option.argChoices ?? []).map((each) => [each, ''] as const);
    if (option.required || option.optional)
      shown.option(name, option.description, (say) => choices.forEach((each) => void say(...each)), short);
    else if (short === undefined) shown.option(name, option.description);
    else shown.option(name, option.description, short);
  }
  const typed = words.at(-1) ?? '';
  if (verb.complete === undefined || command.registeredArguments.length === 0 || typed.startsWith('-')) return;
  const operands = operandsOf(command, words.slice(0, -1));
  if (operands === undefined) return;
  const values = await inTime(verb.complete([...operands, typed], { options: command.opts(), terminal }));
  for (const argument of command.registeredArguments) {
    shown.argument(argument.name(), (say) => values.forEach((value) => void say(value, '')), argument.variadic);
  }
}

/** Undefined when the value of an option is being typed, or what has been typed is wrong. */
function operandsOf(command: Command, words: readonly string[]): readonly string[] | undefined {
  try {
    return command.parseOptions([...words]).operands;
  } catch {
    return undefined;
  }
}

/** Nothing is offered when nobody answers. */
async function inTime(values: Promise<readonly string[]>): Promise<readonly string[]> {
  const late = new Promise<readonly string[]>((resolve) => {
    AbortSignal.timeout(ANSWER_MS_MAX).addEventListener('abort', () => resolve([]), { once: true });
  });
  const found = await Promise.race([values.catch(() => []), late]);
  return found.slice(0, VALUES_MAX);
}
