/**
 * Every subject on the bus, built and taken apart here only.
 *
 *   weft.cmd.<context>.<partition>            request: CommandEnvelope -> Reply, served by the holder of the partition
 *   weft.lease.<scope>.announce               replicas of a context, or those that publish events: which leases each holds
 *   weft.lease.<scope>.hello                  request: is any replica there
 *   weft.events.<context>.<kind>.<namespace>.<name>   what happened, as CloudEvents, for whoever wants to know
 *   weft.log.progress                         how far the log was published there
 *   weft.groups.heard                         which member of a group of subscribers a gateway has heard of
 *   weft.rows.<context>.delta.<table>         rows: changes of one table
 *   weft.rows.<context>.snapshot.<table>      rows: a whole table, in chunks
 *   weft.rows.<context>.progress              rows: how far the projector has read
 *   weft.rows.<context>.ask.<term>            request: revs of tables, or a snapshot; `any` asks whoever projects
 *   weft.host.<host>.heartbeat                a host's agent lives
 *   weft.host.<host>.applied                  what a host has applied
 *   weft.host.<host>.observed                 what a host saw
 *   weft.agent.<host>.<verb>                  request: to the agent of a host
 *   weft.health.<service>                     request: the health of a service
 *   weft.settings.announce                    what a process was started with, where all must have the same
 *   weft.explain.<context>                    request: what a control loop of the context owes about a key, and why
 *   weft.rebuild.<context>                    request: to whoever projects, to make the rows of the context anew, and compare or switch over
 *
 * A name becomes one token: `.` is written `_`, and `_` alone stands for no name (DESIGN 9.17). That is one to one, since names here are DNS names
 * or built of them: letters, digits, `-` and single inner dots; anything else throws.
 */
import { CONTEXTS, type Context, type ObjectKey, PARTITIONS } from '@weft/api';

const NAME = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;
const TOKEN = /^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*$/;

/** Throws a TypeError for what is no dotted name. `undefined` and '' are no name: `_`. */
export function nameToToken(name: string | undefined): string {
  if (name === undefined || name === '') return '_';
  if (!NAME.test(name))
    throw new TypeError(`not a name that the bus can carry (letters, digits, '-', inner dots): ${JSON.stringify(name)}`);
  return name.replaceAll('.', '_');
}

/** Inverse of `nameToToken`; '' for no name, undefined for what is no such token. */
export function tokenToName(token: string): string | undefined {
  if (token === '_') return '';
  return TOKEN.test(token) ? token.replaceAll('_', '.') : undefined;
}

/** Who shares leases among its replicas: the services of a context, or those that publish events. */
export type LeaseScope = Context | 'events';
export type LeaseVerb = 'announce' | 'hello';
export type HostTopic = 'heartbeat' | 'applied' | 'observed';
const LEASE_VERBS: readonly LeaseVerb[] = ['announce', 'hello'];
const HOST_TOPICS: readonly HostTopic[] = ['heartbeat', 'applied', 'observed'];

/** Which subject it is, with its names decoded. */
export type Subject =
  | Readonly<{ of: 'cmd'; context: Context; partition: number }>
  | Readonly<{ of: 'lease'; context: LeaseScope; verb: LeaseVerb }>
  | Readonly<{ of: 'rows-delta' | 'rows-snapshot'; context: string; table: string }>
  | Readonly<{ of: 'rows-progress'; context: string }>
  | Readonly<{ of: 'rows-ask'; context: string; term: string }>
  | Readonly<{ of: 'host'; host: string; topic: HostTopic }>
  | Readonly<{ of: 'agent'; host: string; verb: string }>
  | Readonly<{ of: 'health'; service: string }>
  | Readonly<{ of: 'settings' }>
  | Readonly<{ of: 'explain' | 'rebuild'; context: Context }>
  | Readonly<{ of: 'event'; context: string; kind: string; namespace: string; name: string }>
  | Readonly<{ of: 'log-progress' }>
  | Readonly<{ of: 'groups-heard' }>;

function checkPartition(partition: number): number {
  if (!Number.isInteger(partition) || partition < 0 || partition >= PARTITIONS) {
    throw new TypeError(`a partition is 0 to ${PARTITIONS - 1}, not ${partition}`);
  }
  return partition;
}

