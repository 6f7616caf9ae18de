/** `weft apply`: carries out what `weft plan --out` wrote. */
import { CommandError, DONE, NO } from '../cli/exit-codes.ts';
import { textOf as textIn } from '../cli/manifests.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { nameOf, type Plan } from './plan.ts';

type Applied = Readonly<{
  position: string;
  commands: readonly Readonly<{ resource: Plan['commands'][number]['resource']; outcome: string; message?: string }>[];
}>;

export const apply: Verb = {
  declare(command) {
    command
      .description('Carries a plan out, if it would still do exactly what it says. Else nothing is changed, and the exit code is 1.')
      .requiredOption('--plan <file>', 'what "weft plan --out" wrote')
      .addHelpText('after', '\nExamples:\n  weft plan -f policy.yaml --out policy.plan\n  weft apply --plan policy.plan');
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const { id, commands, digest } = planIn(textOf(options, 'plan') as string);
    const applied = await serverOf(call).json<Applied>('/weft/v1/plan/apply', { body: { id, commands, digest } });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(applied, format, terminal);
    else
      for (const { resource, outcome, message } of applied.commands)
        terminal.say(`${nameOf(resource)} ${outcome}${message === undefined ? '' : `: ${message}`}`);
    return applied.commands.every(({ outcome }) => outcome === 'done') ? DONE : NO;
  },
};

function planIn(file: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(textIn(file)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file} is no plan: ${(error as Error).message}`);
  }
}
