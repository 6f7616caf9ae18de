/** `weft trace`: what becomes of a packet, in sentences, with what made it so. */
import type { Command } from 'commander';
import { DONE, NO, NOT_ASKED } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { type Call, textOf, type Verb } from '../cli/verb.ts';
import { completeRefs, takesMoment } from './get.ts';

export type Resource = Readonly<{ kind: string; namespace?: string; name?: string; uid?: string }>;
export type Event = Readonly<{
  type: string;
  position: string;
  time: string;
  actor: string;
  onBehalfOf?: string;
  command?: string;
  resource: Resource;
}>;
type Row = Readonly<{ table: string; key: string; position: string; resource: Resource; event?: Event }>;
type Header = Readonly<{
  protocol: string;
  src: string;
  srcPort?: number | Readonly<{ first: number; last: number }>;
  dst: string;
  dstPort?: number;
}>;
type Step = Readonly<{ at: string; host: string; detail: string; rows: readonly Row[]; packet?: Header; refusals?: readonly string[] }>;
type Ending = Readonly<{ verdict: string; outcome: string; reason?: string; to?: Resource; packet: Header; steps: readonly Step[] }>;
type Path = Ending & Readonly<{ share: number; answer?: Ending }>;
type Answer = Readonly<{ verdict: string; reason?: string; to: readonly string[]; position: string }>;
type Applied = Readonly<{
  verdict: string;
  reason?: string;
  waiting: readonly Readonly<{ position: string; time: string; hosts: readonly string[]; tables: readonly string[] }>[];
  answers: readonly Answer[];
}>;
type Live = Readonly<{
  agrees?: boolean;
  outcome: string;
  to?: Resource;
  hops: readonly Readonly<{ host: string; network?: string; device: string; leaves: boolean; src: string; dst: string }>[];
  differs?: Readonly<{ host: string; network?: string; detail: string }>;
  unwatched: readonly Readonly<{ host: string; why: string }>[];
}>;
export type Unexplained = Readonly<{ resource: Resource; why: string }>;
type Trace = Readonly<{
  verdict: string;
  reason?: string;
  position: string;
  time?: string;
  request: Readonly<{ to: string }>;
  lags: readonly Readonly<{ host: string; reason: string; since?: string; rows: readonly Readonly<{ table: string }>[] }>[];
  unexplained?: readonly Unexplained[];
  applied?: Applied;
  live?: Live;
  toldShare: number;
  deliveredShare: number;
  steps: readonly Step[];
  paths: readonly Path[];
}>;

export const trace: Verb = {
  declare(command) {
    takesPacket(command)
      .description('Tells what becomes of a packet, now or then: where it goes, what decides, since when, and by whose command.')
      .addHelpText(
        'after',
        '\nExamples:\n  weft trace nic/default/web-0 tcp 10.0.0.9:5432\n  weft trace internet:203.0.113.7 tcp virtualip/default/web:443\n  weft trace nic/default/web-0 tcp 10.0.0.9:5432 --at 2026-11-22T14:03:00Z --applied\n  weft trace nic/default/web-0 udp 10.0.0.9:53 --live\n  weft trace internet:203.0.113.7 tcp virtualip/default/web:443 --live\n\nEnds with 1 when the packet is dropped or does not come to the interface that was named, or kernels do something else than the log says; with 2 when no probe could be sent.',
      );
    command.option('--applied', 'also what hosts had acknowledged, by then or by now');
    command.option(
      '--live',
      'also sends a marked probe through the kernels, and says where they do something else; it is kept back before the guest or the internet',
    );
    command.option('--deliver', 'with --live: the probe goes there');
    takesOutput(command, ['json', 'yaml']);
    takesMoment(command);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const query = { ...packetIn(call), at: textOf(options, 'at'), ...(options['applied'] === true && { reading: 'applied' }) };
    const told = options['live'] === true ? await liveTrace(call) : await serverOf(call).json<Trace>('/weft/v1/trace', { query });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(told, format, terminal);
    else for (const line of linesOf(told, args.join(' '))) terminal.say(line);
    if (told.live !== undefined && told.live.agrees === undefined) return NOT_ASKED;
    return told.verdict === 'delivered' && told.live?.agrees !== false ? DONE : NO;
  },

  complete: completePacket,
};

