/** How far a change has come, as it is told. */
import type { Facts, Folded, NameIn, Position } from '@weft/api';
import { conditionOf, keyOfStream, nameText, statusOf } from '@weft/api';
import { Host, type HostTypes, isReady } from '@weft/network';
import type { Owed } from './owed.ts';
import { reachOf } from './reach.ts';
import type { HostPart, HostStages, Origin, TrackedChange } from './tracked-change.ts';

export type HostState = 'applied' | 'behind' | 'down';
export type ToldHost = Readonly<{
  name: string;
  state: HostState;
  /** Since when it is behind or down, RFC 3339. */
  since?: string;
  why?: string;
  /** Tables that it has to apply because of the change, with the position at which they changed. */
  tables: readonly Readonly<{ table: string; rev: string }>[];
  /** Interfaces of the change whose links are not up yet. */
  links?: readonly string[];
  stages?: HostStages;
}>;

/**
 * `deriving`: a projector has not read it. `owing`: loops still owe something because of it. `applying`: hosts have not applied it. `applied`: nothing is left.
 * `unknown`: the log does not tell.
 */
export type Progress = 'deriving' | 'owing' | 'applying' | 'applied' | 'unknown';

export type Convergence = Readonly<{
  state: Progress;
  /** Everything that follows from the change is in all kernels that it concerns. */
  converged: boolean;
  correlationId: string;
  change: Omit<Origin, 'position' | 'actor' | 'onBehalfOf'> & Readonly<{ position: string; actor: string; onBehalfOf?: string }>;
  /** Of its last append. */
  lastPosition: string;
  appends: number;
  /** RFC 3339. What is not known is absent. `derived`: the last change of rows. `delivered`, `compiled`, `applied`: of the last host, once all have it. */
  stages: Readonly<{
    accepted?: string;
    appended: string;
    appendedLast: string;
    derived?: string;
    delivered?: string;
    compiled?: string;
    applied?: string;
  }>;
  hosts: Readonly<{ concerned: number; applied: number }>;
  /** Those that are missing first; of many the first ones. */
  hostList: readonly ToldHost[];
  owed: readonly Owed[];
  /** `live`: this gateway has seen it; `log`: found in the log afterwards. */
  source: 'live' | 'log';
  /** What the answer cannot tell exactly, and by how much. */
  precision: readonly string[];
}>;

export const HOSTS_TOLD = 100;

const HOST_TIMES = 'times of hosts are of their own clocks; where a host had more changes within a second, they are those of the newest';
const COALESCED = 'what a loop does because of several changes at once counts to the newest of them';

/** `owed`: undefined where nobody was asked. */
export function convergenceOf(change: TrackedChange, facts: Facts, owed: readonly Owed[] = []): Convergence {
  const hosts = [...change.hosts];
  const applied = hosts.filter((host) => change.stagesAt(host) !== undefined);
  const missing = hosts.filter((host) => change.stagesAt(host) === undefined);
  const state = stateOf(change, missing.length === 0, owed);
  const told = [...missing, ...applied].slice(0, HOSTS_TOLD);
  return {
    state,
    converged: state === 'applied',
    correlationId: change.correlation,
    change: toldOrigin(change.origin),
    lastPosition: `${change.last}`,
    appends: change.positions.length,
    stages: inOrder({
      ...(change.accepted !== undefined && { accepted: change.accepted.toISOString() }),
      appended: change.origin.time,
      appendedLast: change.lastTime,
      ...(change.derived !== undefined && { derived: (change.rowsAt ?? change.derived).toISOString() }),
      ...(change.isApplied && stagesOfLast(hosts.map((host) => change.stagesAt(host)))),
    }),
    hosts: { concerned: hosts.length, applied: applied.length },
    hostList: told.map((name) => toldHost(name, change.partOf(name), facts.get(Host, { name }), change)),
    owed,
    source: 'live',
    precision: precisionOf(change),
  };
}

export function toldOrigin({ position, actor, onBehalfOf, ...origin }: Origin): Convergence['change'] {
  return { ...origin, position: `${position}`, actor: actor.user, ...(onBehalfOf !== undefined && { onBehalfOf: onBehalfOf.user }) };
}

function stateOf(change: TrackedChange, allApplied: boolean, owed: readonly Owed[]): Progress {
  if (change.derived === undefined) return 'deriving';
  if (owed.length > 0) return 'owing';
  return allApplied ? 'applied' : 'applying';
}

