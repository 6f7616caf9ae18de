/** `weft diff`: what differs between two moments, of an object or of all that a list shows. */
import { type Difference, differenceLines } from '../cli/differences.ts';
import { CommandError, DONE, NO } from '../cli/exit-codes.ts';
import { Kinds, type Ref, typeNameOf } from '../cli/kinds.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import type { Terminal } from '../cli/terminal.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { completeRefs, namespaceOf } from './get.ts';
import { placeOf } from './history.ts';

type ObjectDifference = Readonly<{
  namespace?: string;
  name: string;
  lifetime?: 'began' | 'ended' | 'replaced';
  changed: readonly Difference[];
}>;
type Moment = Readonly<{ position: string; time: string }>;
type Answer = Readonly<{ kind: string; from: Moment; to: Moment; objects: readonly ObjectDifference[] }>;

export const diff: Verb = {
  declare(command) {
    command
      .description(
        'Tells what differs between two moments: of objects, of all of a kind, or of the rows of a host. Exit code 0: nothing; 1: something.',
      )
      .argument('[what...]', 'networks; net,nic; network/default/web')
      .option('--host <name>', 'of what this host is told (its rows), made of the log of this machine')
      .requiredOption('--from <moment>', 'a position (48211), a resourceVersion, or a time (2026-11-22T14:03:00Z)')
      .option('--to <moment>', 'the same (default: now)')
      .option('-n, --namespace <name>', 'the namespace (default: "default")')
      .option('-A, --all-namespaces', 'in all namespaces');
    takesOutput(command, ['json', 'yaml', 'name']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const host = textOf(options, 'host');
    if ((host === undefined) === (call.args.length === 0)) throw new CommandError('say of what: a kind, an object, or --host <name>');
    if (host !== undefined) {
      const { diffRows } = await import('../replay/diff-rows.ts');
      return diffRows(host, call);
    }
    const server = serverOf(call);
    const refs = (await Kinds.of(server)).refs(call.args, namespaceOf(options));
    const query = { from: textOf(options, 'from'), to: textOf(options, 'to') };
    const answers = await Promise.all(refs.map((ref) => server.json<Answer>(`/weft/v1/diff/${placeOf(ref)}`, { query })));
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(answers.length === 1 ? answers[0] : answers, format, terminal);
    else {
      for (const [at, answer] of answers.entries())
        for (const line of linesOf(refs[at] as Ref, answer, format === 'name', terminal)) terminal.say(line);
    }
    return answers.every(({ objects }) => objects.length === 0) ? DONE : NO;
  },

  complete: completeRefs,
};

const MARKS = { began: ['green', '+'], ended: ['red', '-'], replaced: ['yellow', '±'], changed: ['yellow', '~'] } as const;

function linesOf({ kind }: Ref, { objects }: Answer, namesOnly: boolean, terminal: Terminal): readonly string[] {
  return objects.flatMap(({ namespace, name, lifetime, changed }) => {
    const [colour, mark] = MARKS[lifetime ?? 'changed'];
    const place = [typeNameOf(kind), namespace, name].filter((part) => part !== undefined).join('/');
    if (namesOnly) return [place];
    const heading = terminal.style(colour, `${mark} ${place}${lifetime === undefined ? '' : ` ${lifetime}`}`);
    return [heading, ...differenceLines(changed, terminal)];
  });
}
