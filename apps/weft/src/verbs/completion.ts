/** `weft completion bash`: what the shell has to know. It then asks `weft complete -- <words>` (cli/complete.ts) at each tab. */
import { DONE } from '../cli/exit-codes.ts';
import type { Verb } from '../cli/verb.ts';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];

export const completion: Verb = {
  declare(command) {
    command
      .description('Prints what a shell has to know to complete this command, names of resources included.')
      .addArgument(command.createArgument('<shell>').choices(SHELLS))
      .addHelpText(
        'after',
        `
Put this into the file that your shell reads at its start:
  bash        source <(weft completion bash)
  zsh         source <(weft completion zsh)
  fish        weft completion fish | source
  powershell  weft completion powershell | Out-String | Invoke-Expression`,
      );
  },

  async run({ args: [shell = ''] }) {
    const { script } = await import('@bomb.sh/tab');
    script(shell, 'weft', 'weft');
    return DONE;
  },

  complete: async () => SHELLS,
};
