/**
 * What a change would do, told for people and programs: rehearsed by the code that would carry it out (`Stage` of `@weft/fabric`). Nothing is written.
 */
import { createHash } from 'node:crypto';
import {
  type Actor,
  type Append,
  type Difference,
  differences,
  type FieldError,
  type JsonValue,
  type ObjectCommand,
  type ObjectKey,
  type Registry,
  type Reply,
  streamOf,
  uuidv5,
} from '@weft/api';
import { contentsOf, type Rehearsal, type RowDifference, reachOf } from '@weft/fabric';
import { shownOf } from '../past/past-differences.ts';
import { flowsOf, type PlannedFlip, toldFlips } from './told-reach.ts';
import { hostsOf, type TouchedHost } from './touched-hosts.ts';

export type PlannedCommand = Readonly<{
  command: ObjectCommand;
  resource: ObjectKey;
  outcome: 'created' | 'changed' | 'unchanged' | 'deleted' | 'refused';
  /** Of a refusal. */
  message?: string;
  /** Of a refusal that has some: fields, and what is wrong with each. */
  causes?: readonly FieldError[];
  warnings?: readonly string[];
}>;
/** `by`: indexes of commands that change it, and the loops that do so on their behalf. */
export type PlannedResource = ObjectKey &
  Readonly<{
    change: 'created' | 'changed' | 'deleted' | 'replaced';
    changed: readonly Difference[];
    commands: readonly number[];
    loops: readonly string[];
  }>;
export type PlannedRows = Readonly<{
  table: string;
  rows: readonly Readonly<{ key: string; change: 'added' | 'changed' | 'removed'; changed: readonly Difference[] }>[];
}>;

export type Plan = Readonly<{
  id: string;
  /** `none`: all is as the manifests say. `refused`: some command would be refused, so the plan cannot be applied. */
  verdict: 'none' | 'change' | 'refused';
  /** Of the log: what the plan rests on. */
  position: string;
  commands: readonly PlannedCommand[];
  resources: readonly PlannedResource[];
  tables: readonly PlannedRows[];
  hosts: readonly TouchedHost[];
  /** Who would reach whom otherwise than now. */
  reach: readonly PlannedFlip[];
  /** Running flows that would end. */
  flows: readonly string[];
  warnings: readonly string[];
  /** Of what would be done: a later apply does this, or nothing. */
  digest: string;
}>;

export type Planned = Readonly<{ id: string; commands: readonly ObjectCommand[]; actor: Actor }>;

/** The id of a command's request. */
export function requestIdOf(id: string, index: number): string {
  return uuidv5(id, String(index));
}

export async function planOf(
  registry: Registry,
  rehearsal: Rehearsal,
  { id, commands, actor }: Planned,
  breathe: () => Promise<void> | undefined,
): Promise<Plan> {
  const position = rehearsal.present.position;
  const warnings: string[] = [];
  const planned: PlannedCommand[] = [];
  for (const [index, command] of commands.entries()) {
    const resource = command.verb === 'create' ? { kind: command.kind, name: '' } : command.key;
    const before = rehearsal.appends.length;
    const reply = await rehearsal.send(command, requestIdOf(id, index), actor);
    planned.push({ command, resource, ...outcomeOf(command, reply, rehearsal.appends.length > before) });
    const { left, refusals, cut } = await rehearsal.settle();
    if (cut) warnings.push('control loops have more to do about this than a plan follows: what is said here is not all');
    for (const { loop, key, status } of refusals) warnings.push(`loop ${loop}, about ${key}: ${status.message}`);
    for (const { loop, key } of left)
      if (!refusals.some((each) => each.loop === loop && each.key === key)) warnings.push(`loop ${loop} does not get on about ${key}`);
  }
  const rows = await rehearsal.rowDifferences();
  const hosts = hostsOf(rehearsal, rows);
  const { flips, cut } = await reachOf(rehearsal, rows, breathe);
  if (cut) warnings.push('there are more groups of interfaces than are compared: who would reach whom is not told in full');
  const reach = toldFlips(rehearsal, flips);
  const resources = resourcesOf(registry, rehearsal, id, commands.length);
  const tables = tablesOf(rows);
  const isRefused = planned.some(({ outcome }) => outcome === 'refused');
  // What is kept in a book is no resource of the fold.
  const isNothing = resources.length + tables.length === 0 && planned.every(({ outcome }) => outcome === 'unchanged');
  const verdict = isRefused ? 'refused' : isNothing ? 'none' : 'change';
  const told = { commands: planned, resources, tables, reach };
  return {
    id,
    verdict,
    position: position.toString(),
    ...told,
    hosts,
    flows: flowsOf(rehearsal, rows, flips),
    warnings: [...new Set(warnings)],
    digest: digestOf(told),
  };
}