/** Since when, and why, a host is missing. */
export function lackOf(host: Folded<HostTypes> | undefined, fallback: string): Pick<ToldHost, 'state' | 'since' | 'why'> {
  if (host === undefined || host.status !== 'live') return { state: 'down', since: fallback, why: 'there is no such host any more' };
  const ready = conditionOf(host.object, 'Ready');
  const { pendingSince } = statusOf(host.object);
  if (!isReady(host)) {
    const since = ready?.lastTransitionTime ?? fallback;
    return { state: 'down', since, why: ready === undefined ? 'no agent has registered it' : `${ready.reason}: ${ready.message}` };
  }
  const refused = conditionOf(host.object, 'KernelRefused');
  const why = refused?.status === 'True' ? `its kernel refuses ${refused.message}` : 'it has not reported it';
  return { state: 'behind', since: pendingSince ?? fallback, why };
}

function toldHost(name: string, part: HostPart, host: Folded<HostTypes> | undefined, change: TrackedChange): ToldHost {
  const { stages, links } = part;
  const asTold = ([table, rev]: readonly [string, Position]) => ({ table, rev: `${rev}` });
  if (stages !== undefined) return { name, state: 'applied', tables: [...part.tables].map(asTold), stages };
  const reach = host === undefined ? () => 0n : reachOf(host);
  const wanted = [...part.tables].filter(([table, rev]) => rev > reach(table));
  const tables = (wanted.length > 0 ? wanted : [...part.tables]).map(asTold);
  const since = (change.derived ?? new Date(change.lastTime)).toISOString();
  const lack = lackOf(host, since);
  if (wanted.length > 0 || lack.state === 'down') return { name, ...lack, tables, ...(links.size > 0 && { links: [...links] }) };
  return { name, ...lack, why: `the links of new interfaces are not up: ${namesOf(links)}`, tables, links: [...links] };
}

const NAMED_MAX = 5;

function namesOf(streams: ReadonlySet<string>): string {
  const names = [...streams].slice(0, NAMED_MAX).map((stream) => nameText(keyOfStream(stream) as NameIn));
  return [...names, ...(streams.size > names.length ? [`and ${streams.size - names.length} more`] : [])].join(', ');
}

/** What is missing, in one sentence. */
export function lackText({ state, owed, hosts, hostList }: Convergence): string {
  const ofLoops = owed.slice(0, NAMED_MAX).map(({ context, loop, key, why }) => {
    if (loop === undefined) return `${context}: ${why}`;
    return `loop ${loop} owes something about ${key}${why === undefined ? '' : `: ${why}`}`;
  });
  const missing = hostList.filter((host) => host.state !== 'applied');
  const ofHosts = missing.slice(0, NAMED_MAX).map(({ name, state: is, since, why }) => `host ${name} is ${is} since ${since}: ${why}`);
  const more = hosts.concerned - hosts.applied - ofHosts.length;
  const told = [...ofLoops, ...ofHosts, ...(more > 0 ? [`${more} hosts more`] : [])];
  if (told.length > 0) return told.join('; ');
  if (state === 'deriving') return 'rows are being derived';
  return state === 'unknown' ? 'the log does not tell' : 'what follows from it is being done';
}

/**
 * Stages come one after the other, though their times are of several clocks, and a gateway may hear that rows were derived after a host has them. The log is
 * believed first: what led to it was not later, what follows from it not earlier.
 */
export function inOrder({ accepted, appended, appendedLast, derived, ...hosts }: Convergence['stages']): Convergence['stages'] {
  const { delivered, compiled, applied } = hosts;
  const heard = [derived, delivered, compiled, applied].filter((time) => time !== undefined).sort()[0];
  let last = appended;
  const next = (time: string | undefined) => (time === undefined ? undefined : (last = time > last ? time : last));
  const [made, given, built, done] = [next(derived && heard), next(delivered), next(compiled), next(applied)];
  return {
    ...(accepted !== undefined && { accepted: accepted < appended ? accepted : appended }),
    appended,
    appendedLast: appendedLast > appended ? appendedLast : appended,
    ...(made !== undefined && { derived: made }),
    ...(given !== undefined && { delivered: given }),
    ...(built !== undefined && { compiled: built }),
    ...(done !== undefined && { applied: done }),
  };
}

function stagesOfLast(all: readonly (HostStages | undefined)[]): Partial<HostStages> {
  const stages: { delivered?: string; compiled?: string; applied?: string } = {};
  for (const each of all) {
    for (const stage of ['delivered', 'compiled', 'applied'] as const) {
      const time = each?.[stage];
      if (time !== undefined && time > (stages[stage] ?? '')) stages[stage] = time;
    }
  }
  return stages;
}

function precisionOf({ accepted, isUnsure, hosts, positions }: TrackedChange): readonly string[] {
  return [
    ...(accepted === undefined ? ['this gateway did not take the request: when it was accepted is not known'] : []),
    ...(isUnsure ? ['messages of a projector were missed: hosts may be missing here'] : []),
    ...(hosts.size > 0 ? [HOST_TIMES] : []),
    ...(positions.length > 1 ? [COALESCED] : []),
  ];
}
