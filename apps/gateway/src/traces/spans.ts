/**
 * A change as spans of OpenTelemetry: made from what the log and the reports of hosts say, once it has arrived. So nothing on its way has to carry or
 * to measure anything for them, and they are whole, whichever processes it went through.
 *
 *   create NetworkPolicy ─┬─ accept
 *                         ├─ append … ── append … (of loops, below what caused them)
 *                         ├─ derive
 *                         └─ for each host: publish rows, compile, kernel commit
 */
import { uuidv5 } from '@weft/api';
import type { HostPart, TrackedChange } from '../convergence/tracked-change.ts';

/** As OTLP/HTTP has it in JSON; times in ns since 1970. */
export type Span = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1 internal, 2 server. */
  kind: 1 | 2;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: readonly Readonly<{ key: string; value: Readonly<{ stringValue: string }> }>[];
  /** 1 ok, 2 error. */
  status: Readonly<{ code: 1 | 2; message?: string }>;
}>;

/** Hosts of one change that have spans. */
const HOSTS_MAX = 100;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

type Part = Readonly<{ id: string; name: string; start: number; end: number; parent?: string; about: Readonly<Record<string, string>> }>;

/** Whether the caller's trace is recorded; without one, it is. */
export function isSampled({ origin: { traceparent } }: TrackedChange): boolean {
  const flags = TRACEPARENT.exec(traceparent ?? '')?.[3];
  return flags === undefined || (Number.parseInt(flags, 16) & 1) === 1;
}

/** `lack`: what is missing, of a change that has not arrived. The same change gives the same ids. */
export function spansOf(change: TrackedChange, nowMs: number, lack?: string): readonly Span[] {
  const { origin, correlation, accepted } = change;
  const [, traceId = hexOf(correlation, 'trace', 32), caller] = TRACEPARENT.exec(origin.traceparent ?? '') ?? [];
  const start = accepted?.getTime() ?? Date.parse(origin.time);
  const root = hexOf(correlation, 'root', 16);
  const { kind, namespace, name } = origin.resource;
  const span = ({ id, name: what, start: from, end, parent, about }: Part): Span => ({
    traceId,
    spanId: id,
    ...(parent !== undefined && { parentSpanId: parent }),
    name: what,
    kind: id === root ? 2 : 1,
    startTimeUnixNano: nanos(Math.min(from, end)),
    endTimeUnixNano: nanos(end),
    attributes: Object.entries(about).map(([key, value]) => ({ key, value: { stringValue: value } })),
    status: id === root && lack !== undefined ? { code: 2, message: lack } : { code: 1 },
  });
  const about = {
    'weft.correlation': correlation,
    'weft.position': `${origin.position}`,
    'weft.resource': [kind, namespace, name].filter((part) => part !== undefined).join('/'),
    'enduser.id': origin.actor.user,
  };
  const end = change.appliedAt?.getTime() ?? nowMs;
  const whole: Part = {
    id: root,
    name: `${origin.command ?? 'change'} ${kind}`,
    start,
    end,
    ...(caller !== undefined && { parent: caller }),
    about,
  };
  return [whole, ...partsOf(change, root, start)].map(span);
}

function* partsOf(change: TrackedChange, root: string, start: number): Iterable<Part> {
  const { correlation, origin, hosts, rowsAt = change.derived } = change;
  const appended = Date.parse(origin.time);
  yield { id: hexOf(correlation, 'accept', 16), name: 'accept', start, end: appended, parent: root, about: {} };
  yield* appendsOf(change, root, start);
  if (rowsAt === undefined) return;
  const derived = rowsAt.getTime();
  yield { id: hexOf(correlation, 'derive', 16), name: 'derive', start: appended, end: derived, parent: root, about: {} };
  for (const host of [...hosts].slice(0, HOSTS_MAX)) yield* hostParts(correlation, root, host, change.partOf(host), derived);
}

/** Each behind the append that caused it. */
function* appendsOf({ correlation, events }: TrackedChange, root: string, start: number): Iterable<Part> {
  const causes = new Map<string, Readonly<{ id: string; time: number }>>();
  for (const append of events ?? []) {
    const [{ metadata, stream, position }] = append;
    const { $causationId, time, actor } = metadata;
    const cause = causes.get($causationId) ?? { id: root, time: start };
    const made = { id: hexOf(correlation, `append ${position}`, 16), time: Date.parse(time) };
    for (const event of append) causes.set(event.id, made);
    const types = append.map(({ type }) => type).join(', ');
    const about = { 'weft.stream': stream, 'weft.position': `${position}`, 'weft.events': types, 'weft.actor': actor.user };
    yield { id: made.id, name: `append ${stream.split('-', 1)[0]}`, start: cause.time, end: made.time, parent: cause.id, about };
  }
}

/** Times of hosts are of their own clocks. */
function* hostParts(correlation: string, root: string, host: string, { stages, tables }: HostPart, derived: number): Iterable<Part> {
  if (stages === undefined) return;
  const about = { 'weft.host': host, 'weft.tables': [...tables.keys()].join(', ') };
  const [delivered, compiled, applied] = [stages.delivered ?? stages.applied, stages.compiled ?? stages.applied, stages.applied].map(
    (time) => Date.parse(time),
  ) as [number, number, number];
  const of = (name: string, from: number, to: number): Part => ({
    id: hexOf(correlation, `${name} ${host}`, 16),
    name,
    start: from,
    end: to,
    parent: root,
    about,
  });
  yield of('publish rows', derived, delivered);
  yield of('compile', delivered, compiled);
  yield of('kernel commit', compiled, applied);
}

function hexOf(correlation: string, what: string, length: number): string {
  return uuidv5(SPANS, `${correlation} ${what}`).replaceAll('-', '').slice(0, length);
}

const nanos = (ms: number) => `${BigInt(Math.round(ms)) * 1_000_000n}`;

/** Namespace of the ids of spans. */
const SPANS = '0c1f8a52-6b7e-5d43-9a10-4e2d7c3b8f61';
