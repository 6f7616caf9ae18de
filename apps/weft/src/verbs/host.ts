/** `weft host show`: what the kernel of a host holds, entry by entry, with the resource and the event behind each. */
import { CommandError, DONE } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { completeRefs } from './get.ts';
import type { Event, Resource } from './trace.ts';

type Entry = Readonly<{
  key: string;
  state: string;
  value: string;
  position: string;
  network?: string;
  resource?: Resource;
  event?: Event;
  why?: string;
}>;
type Entries = Readonly<{ host: string; total: number; entries: readonly Entry[] }>;

export const host: Verb = {
  declare(command) {
    command
      .description(
        'Shows what the kernel of a host holds and should hold, as its agent says: each entry with the resource that it serves, and the event since which it is as it is.',
      )
      .argument('<show>', 'show')
      .argument('<host>', 'name of the host')
      .option('--network <name>', 'of one network only: web, default/web')
      .option('--kind <kind>', 'of one kind only: router, peer, port, route, guard, or a section (policy_pairs, routes, …)')
      .option('--state <state>', 'programmed, pending, refused or unwanted')
      .option('--limit <number>', 'so many at most, 500 or less', '100')
      .option('--skip <number>', 'so many come before')
      .addHelpText('after', '\nExamples:\n  weft host show host-1 --network default/web\n  weft host show host-1 --state refused -o yaml');
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const [what = '', name = ''] = args;
    if (what !== 'show') throw new CommandError(`weft host ${what}: there is only "weft host show <host>"`);
    const query = Object.fromEntries(['network', 'kind', 'state', 'limit', 'skip'].map((each) => [each, textOf(options, each)]));
    const found = await serverOf(call).json<Entries>(`/weft/v1/hosts/${encodeURIComponent(name)}/entries`, { query });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(found, format, terminal);
    else for (const line of linesOf(found)) terminal.say(line);
    return DONE;
  },

  complete: (words, call) => (words.length === 1 ? Promise.resolve(['show']) : completeRefs(['hosts', ...words.slice(-1)], call)),
};

function* linesOf({ host: name, total, entries }: Entries): Iterable<string> {
  yield `${name}: ${total} entries${entries.length < total ? `, of which ${entries.length} follow` : ''}`;
  for (const { key, state, value, resource, event, network, why } of entries) {
    const place = network === undefined ? '' : `  (${network})`;
    yield `  ${key}${value === '' ? '' : `  ${value}`}${place}${state === 'programmed' ? '' : `  ${state}${why === undefined ? '' : `: ${why}`}`}`;
    if (resource !== undefined) yield `        for ${resourceText(resource)}`;
    if (event !== undefined) yield `        since ${event.type} by ${byWhom(event)} at ${event.time} (position ${event.position})`;
  }
}

function byWhom({ actor, onBehalfOf }: Event): string {
  return onBehalfOf === undefined ? actor : `${actor} for ${onBehalfOf}`;
}

function resourceText({ kind, namespace, name, uid }: Resource): string {
  return `${kind} ${[namespace, name ?? uid].filter((part) => part !== undefined).join('/')}`;
}