/** Builders. `any…` are patterns to subscribe to. */
export const subjects = {
  command: (context: Context, partition: number) => `weft.cmd.${context}.${checkPartition(partition)}`,
  lease: (context: LeaseScope, verb: LeaseVerb) => `weft.lease.${context}.${verb}`,
  rowsDelta: (context: string, table: string) => `weft.rows.${nameToToken(context)}.delta.${nameToToken(table)}`,
  rowsSnapshot: (context: string, table: string) => `weft.rows.${nameToToken(context)}.snapshot.${nameToToken(table)}`,
  rowsProgress: (context: string) => `weft.rows.${nameToToken(context)}.progress`,
  anyRowsProgress: () => 'weft.rows.*.progress',
  /** `term` absent: whoever projects the context now. */
  rowsAsk: (context: string, term?: string) => `weft.rows.${nameToToken(context)}.ask.${term === undefined ? 'any' : nameToToken(term)}`,
  host: (host: string, topic: HostTopic) => `weft.host.${nameToToken(host)}.${topic}`,
  anyHost: (topic: HostTopic) => `weft.host.*.${topic}`,
  agent: (host: string, verb: string) => `weft.agent.${nameToToken(host)}.${nameToToken(verb)}`,
  health: (service: string) => `weft.health.${nameToToken(service)}`,
  anyHealth: () => 'weft.health.*',
  settings: () => 'weft.settings.announce',
  explain: (context: Context) => `weft.explain.${context}`,
  rebuild: (context: Context) => `weft.rebuild.${context}`,
  /** `context` absent: of a kind that this version does not know. */
  event: (context: Context | undefined, { kind, namespace, name }: ObjectKey) =>
    `weft.events.${nameToToken(context)}.${nameToToken(kind)}.${nameToToken(namespace)}.${nameToToken(name)}`,
  /** What all of them begin with. */
  events: () => 'weft.events',
  logProgress: () => 'weft.log.progress',
  groupsHeard: () => 'weft.groups.heard',
} as const;

/** Inverse of the builders; undefined for any other subject. */
export function parseSubject(subject: string): Subject | undefined {
  const tokens = subject.split('.');
  const [root, area, first, second, third] = tokens;
  if (root !== 'weft' || first === undefined) return undefined;
  switch (area) {
    case 'cmd': {
      const partition = partitionFrom(second);
      return isContext(first) && partition !== undefined && tokens.length === 4 ? { of: 'cmd', context: first, partition } : undefined;
    }
    case 'lease': {
      const verb = LEASE_VERBS.find((each) => each === second);
      const isScope = isContext(first) || first === 'events';
      return isScope && verb !== undefined && tokens.length === 4 ? { of: 'lease', context: first, verb } : undefined;
    }
    case 'rows':
      return parseRows(first, second, third, tokens.length);
    case 'host': {
      const host = tokenToName(first);
      const topic = HOST_TOPICS.find((each) => each === second);
      return host !== undefined && topic !== undefined && tokens.length === 4 ? { of: 'host', host, topic } : undefined;
    }
    case 'agent': {
      const [host, verb] = [tokenToName(first), tokenToName(second ?? '')];
      return host !== undefined && verb !== undefined && tokens.length === 4 ? { of: 'agent', host, verb } : undefined;
    }
    case 'health': {
      const service = tokenToName(first);
      return service !== undefined && tokens.length === 3 ? { of: 'health', service } : undefined;
    }
    case 'events':
      return parseEvent(tokens.slice(2));
    case 'log':
      return first === 'progress' && tokens.length === 3 ? { of: 'log-progress' } : undefined;
    case 'groups':
      return first === 'heard' && tokens.length === 3 ? { of: 'groups-heard' } : undefined;
    case 'settings':
      return first === 'announce' && tokens.length === 3 ? { of: 'settings' } : undefined;
    case 'explain':
    case 'rebuild':
      return isContext(first) && tokens.length === 3 ? { of: area, context: first } : undefined;
    default:
      return undefined;
  }
}

function parseEvent(tokens: readonly string[]): Subject | undefined {
  const [context, kind, namespace, name] = tokens.map(tokenToName);
  if (tokens.length !== 4 || !kind || !name || context === undefined || namespace === undefined) return undefined;
  return { of: 'event', context, kind, namespace, name };
}

function parseRows(first: string, what: string | undefined, last: string | undefined, count: number): Subject | undefined {
  const context = tokenToName(first);
  if (context === undefined) return undefined;
  if (what === 'progress') return count === 4 ? { of: 'rows-progress', context } : undefined;
  const name = last === undefined || count !== 5 ? undefined : tokenToName(last);
  if (name === undefined) return undefined;
  if (what === 'ask') return { of: 'rows-ask', context, term: name };
  if (what === 'delta') return { of: 'rows-delta', context, table: name };
  return what === 'snapshot' ? { of: 'rows-snapshot', context, table: name } : undefined;
}

function isContext(token: string): token is Context {
  return (CONTEXTS as readonly string[]).includes(token);
}

function partitionFrom(token: string | undefined): number | undefined {
  if (token === undefined || !/^(0|[1-9]\d?)$/.test(token)) return undefined;
  const partition = Number(token);
  return partition < PARTITIONS ? partition : undefined;
}
