/** `weft history`: what happened to one object, and why. */
import { type Difference, differenceLines } from '../cli/differences.ts';
import { CommandError, DONE } from '../cli/exit-codes.ts';
import { Kinds, type Ref } from '../cli/kinds.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import type { Terminal } from '../cli/terminal.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { completeRefs } from './get.ts';

type Actor = Readonly<{ user: string; verified: boolean }>;
type Related = Readonly<{ position: string; stream: string; type: string }>;
type Change = Readonly<{
  position: string;
  time: string;
  actor: Actor;
  onBehalfOf?: Actor;
  command?: string;
  lifetime?: 'began' | 'ended';
  events: readonly Readonly<{ type: string; data: unknown }>[];
  changed: readonly Difference[];
  cause?: Related | Readonly<{ eventId: string }>;
  sameRequest: readonly Related[];
  followed: readonly Related[];
}>;
type History = Readonly<{ changes: readonly Change[]; more: boolean }>;

export const history: Verb = {
  declare(command) {
    command
      .description(
        'Tells what happened to an object: each change with when, who, what differed, what caused it and what followed. Oldest first.',
      )
      .argument('<what...>', 'network/default/web; network/web; network web')
      .option('-n, --namespace <name>', 'the namespace (default: "default")')
      .option('--limit <how many>', 'the newest so many changes', '100')
      .option('--before <position>', 'those before a position, to go on where the last answer began');
    takesOutput(command, ['json', 'yaml', 'wide']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const server = serverOf(call);
    const namespace = textOf(options, 'namespace') ?? 'default';
    const [ref, ...others] = (await Kinds.of(server)).refs(call.args, namespace);
    if (ref?.name === undefined || others.length > 0) throw new CommandError('name one object: weft history <kind>/<namespace>/<name>');
    const query = { limit: textOf(options, 'limit'), before: textOf(options, 'before') };
    const found = await server.json<History>(historyPath(ref), { query });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') {
      await writeDocument(found, format, terminal);
      return DONE;
    }
    const [first] = found.changes;
    if (found.more && first !== undefined) terminal.complain(`weft: there are older changes: --before ${first.position}`);
    for (const change of found.changes) for (const line of linesOf(change, format === 'wide', terminal)) terminal.say(line);
    return DONE;
  },

  complete: completeRefs,
};

/** Below `/weft/v1/history` and `/weft/v1/diff`. */
export function placeOf({ kind, namespace, name }: Ref): string {
  return [kind.plural, namespace, name]
    .filter((part) => part !== undefined)
    .map(encodeURIComponent)
    .join('/');
}

const historyPath = (ref: Ref) => `/weft/v1/history/${placeOf(ref)}`;

function linesOf(change: Change, isWide: boolean, terminal: Terminal): readonly string[] {
  const { position, time, command, lifetime, events, changed, cause, sameRequest, followed } = change;
  const what = [command ?? 'changed', ...(lifetime === undefined ? [] : [`(${lifetime})`])].join(' ');
  const related = (words: string, { stream, type, position: at }: Related) =>
    terminal.style('dim', `    ${words} ${type} in ${stream} at ${at}`);
  return [
    `${terminal.style('bold', `${time}  ${position}`)}  ${who(change)}  ${what}`,
    ...(cause === undefined
      ? []
      : 'eventId' in cause
        ? [terminal.style('dim', `    caused by event ${cause.eventId}`)]
        : [related('caused by', cause)]),
    ...(isWide ? sameRequest.map((each) => related('with', each)) : []),
    ...events.map(({ type, data }) => `    ${type}${isWide ? ` ${JSON.stringify(data)}` : ''}`),
    ...differenceLines(changed, terminal).map((line) => `  ${line}`),
    ...(isWide ? followed : followed.slice(0, FOLLOWED_SHOWN)).map((each) => related('followed by', each)),
    ...(!isWide && followed.length > FOLLOWED_SHOWN
      ? [terminal.style('dim', `    and ${followed.length - FOLLOWED_SHOWN} more that followed (-o wide)`)]
      : []),
  ];
}

const FOLLOWED_SHOWN = 3;

function who({ actor, onBehalfOf }: Change): string {
  return onBehalfOf === undefined || onBehalfOf.user === actor.user ? actor.user : `${actor.user} for ${onBehalfOf.user}`;
}
