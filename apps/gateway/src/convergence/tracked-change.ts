/** A change: all appends of one correlation, that is, what a command wrote and what loops wrote because of it; and how far hosts are with its rows. */
import { type Actor, type Append, keyOfStream, type Position, type RecordedEvent } from '@weft/api';
import type { RowResource } from '@weft/fabric';

/** RFC 3339 UTC, of the host's clock. */
export type HostStages = Readonly<{ delivered?: string; compiled?: string; applied: string }>;

/** What one host has to apply of a change. */
export type HostPart = {
  /** Table -> newest rev that it has to apply. */
  readonly tables: Map<string, Position>;
  /** Streams of interfaces that were placed there, whose links are not up yet. */
  links?: Set<string>;
  /** Of the report that completed its tables. */
  told?: HostStages;
  /** Set once it wants nothing more. */
  stages?: HostStages;
};

/** What stands at the beginning of a change. */
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

export function originOf({ events: [event], position }: Append): Origin {
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

/** Appends of one change that are kept for its trace. */
const EVENTS_MAX = 200;

export class TrackedChange {
  readonly correlation: string;
  readonly origin: Origin;
  readonly positions: Position[] = [];
  /** The events of its first appends, where traces are made of them. */
  readonly events: Append['events'][] | undefined;
  readonly streams = new Set<string>();
  readonly hosts = new Map<string, HostPart>();
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
  /** The time of its last append. */
  lastTime: string;

  constructor(append: Append, accepted: Date | undefined, { keepsEvents = false } = {}) {
    if (keepsEvents) this.events = [];
    const [{ metadata }] = append.events;
    this.correlation = metadata.$correlationId;
    this.origin = originOf(append);
    this.accepted = accepted;
    this.lastTime = metadata.time;
  }

  get last(): Position {
    return this.positions.at(-1) ?? this.origin.position;
  }

  /** Derived, and all hosts have reported what they had to apply. */
  get isApplied(): boolean {
    if (this.derived === undefined) return false;
    for (const { stages } of this.hosts.values()) if (stages === undefined) return false;
    return true;
  }

  /** Nothing is left to be done. */
  get isConverged(): boolean {
    return this.isApplied && this.settled === this.last;
  }

  /** When the last host had it in its kernel: where there is none, when it was derived. */
  get appliedAt(): Date | undefined {
    if (!this.isApplied) return undefined;
    let last = this.derived as Date;
    for (const { stages } of this.hosts.values())
      if (stages !== undefined && new Date(stages.applied) > last) last = new Date(stages.applied);
    return last;
  }

  append({ position, stream, events }: Append): void {
    this.positions.push(position);
    if (this.events !== undefined && this.events.length < EVENTS_MAX) this.events.push(events);
    this.streams.add(stream);
    this.lastTime = events[0].metadata.time;
    this.derived = undefined;
  }

  partOf(host: string): HostPart {
    let part = this.hosts.get(host);
    if (part === undefined) this.hosts.set(host, (part = { tables: new Map() }));
    return part;
  }
}

/** What a report says of the newest change in it. An agent of an older version tells no stages: it had applied it when it said so. */
export function stagesOf(report: RecordedEvent | undefined, now: Date): HostStages {
  const stages = report?.data['stages'] as Required<HostStages> | undefined;
  return stages ?? { applied: report?.metadata.time ?? now.toISOString() };
}
