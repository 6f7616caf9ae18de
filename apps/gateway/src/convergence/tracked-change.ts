/** A change: all appends of one correlation, that is, what a command wrote and what loops wrote because of it; and how far hosts are with its rows. */
import { type Actor, type Append, type Few, has, keyOfStream, type Position, plus, type RecordedEvent } from '@weft/api';
import type { RowResource } from '@weft/fabric';
import type { HostSet } from './host-sets.ts';

/** RFC 3339 UTC, of the host's clock. */
export type HostStages = Readonly<{ delivered?: string; compiled?: string; applied: string }>;

/** A table that a change has changed, and who has to apply that. Shared by all these hosts. */
export type Note = Readonly<{ change: TrackedChange; table: string; rev: Position; hosts: HostSet }>;

/** What one host has to apply of a change. */
export type HostPart = Readonly<{
  /** Table -> newest rev that it has to apply. */
  tables: ReadonlyMap<string, Position>;
  /** Streams of interfaces that were placed there, whose links are not up yet. */
  links: ReadonlySet<string>;
  /** Set once it wants nothing more. */
  stages?: HostStages;
}>;

/** How far a host is that has applied some of it. `left`: notes that it has not. `told`: of the report that completed these. */
type Standing = { left: number; told?: HostStages; stages?: HostStages };

/** What stands at the beginning of a change: its command, with the first time. Where it has none, its first append. */
export type Origin = Readonly<{
  position: Position;
  time: string;
  resource: RowResource;
  actor: Actor;
  onBehalfOf?: Actor;
  requestId: string;
  /** Verb, or action, of the command. */
  command?: string;
  /** W3C trace context of the request. */
  traceparent?: string;
}>;

