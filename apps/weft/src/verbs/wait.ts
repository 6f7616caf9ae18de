/** `weft wait`: until a change has arrived everywhere, or a time is up. */
import { CommandError, DONE, NO } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { askedOf, type Convergence, linesOf } from './convergence.ts';
import { completeRefs } from './get.ts';

/** One request waits no longer: a proxy in between may not either. */
const ASK_S_MAX = 20;
const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600 };

export const wait: Verb = {
  declare(command) {
    command
      .description('Waits until a change, with all that follows from it, is in the kernels that it concerns.')
      .argument('<what>', 'network/default/web (its last change), a position of the log, or a correlation id')
      .option('--for <stage>', 'applied, or derived: rows say it, whatever hosts have done', 'applied')
      .option('--timeout <time>', 'how long at most, in whole seconds: 30s, 5m', '60s')
      .option('-n, --namespace <name>', 'the namespace (default: "default")')
      .addHelpText(
        'after',
        '\nExamples:\n  weft wait network/default/web\n  weft wait 48211 --for derived --timeout 5s\n\nEnds with 1 when the time is up, and says what is missing.',
      );
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const server = serverOf(call);
    const stage = textOf(options, 'for') ?? 'applied';
    let leftS = secondsOf(textOf(options, 'timeout') ?? '60s');
    const { query, object } = await askedOf(server, args[0] as string, textOf(options, 'namespace'));
    let found: Convergence;
    do {
      const waitS = Math.min(ASK_S_MAX, leftS);
      found = await server.json<Convergence>('/weft/v1/convergence', { query: { ...query, for: stage, timeoutSeconds: `${waitS}` } });
      leftS -= waitS;
    } while (!isReached(found, stage) && leftS > 0);
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(found, format, terminal);
    else for (const line of linesOf(found, object)) terminal.say(line);
    return isReached(found, stage) ? DONE : NO;
  },

  complete: completeRefs,
};

function isReached({ state }: Convergence, stage: string): boolean {
  return state === 'applied' || (stage === 'derived' && state === 'applying');
}

function secondsOf(text: string): number {
  const [, number, unit = ''] = /^(\d+)([smh])?$/.exec(text) ?? [];
  if (number === undefined) throw new CommandError(`--timeout "${text}" is no time: 30s, 5m`);
  return Number(number) * (UNITS[unit] ?? 1);
}