function liveTrace(call: Call): Promise<Trace> {
  const { hopLimit, ...ends } = packetIn(call);
  const at = textOf(call.options, 'at');
  const body = {
    ...{ ...ends, live: true, deliver: call.options['deliver'] === true },
    ...(hopLimit !== undefined && { hopLimit: Number(hopLimit) }),
    ...(at !== undefined && { at }),
    ...(call.options['applied'] === true && { reading: 'applied' }),
  };
  return serverOf(call).json<Trace>('/weft/v1/trace', { body });
}

/** Declares of which packet a verb asks. */
export function takesPacket(command: Command): Command {
  return command
    .argument('<from>', 'nic/default/web-0, with :port if it matters; internet, internet:203.0.113.7')
    .argument('<protocol>', 'tcp, udp, sctp or icmp')
    .argument('<to>', '10.0.0.9:5432, [fd00::9]:5432, nic/default/db:5432, virtualip/default/web:443')
    .option('--hop-limit <number>', 'hop limit of the packet (default: 64)');
}

export function packetIn({ args: [from, protocol, to], options }: Call) {
  return { from, protocol, to, hopLimit: textOf(options, 'hopLimit') };
}

export function completePacket(words: readonly string[], call: Omit<Call, 'args'>): Promise<readonly string[]> {
  return words.length === 2 ? Promise.resolve(['tcp', 'udp', 'sctp', 'icmp']) : completeRefs(words.slice(-1), call);
}

function* linesOf(told: Trace, asked: string): Iterable<string> {
  yield* wayLines(told, asked);
  for (const { host, reason, since, rows } of told.lags) {
    const lacks = rows.length === 0 ? '' : `; not acknowledged: ${[...new Set(rows.map(({ table }) => table))].join(', ')}`;
    yield `host ${host} may not do all of this yet: ${reason}${since === undefined ? '' : ` since ${since}`}${lacks}`;
  }
  yield* unexplainedLines(told.unexplained);
  if (told.applied !== undefined) yield* appliedLines(told.applied);
  if (told.live !== undefined) yield* liveLines(told.live);
}

function* liveLines({ agrees, outcome, to, hops, differs, unwatched }: Live): Iterable<string> {
  for (const { host, why } of unwatched) yield host === '' ? `live: ${why}` : `live: host ${host} was not watched: ${why}`;
  if (agrees === undefined) return void (yield 'live: no probe was sent');
  const end =
    outcome === 'gone'
      ? 'was not seen any more after that'
      : `was ${outcome} ${outcome === 'delivered' ? 'to' : 'before'} ${to === undefined ? 'the internet' : nameOf(to)}`;
  yield `live: ${agrees ? 'kernels do the same' : 'KERNELS DO SOMETHING ELSE'}; the probe ${end}`;
  for (const { host, network, device, leaves, src, dst } of hops)
    yield `  ${host}  ${network ?? ''} ${leaves ? 'out by' : 'in by'} ${device}: ${src} to ${dst}`;
  if (differs !== undefined)
    yield `  first difference: host ${differs.host}${differs.network === undefined ? '' : differs.network.includes('/') ? `, network ${differs.network}` : `, ${differs.network}`}: ${differs.detail}`;
}

export function* unexplainedLines(unexplained: readonly Unexplained[] = []): Iterable<string> {
  for (const { resource, why } of unexplained) yield `not explained by the log, ${nameOf(resource)}: ${why}`;
}

function* appliedLines({ verdict, reason, waiting, answers }: Applied): Iterable<string> {
  const because = reason === undefined ? '' : `, ${reason}`;
  yield verdict === 'open' ? 'by what hosts had acknowledged, it is open:' : `by what hosts had acknowledged: ${verdict}${because}`;
  for (const { position, time, hosts, tables } of waiting)
    yield `  ${hosts.join(', ')} had not acknowledged position ${position} (${time}; ${tables.join(', ')})`;
  if (verdict !== 'open') return;
  for (const answer of answers) yield `  as of position ${answer.position}: ${answerText(answer)}`;
}