function outcomeOf({ verb }: ObjectCommand, reply: Reply, hasAppended: boolean): Omit<PlannedCommand, 'command' | 'resource'> {
  if (!reply.ok) {
    const { message = '', details } = reply.status;
    return { outcome: 'refused', message, ...(details?.causes && { causes: details.causes }) };
  }
  const warnings = reply.warnings === undefined ? {} : { warnings: reply.warnings };
  if (verb === 'delete') return { outcome: 'deleted', ...warnings };
  if (reply.code === 201) return { outcome: 'created', ...warnings };
  return { outcome: hasAppended ? 'changed' : 'unchanged', ...warnings };
}

/** What says when something happened, and who manages which field: a later apply differs in it. */
const PASSING: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'deletionTimestamp',
  'lastStateTransitionTime',
  'lastTransitionTime',
  'managedFields',
]);

function lasting(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(lasting);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => !PASSING.has(name));
  return Object.fromEntries(fields.map(([name, each]) => [name, lasting(each as JsonValue)]));
}

function resourcesOf(registry: Registry, rehearsal: Rehearsal, id: string, count: number): readonly PlannedResource[] {
  const indexes = new Map(Array.from({ length: count }, (_, index) => [requestIdOf(id, index), index]));
  const appends = groupedBy(rehearsal.appends, ({ stream }) => stream);
  return [...rehearsal.fork.changed()]
    .flatMap(({ before, after }) => {
      const kind = registry.kind(after.key.kind);
      if (kind === undefined) return [];
      const [was, is] = [before, after].map((state) => (state.status === 'live' ? state : undefined));
      if (was === undefined && is === undefined) return [];
      const changed = differences(was && lasting(shownOf(kind, was)), is && lasting(shownOf(kind, is)));
      const change: PlannedResource['change'] =
        was === undefined
          ? 'created'
          : is === undefined
            ? 'deleted'
            : was.object.metadata.uid === is.object.metadata.uid
              ? 'changed'
              : 'replaced';
      if (changed.length === 0 && change === 'changed') return [];
      return [{ ...after.key, change, changed, ...causesOf(appends.get(streamOf(after.key)) ?? [], indexes) }];
    })
    .sort((a, b) => (streamOf(a) < streamOf(b) ? -1 : 1));
}

function causesOf(appends: readonly Append[], indexes: ReadonlyMap<string, number>): Pick<PlannedResource, 'commands' | 'loops'> {
  const commands = new Set<number>();
  const loops = new Set<string>();
  for (const { events } of appends) {
    const { actor, $correlationId } = events[0].metadata;
    const index = indexes.get($correlationId);
    if (index !== undefined) commands.add(index);
    if (actor.user.startsWith(LOOP)) loops.add(actor.user.slice(LOOP.length));
  }
  return { commands: [...commands].sort((a, b) => a - b), loops: [...loops].sort() };
}

const LOOP = 'system:loop:';

function tablesOf(rows: readonly RowDifference[]): readonly PlannedRows[] {
  return [...groupedBy(rows, ({ table }) => table)].map(([table, of]) => ({
    table,
    rows: of.map(({ key, before, after }) => ({
      key,
      change: before === undefined ? ('added' as const) : after === undefined ? ('removed' as const) : ('changed' as const),
      changed: differences(before && contentsOf(before), after && contentsOf(after)),
    })),
  }));
}

function groupedBy<V>(values: Iterable<V>, keyOf: (value: V) => string): ReadonlyMap<string, readonly V[]> {
  const groups = new Map<string, V[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

function digestOf(told: object): string {
  return createHash('sha256').update(JSON.stringify(told)).digest('hex');
}
