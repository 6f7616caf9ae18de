/** From words to a verb: parses with commander, loads the one verb that is asked for, and turns what goes wrong into a line and an exit code. */
import { CommanderError } from 'commander';
import { programFor } from './commands.ts';
import { CommandError, DONE, NOT_ASKED } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Of programs beside this one, not for people. */
const HIDDEN = 'complete';

/** Resolves with the exit code. */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  if (words[0] === HIDDEN) {
    const { answer } = await import('./complete.ts');
    return answer(words.slice(words[1] === '--' ? 2 : 1), terminal);
  }
  const args = words.length === 0 ? ['--help'] : words[0] === 'help' ? helpFor(words.slice(1)) : [...words];
  let code = DONE;
  try {
    const { program, loaded } = await programFor(args, terminal);
    loaded?.command.action(async () => {
      const { command, verb } = loaded;
      code = await verb.run({ args: command.args, options: command.opts(), terminal });
    });
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : NOT_ASKED;
    const { message } = error as Error;
    terminal.complain(`weft: ${message}`);
    return error instanceof CommandError ? error.exitCode : NOT_ASKED;
  }
}

function helpFor(words: readonly string[]): string[] {
  return words[0] === '--help' || words[0] === '-h' || words.length === 0 ? ['--help'] : [words[0] as string, '--help'];
}