/** A short answer, as blame has it, too. */
export function answerText({ verdict, reason, to }: Omit<Answer, 'position'>): string {
  if (verdict === 'none') return reason ?? 'no such packet';
  const delivered = `delivered to ${to.join(', ')}`;
  if (verdict === 'delivered') return delivered;
  if (verdict === 'elsewhere') return `not delivered to the interface that was named, but to ${to.join(', ')}`;
  return to.length === 0 ? `dropped, ${reason}` : `dropped in part, ${reason}; else ${delivered}`;
}

function* wayLines({ position, time, request, paths, steps, toldShare, deliveredShare }: Trace, asked: string): Iterable<string> {
  const at = `position ${position}${time === undefined ? '' : `, ${time}`}`;
  const told = new Set<string>();
  const [only] = paths;
  if (only !== undefined && paths.length === 1) {
    yield `${asked}: ${endingOf(only, request.to)} (${at})`;
    yield* stepLines(steps, told);
    yield* answerLines(only, told);
    return;
  }
  yield `${asked}: ${paths.length} ways, ${percent(deliveredShare)} of all source ports delivered${toldShare > 0.9995 ? '' : `, ${percent(1 - toldShare)} not told`} (${at})`;
  yield* stepLines(steps, told);
  for (const path of paths) {
    yield '';
    yield `${percent(path.share)}: ${endingOf(path, request.to)}`;
    yield* stepLines(path.steps.slice(steps.length), told);
    yield* answerLines(path, told);
  }
}

/** `asked`: for whom it was. */
function endingOf({ verdict, outcome, reason, to, packet }: Ending, asked: string): string {
  if (outcome === 'dropped') return `dropped, ${reason}`;
  if (outcome === 'answered') return 'answered by the fabric itself';
  const end = outcome === 'internet' ? 'the internet' : to === undefined ? 'an interface' : nameOf(to);
  const missed = verdict === 'elsewhere' ? `not delivered to ${asked.replace(/:\d+$/, '')}, but to` : 'delivered to';
  return `${missed} ${end}, as ${headerText(packet)}`;
}

function* answerLines({ answer }: Path, told: Set<string>): Iterable<string> {
  if (answer === undefined) return;
  yield answer.verdict === 'delivered'
    ? `an answer comes back, as ${headerText(answer.packet)}`
    : `an answer does not come back: ${endingOf(answer, '')}`;
  if (answer.verdict === 'dropped') yield* stepLines(answer.steps, told);
}

/** Each cause is told once, where it first matters. `told`: those that were. */
function* stepLines(steps: readonly Step[], told: Set<string>): Iterable<string> {
  const width = Math.max(0, ...steps.map(({ host }) => host.length));
  for (const { host, at, detail, rows, refusals = [], packet } of steps) {
    yield `  ${host.padEnd(width)}  ${at}: ${detail}${packet === undefined ? '' : ` -> ${headerText(packet)}`}`;
    const indent = ' '.repeat(width + 6);
    for (const refusal of refusals) yield `${indent}${refusal}`;
    for (const cause of rows.map(causeOf)) {
      if (!told.has(cause)) yield `${indent}because of ${cause}`;
      told.add(cause);
    }
  }
}

function causeOf({ resource, event, position }: Row): string {
  const of = nameOf(resource);
  if (event === undefined) return `${of} (position ${position}, which the log does not explain)`;
  const { type, time, actor, onBehalfOf, resource: changed } = event;
  const elsewhere = nameOf(changed) === of ? '' : ` of ${nameOf(changed)}`;
  const who = onBehalfOf === undefined ? actor : `${actor} for ${onBehalfOf}`;
  return `${of}: ${type}${elsewhere} by ${who} at ${time} (position ${position})`;
}

export function nameOf({ kind, namespace, name, uid }: Resource): string {
  return `${kind} ${[namespace, name].filter((part) => part !== undefined).join('/') || (uid ?? '')}`.trimEnd();
}

function headerText({ protocol, src, srcPort, dst, dstPort }: Header): string {
  const from = typeof srcPort === 'object' ? `${srcPort.first}-${srcPort.last}` : srcPort;
  return `${protocol} ${endText(src, from)} to ${endText(dst, dstPort)}`;
}

function endText(address: string, port: number | string | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
