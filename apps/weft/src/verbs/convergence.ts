/** `weft convergence`: whether a change has arrived everywhere, in sentences. */
import { DONE, NO } from '../cli/exit-codes.ts';
import { Kinds } from '../cli/kinds.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { type Server, serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { completeRefs } from './get.ts';
import { placeOf } from './history.ts';

type Stages = Readonly<{ delivered?: string; compiled?: string; applied?: string }>;
type ToldHost = Readonly<{
  name: string;
  state: string;
  since?: string;
  why?: string;
  tables: readonly Readonly<{ table: string; rev: string }>[];
  stages?: Stages;
}>;
export type Convergence = Readonly<{
  state: string;
  converged: boolean;
  correlationId: string;
  change: Readonly<{
    position: string;
    time: string;
    actor: string;
    onBehalfOf?: string;
    command?: string;
    resource: Readonly<{ kind: string; namespace?: string; name?: string }>;
  }>;
  lastPosition: string;
  appends: number;
  stages: Stages & Readonly<{ accepted?: string; appended: string; appendedLast: string; derived?: string }>;
  hosts: Readonly<{ concerned: number; applied: number }>;
  hostList: readonly ToldHost[];
  owed: readonly Readonly<{ context: string; loop?: string; key?: string; why?: string }>[];
  precision: readonly string[];
}>;
type Overview = Readonly<{
  open: number;
  oldest?: Convergence;
  lastHour: Readonly<Record<string, Readonly<{ count: number; p50: number; p99: number }>>>;
  silent?: readonly string[];
}>;

export const convergence: Verb = {
  declare(command) {
    command
      .description(
        'Tells whether a change, with all that followed from it, has arrived in the kernels that it concerns, and what is missing. Without a change: what is on its way, and how long changes took in the last hour.',
      )
      .argument('[what]', 'network/default/web (its last change), a position of the log, or a correlation id')
      .option('-n, --namespace <name>', 'the namespace (default: "default")')
      .addHelpText(
        'after',
        '\nExamples:\n  weft convergence network/default/web\n  weft convergence 48211\n  weft convergence\n\nEnds with 1 when something is missing. "weft wait" waits for it.',
      );
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const server = serverOf(call);
    const [what] = args;
    const format = formatOf(options);
    const { query, object } = what === undefined ? { query: {} } : await askedOf(server, what, textOf(options, 'namespace'));
    const found = await server.json<Convergence | Overview>('/weft/v1/convergence', { query });
    if (format === 'json' || format === 'yaml') await writeDocument(found, format, terminal);
    else for (const line of 'open' in found ? overviewLines(found) : linesOf(found, object)) terminal.say(line);
    return 'open' in found || found.converged ? DONE : NO;
  },

  complete: completeRefs,
};

type Asked = Readonly<{
  query: Readonly<Record<string, string>>;
  /** Where an object was named: as `textOfResource` says it. */
  object?: string;
}>;

/** A position, a correlation id, or an object. */
export async function askedOf(server: Server, what: string, namespace = 'default'): Promise<Asked> {
  if (/^\d+$/.test(what)) return { query: { position: what } };
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(what)) return { query: { correlation: what } };
  const ref = (await Kinds.of(server)).ref(what, namespace);
  return { query: { object: placeOf(ref) }, object: textOfResource({ ...ref, kind: ref.kind.kind }) };
}

function textOfResource({ kind, namespace, name }: Convergence['change']['resource']): string {
  return `${kind} ${[namespace, name].filter((part) => part !== undefined).join('/')}`;
}

/** `object`: what was asked for, where that is an object. Its last change may have begun at another one. */
export function* linesOf(found: Convergence, object?: string): Iterable<string> {
  const { change, stages, hosts, hostList, owed, precision } = found;
  const began = textOfResource(change.resource);
  if (object !== undefined && object !== began) yield `${object} changed last because of:`;
  const who = change.onBehalfOf === undefined ? change.actor : `${change.actor} for ${change.onBehalfOf}`;
  yield `${began}: ${change.command ?? 'changed'} by ${who}, position ${change.position}: ${verdictOf(found)}`;
  yield `  ${stageLine(found)}`;
  for (const { context, loop, key, why } of owed)
    yield loop === undefined
      ? `  ${context}: ${why}`
      : `  ${context}: loop ${loop} owes something about ${key}${why === undefined ? '' : `: ${why}`}`;
  for (const host of hostList) yield `  ${hostLine(host, stages.appended)}`;
  if (hostList.length < hosts.concerned) yield `  and ${hosts.concerned - hostList.length} hosts more`;
  for (const each of precision) yield `  (${each})`;
}

function verdictOf({ state, hosts: { concerned, applied } }: Convergence): string {
  switch (state) {
    case 'deriving':
      return 'rows are being derived';
    case 'owing':
      return 'loops still owe something because of it';
    case 'applying':
      return `${applied} of ${concerned} hosts have it`;
    case 'applied':
      if (concerned === 0) return 'it concerns no host';
      return concerned === 1 ? 'the one host that it concerns has it' : `all ${concerned} hosts that it concerns have it`;
    default:
      return 'the log does not tell';
  }
}

/** Times since the first stage. */
function stageLine({ stages, appends, lastPosition }: Convergence): string {
  const begin = stages.accepted ?? stages.appended;
  const told = [
    stages.accepted === undefined ? undefined : `accepted ${stages.accepted}`,
    `appended ${stages.accepted === undefined ? stages.appended : after(begin, stages.appended)}`,
    appends > 1 ? `${appends} appends until ${lastPosition} ${after(begin, stages.appendedLast)}` : undefined,
    ...(['derived', 'delivered', 'compiled', 'applied'] as const).map((stage) => {
      const time = stages[stage];
      return time === undefined ? undefined : `${stage} ${after(begin, time)}`;
    }),
  ];
  return told.filter((each) => each !== undefined).join(', ');
}

function hostLine({ name, state, since, why, tables, stages }: ToldHost, begin: string): string {
  const what = tables.map(({ table, rev }) => `${table} at ${rev}`).join(', ');
  if (state === 'applied') return `${name}: applied${stages?.applied === undefined ? '' : ` ${after(begin, stages.applied)}`} (${what})`;
  return `${name}: ${state} since ${since}: ${why}${what === '' ? '' : ` (${what})`}`;
}

function after(begin: string, time: string): string {
  const ms = Date.parse(time) - Date.parse(begin);
  return `${ms < 0 ? '-' : '+'}${Math.abs(ms)} ms`;
}

function* overviewLines({ open, oldest, lastHour, silent = [] }: Overview): Iterable<string> {
  yield open === 0 ? 'nothing is on its way' : `${open} changes are on their way; the oldest:`;
  if (oldest !== undefined) yield* linesOf(oldest);
  if (silent.length > 0) yield `no projector is heard of ${silent.join(', ')}`;
  const stages = Object.entries(lastHour);
  yield stages.length === 0 ? 'no command of a client arrived in the last hour' : 'commands of clients in the last hour, in seconds:';
  for (const [stage, { count, p50, p99 }] of stages) yield `  ${stage.padEnd(7)} p50 ${p50}, p99 ${p99} (${count})`;
}
