/**
 * How far a change had come, from the log alone: for what this gateway has not seen. Hosts name in their reports the position at which each table
 * changed last; where that is one of the change's, the host had to apply it, and had. What changed once more before its report does not show.
 */
import { type Facts, factsOf, isOurs, type Position, type RecordedEvent, type Slices, statusOf } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { Host, isReady } from '@weft/network';
import type { Follower } from '@weft/service';
import { eventAt } from '../past/event-at.ts';
import { type Convergence, HOSTS_TOLD, inOrder, lackOf, type Progress, type ToldHost, toldOrigin } from './convergence.ts';
import { followersOf } from './followers.ts';
import { reachOf } from './reach.ts';
import { beganWith, type Origin, originOf, stagesOf } from './tracked-change.ts';

/** So many events behind the last one of the change are read, and those of so much time. */
const EVENTS_MAX = 5_000;
const BEHIND_MS_MAX = 60_000;

type Found = {
  readonly first: RecordedEvent;
  origin: Origin;
  readonly positions: Set<Position>;
  last: RecordedEvent;
  /** Table -> the newest position of the change at which a host says that it changed. */
  readonly tables: Map<string, Position>;
  /** Host -> the report that shows that it has applied them. */
  readonly reports: Map<string, RecordedEvent>;
  /** Tables that hosts reported at later positions only, of those that they follow. */
  coalesced: number;
  isCut: boolean;
};

/** Undefined when the log holds no event of Weft's there. */
export async function convergenceFromLog(
  { store, follower, slices }: Readonly<{ store: EventStore; follower: Follower; slices: Slices }>,
  position: Position,
): Promise<Convergence | undefined> {
  const found = await search(store, slices, position);
  if (found === undefined) return undefined;
  const facts = factsOf(follower);
  const hosts = toldHosts(found, facts);
  const applied = hosts.filter(({ state }) => state === 'applied');
  const state = stateOf(hosts, facts);
  const { first, last, origin, positions } = found;
  const newest = (stage: 'delivered' | 'compiled' | 'applied') =>
    applied
      .flatMap(({ stages }) => stages?.[stage] ?? [])
      .sort()
      .at(-1);
  const [delivered, compiled, done] = [newest('delivered'), newest('compiled'), newest('applied')];
  return {
    state,
    converged: state === 'applied',
    correlationId: first.metadata.$correlationId,
    change: toldOrigin(origin),
    lastPosition: `${last.position}`,
    appends: positions.size,
    stages: inOrder({
      appended: first.metadata.time,
      appendedLast: last.metadata.time,
      ...(state === 'applied' && delivered !== undefined && { delivered }),
      ...(state === 'applied' && compiled !== undefined && { compiled }),
      ...(state === 'applied' && done !== undefined && { applied: done }),
    }),
    hosts: { concerned: hosts.length, applied: applied.length },
    hostList: [...hosts].sort((a, b) => Number(a.state === 'applied') - Number(b.state === 'applied')).slice(0, HOSTS_TOLD),
    owed: [],
    source: 'log',
    precision: precisionOf(found),
  };
}

/** Where no host is behind anything, none is behind this. */
function stateOf(hosts: readonly ToldHost[], facts: Facts): Progress {
  if (hosts.some(({ state }) => state !== 'applied')) return 'applying';
  const [...all] = facts.all(Host);
  const isBehind = all.some((host) => !isReady(host) || statusOf(host.object).pendingSince !== undefined);
  return hosts.length === 0 && isBehind ? 'unknown' : 'applied';
}

async function search(store: EventStore, slices: Slices, position: Position): Promise<Found | undefined> {
  const first = await eventAt(store, position);
  if (first === undefined || !isOurs(first)) return undefined;
  const found: Found = {
    first,
    origin: originOf(first, first.position),
    positions: new Set([first.position]),
    last: first,
    tables: new Map(),
    reports: new Map(),
    coalesced: 0,
    isCut: false,
  };
  let left = EVENTS_MAX;
  for await (const page of store.readAllPages({ from: first.position })) {
    for (const event of page) {
      if (!isOurs(event)) continue;
      if (event.metadata.$correlationId === first.metadata.$correlationId && !isReport(event)) {
        found.positions.add(event.position);
        found.last = event;
        found.origin = beganWith(found.origin, event, event.position);
        left = EVENTS_MAX;
      } else if (event.type === 'HostApplied.v1') reported(found, event);
      if (Date.parse(event.metadata.time) - Date.parse(found.last.metadata.time) > BEHIND_MS_MAX) return found;
      if (--left < 0) return { ...found, isCut: true };
    }
    await slices.turn();
  }
  return found;
}

function isReport({ type }: RecordedEvent): boolean {
  return type === 'HostApplied.v1' || type === 'NicProgrammed.v1';
}

function reported(found: Found, event: RecordedEvent): void {
  const tables = (event.data['tables'] ?? {}) as Readonly<Record<string, string>>;
  let shows = false;
  for (const [table, text] of Object.entries(tables)) {
    const rev = BigInt(text);
    if (found.positions.has(rev)) {
      if (rev > (found.tables.get(table) ?? 0n)) found.tables.set(table, rev);
      shows = true;
    } else if (rev > found.first.position && !found.tables.has(table)) found.coalesced++;
  }
  if (shows) found.reports.set(event.stream.slice('Host-.'.length), event);
}

function toldHosts({ tables, reports, last }: Found, facts: Facts): readonly ToldHost[] {
  const concerned = new Map<string, Map<string, Position>>();
  const note = (host: string, table: string, rev: Position) => {
    const of = concerned.get(host) ?? new Map<string, Position>();
    concerned.set(host, of.set(table, rev));
  };
  for (const [table, rev] of tables) for (const host of followersOf(table, facts)) note(host, table, rev);
  for (const [host, { data }] of reports)
    for (const table of Object.keys(data['tables'] as object)) if (tables.has(table)) note(host, table, tables.get(table) as Position);
  return [...concerned].map(([name, of]) => {
    const told = [...of].map(([table, rev]) => ({ table, rev: `${rev}` }));
    const host = facts.get(Host, { name });
    const report = reports.get(name);
    const reach = host === undefined ? () => 0n : reachOf(host);
    const has = [...of].every(([table, rev]) => rev <= reach(table));
    if (has || (report !== undefined && host === undefined))
      return { name, state: 'applied' as const, tables: told, ...(report !== undefined && { stages: stagesOf(report, new Date(0)) }) };
    return { name, ...lackOf(host, last.metadata.time), tables: told };
  });
}

function precisionOf({ tables, coalesced, isCut }: Found): readonly string[] {
  return [
    'from the log: when the request was accepted and when rows were derived is not in it, and who follows a table is read from what hosts hold now',
    'times of hosts are of their own clocks, and of the newest change of a report: 1 s at most too late',
    ...(tables.size === 0
      ? ['no host has reported a position of this change: it changed no rows, or each table changed once more before its report']
      : []),
    ...(coalesced > 0
      ? [`${coalesced} reports around it name later changes of other tables: what the change did there does not show`]
      : []),
    ...(isCut ? [`only ${EVENTS_MAX} events behind it were read`] : []),
  ];
}
