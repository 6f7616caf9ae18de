/** `weft events`: what has happened and what happens, line by line. After a lost connection it goes on behind the last event. */
import { CommandError, DONE, NO_ANSWER } from '../cli/exit-codes.ts';
import { formatOf, takesOutput } from '../cli/output.ts';
import { type Server, serverOf, takesServer } from '../cli/server.ts';
import type { Terminal } from '../cli/terminal.ts';
import { type Options, textOf, type Verb } from '../cli/verb.ts';

type CloudEvent = Readonly<{
  type: string;
  subject: string;
  time: string;
  position: string;
  actor: string;
  onbehalfof?: string;
}>;

const TYPE_PREFIX = 'dev.weft.';
const AGAIN_MS = 1_000;

export const events: Verb = {
  declare(command) {
    command
      .description('Prints events as they happen, or from any point on. Values may be several, with commas between them.')
      .option('--from <moment>', '0 (all), a position, an id of an event, or a time (default: from now on)')
      .option('--to <moment>', 'end behind this one: a position, an id of an event, or a time')
      .option('--no-follow', 'end once everything there is has been printed')
      .option('--kind <names>', 'only of these kinds')
      .option('-n, --namespace <names>', 'only of these namespaces')
      .option('--name <names>', 'only of objects of these names')
      .option('--type <names>', 'only of these types, for example NetworkCreated')
      .option('-l, --selector <labels>', 'only of objects with these labels');
    takesOutput(command, ['json']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const server = serverOf(call);
    const follows = options['follow'] !== false && textOf(options, 'to') === undefined;
    let from = textOf(options, 'from');
    for (let connected = false; ; ) {
      try {
        for await (const { id, event } of received(server, queryOf(options, from, follows), terminal.ended)) {
          connected = true;
          from = id ?? from;
          if (event !== undefined)
            await terminal.write(`${formatOf(options) === 'json' ? event : lineOf(JSON.parse(event) as CloudEvent, terminal)}\n`);
        }
        if (!follows || terminal.ended.aborted) return DONE;
      } catch (error) {
        // Whoever has never answered will not by itself.
        if (!connected || !(error instanceof CommandError) || error.exitCode !== NO_ANSWER) throw error;
        terminal.complain(`weft: ${error.message}; trying again`);
      }
      const { systemClock } = await import('@weft/api');
      await systemClock.pause(AGAIN_MS);
    }
  },
};

function queryOf(options: Options, from: string | undefined, follows: boolean) {
  return {
    from,
    to: textOf(options, 'to'),
    kind: textOf(options, 'kind'),
    namespace: textOf(options, 'namespace'),
    name: textOf(options, 'name'),
    type: textOf(options, 'type'),
    labelSelector: textOf(options, 'selector'),
    follow: follows ? undefined : 'false',
  };
}

type Received = Readonly<{ id?: string; event?: string }>;

/** Server-sent events; those without data of ours (`caught-up`, `progress`) tell only where to go on. */
async function* received(server: Server, query: ReturnType<typeof queryOf>, ended: AbortSignal): AsyncGenerator<Received> {
  let id: string | undefined;
  let name: string | undefined;
  let data: string | undefined;
  for await (const line of server.lines('/weft/v1/events', { accept: 'text/event-stream', query }, ended)) {
    if (line.startsWith('id:')) id = line.slice(3).trim();
    else if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data = line.slice(5).trim();
    else if (line === '') {
      if (id !== undefined || data !== undefined)
        yield { ...(id !== undefined && { id }), ...(name === undefined && data !== undefined && { event: data }) };
      [id, name, data] = [undefined, undefined, undefined];
    }
  }
}

function lineOf({ time, position, type, subject, actor, onbehalfof }: CloudEvent, { style }: Terminal): string {
  const who = onbehalfof === undefined || onbehalfof === actor ? actor : `${actor} for ${onbehalfof}`;
  return `${style('dim', `${time}  ${position}`)}  ${style('bold', type.slice(TYPE_PREFIX.length))}  ${subject}  ${who}`;
}