/** `event`: the first of an append, which stands at `position`. */
export function originOf(event: RecordedEvent, position: Position): Origin {
  const { time, actor, onBehalfOf, requestId, command, traceparent } = event.metadata;
  return {
    position,
    time,
    resource: keyOfStream(event.stream) ?? { kind: event.stream },
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    requestId,
    ...(command !== undefined && { command: 'action' in command ? command.action : command.verb }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** What a command claims stands before what it does: the change is told as the command's. */
export function beganWith(origin: Origin, next: RecordedEvent, position: Position): Origin {
  if (origin.command !== undefined || next.metadata.command === undefined) return origin;
  return { ...originOf(next, position), time: origin.time };
}

/** Appends of one change that are kept for its trace. */
const EVENTS_MAX = 200;

/** What of a change is up to hosts. */
type Parts = Readonly<{
  notes: Note[];
  sets: Set<HostSet>;
  /** By host. */
  links: Map<string, Set<string>>;
  standings: Map<string, Standing>;
  /** Hosts that have ended since: only notes from here on are theirs. */
  notesFrom: Map<string, number>;
}>;

const newParts = (): Parts => ({ notes: [], sets: new Set(), links: new Map(), standings: new Map(), notesFrom: new Map() });
/** Shared, and never changed. */
const NO_PARTS = newParts();

export class TrackedChange {
  readonly correlation: string;
  origin: Origin;
  positions: readonly Position[] = [];
  /** The events of its first appends, where traces are made of them. */
  readonly events: Append['events'][] | undefined;
  streams: Few<string>;
  /** Its own once something is in them: most changes concern no host, and many are remembered. */
  #parts: Parts = NO_PARTS;
  /** Notes of hosts, and links, that are not applied. */
  #missing = 0;
  /** RFC 3339, of the last host that had all of it. */
  #lastApplied = '';
  /** When a gateway took the request. */
  readonly accepted: Date | undefined;
  /** When all projectors were heard to have read its last append; absent while one is behind. */
  derived: Date | undefined;
  /** When this gateway heard last of a table that it changed. */
  rowsAt: Date | undefined;
  /** Its last append when loops were asked last and owed nothing because of it. */
  settled: Position | undefined;
  /** Messages of a projector were missed: it may have changed more tables. */
  isUnsure = false;
  isMeasured = false;
  /** There were too many; whoever still waits for it need not. */
  isForgotten = false;
  /** Pairs of it and a host, and links, for bounds: a host of two sets counts twice. */
  pairs = 0;
  /** The time of its last append. */
  lastTime: string;

  constructor(append: Append, accepted: Date | undefined, { keepsEvents = false } = {}) {
    if (keepsEvents) this.events = [];
    const [{ metadata }] = append.events;
    this.correlation = metadata.$correlationId;
    this.origin = originOf(append.events[0], append.position);
    this.accepted = accepted;
    this.lastTime = metadata.time;
  }

  /** Whether an append of it is in this stream. */
  wrote(stream: string): boolean {
    return has(this.streams, stream);
  }

  get last(): Position {
    return this.positions.at(-1) ?? this.origin.position;
  }

  /** Derived, and all hosts have reported what they had to apply. */
  get isApplied(): boolean {
    return this.derived !== undefined && this.#missing === 0;
  }

  /** Nothing is left to be done. */
  get isConverged(): boolean {
    return this.isApplied && this.settled === this.last;
  }

  /** When the last host had it in its kernel: where there is none, when it was derived. */
  get appliedAt(): Date | undefined {
    if (!this.isApplied) return undefined;
    const derived = this.derived as Date;
    const applied = new Date(this.#lastApplied);
    return applied.getTime() > derived.getTime() ? applied : derived;
  }

  append({ position, stream, events }: Append): void {
    this.positions = withOne(this.positions, position);
    if (this.events !== undefined && this.events.length < EVENTS_MAX) this.events.push(events);
    this.streams = plus(this.streams, stream);
    this.origin = beganWith(this.origin, events[0], position);
    this.lastTime = events[0].metadata.time;
    this.derived = undefined;
  }

  // ---- hosts ----

  /** Those that have to apply something of it. O(1) where all of it goes to the same. */
  get hosts(): ReadonlySet<string> {
    const [only] = this.#parts.sets;
    if (only !== undefined && this.#parts.sets.size === 1 && this.#parts.notesFrom.size === 0 && this.#parts.links.size === 0)
      return only.names;
    const all = new Set<string>();
    for (const [i, { hosts }] of this.#parts.notes.entries())
      for (const name of hosts.names) if (i >= (this.#parts.notesFrom.get(name) ?? 0)) all.add(name);
    for (const name of this.#parts.links.keys()) all.add(name);
    return all;
  }

  stagesAt(host: string): HostStages | undefined {
    return this.#parts.standings.get(host)?.stages;
  }

  /** Those that are not up. */
  linksAt(host: string): ReadonlySet<string> {
    return this.#parts.links.get(host) ?? NO_LINKS;
  }

  partOf(host: string): HostPart {
    const tables = new Map(this.#notesOf(host).map(({ table, rev }) => [table, rev]));
    const stages = this.stagesAt(host);
    return { tables, links: this.linksAt(host), ...(stages !== undefined && { stages }) };
  }

  /** Hosts have to apply a table, each of them once `note` says so. O(hosts that have applied some of it). */
  note(table: string, rev: Position, hosts: HostSet): Note {
    const note: Note = { change: this, table, rev, hosts };
    const { sets, notes, standings } = this.#ownParts();
    if (!sets.has(hosts)) this.pairs += hosts.names.size;
    sets.add(hosts);
    notes.push(note);
    this.#missing += hosts.names.size;
    for (const [host, standing] of standings) {
      if (!hosts.names.has(host)) continue;
      standing.left++;
      reopen(standing);
    }
    return note;
  }

  /** An interface was placed there, whose link is not up. */
  awaitLink(host: string, stream: string): void {
    let links = this.#parts.links.get(host);
    if (links === undefined) this.#ownParts().links.set(host, (links = new Set()));
    if (links.has(stream)) return;
    links.add(stream);
    this.pairs++;
    this.#missing++;
    const standing = this.#parts.standings.get(host);
    if (standing !== undefined) reopen(standing);
  }

  /** Hosts that wait for this link. */
  *awaiting(stream: string): Iterable<string> {
    for (const [host, links] of this.#parts.links) if (links.has(stream)) yield host;
  }

  /** Hosts and links that are not up there. */
  *links(): Iterable<readonly [host: string, stream: string]> {
    for (const [host, links] of this.#parts.links) for (const stream of links) yield [host, stream];
  }

  /** A host has one of these tables by now. Gives whether it has all of the change with that. */
  noteApplied(host: string, stages: () => HostStages): boolean {
    const standing = this.#standingOf(host);
    standing.left--;
    this.#missing--;
    if (standing.left === 0) standing.told = stages();
    return this.#complete(host, standing);
  }

  /** The same, of a link. `time`: RFC 3339, of the event that says so. */
  linkUp(host: string, stream: string, time: string, stages: () => HostStages): boolean {
    if (this.#parts.links.get(host)?.delete(stream) !== true) return false;
    this.#missing--;
    const standing = this.#standingOf(host);
    // A link comes up last.
    if (standing.told !== undefined) standing.told = { ...standing.told, applied: later(standing.told.applied, time) };
    else if (standing.left === 0) standing.told = stages();
    return this.#complete(host, standing);
  }

  /** There is no such host any more. `notes`: those that it had not applied. */
  hostEnded(host: string, notes: number): void {
    this.#missing -= notes + (this.#parts.links.get(host)?.size ?? 0);
    const { links, standings, notesFrom, notes: all } = this.#ownParts();
    links.delete(host);
    standings.delete(host);
    notesFrom.set(host, all.length);
  }

  #complete(host: string, standing: Standing): boolean {
    if (standing.left > 0 || standing.told === undefined || (this.#parts.links.get(host)?.size ?? 0) > 0) return false;
    standing.stages = standing.told;
    this.#lastApplied = later(standing.stages.applied, this.#lastApplied);
    return true;
  }

  #ownParts(): Parts {
    if (this.#parts === NO_PARTS) this.#parts = newParts();
    return this.#parts;
  }

  #standingOf(host: string): Standing {
    let standing = this.#parts.standings.get(host);
    if (standing === undefined) this.#ownParts().standings.set(host, (standing = { left: this.#countOf(host) }));
    return standing;
  }

  #countOf(host: string): number {
    let count = 0;
    for (let i = this.#parts.notesFrom.get(host) ?? 0; i < this.#parts.notes.length; i++)
      if (this.#parts.notes[i]?.hosts.names.has(host)) count++;
    return count;
  }

  #notesOf(host: string): readonly Note[] {
    const from = this.#parts.notesFrom.get(host) ?? 0;
    return this.#parts.notes.filter(({ hosts }, i) => i >= from && hosts.names.has(host));
  }
}

const NO_LINKS: ReadonlySet<string> = new Set();

function reopen(standing: Standing): void {
  delete standing.stages;
  delete standing.told;
}

/** Most changes have few appends, and very many are remembered: what `push` keeps free would be most of the list. */
function withOne<T>(list: readonly T[], one: T): readonly T[] {
  if (list.length < 16) return list.concat(one);
  (list as T[]).push(one);
  return list;
}

/** RFC 3339 UTC sorts as text. */
function later(a: string, b: string): string {
  return a > b ? a : b;
}

/** What a report says of the newest change in it. An agent of an older version tells no stages: it had applied it when it said so. */
export function stagesOf(report: RecordedEvent | undefined, now: Date): HostStages {
  const stages = report?.data['stages'] as Required<HostStages> | undefined;
  return stages ?? { applied: report?.metadata.time ?? now.toISOString() };
}
