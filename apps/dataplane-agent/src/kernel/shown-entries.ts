/** What this host's kernel should hold and holds, one by one: for whoever asks over the bus. */
import { type Clock, Slices } from '@weft/api';
import { ENTRY_STATES, type EntryState, type KernelObject, type KernelState, keyOf, vniOfObject } from '@weft/fabric';
import type { StandingFault } from './doubts.ts';

/** Each of them is left out where it does not matter. `kind`: of kernel objects, or a section. `skip`: so many come before. */
export type AskedEntries = Readonly<{ vni?: number; kind?: string; state?: EntryState; skip: number; limit: number }>;
export type ShownEntry = Readonly<{
  key: string;
  state: EntryState;
  /** What it says, as text. */
  value: string;
  /** Of what made it so; '' or '0' where nothing says. */
  position: string;
  /** The resource that it serves, where it says so: `<kind>/<uid>`. */
  owner?: string;
  why?: string;
}>;
/** `total`: how many there are, whatever the limit. */
export type ShownEntries = Readonly<{ total: number; entries: readonly ShownEntry[] }>;

export const ENTRIES_MAX = 500;

export type EntriesSource = Readonly<{
  desired: KernelState;
  actual: KernelState;
  failures: ReadonlyMap<string, StandingFault>;
  holds: (key: string) => boolean;
}>;

/** Throws a TypeError for what is no question. */
export function askedEntries(body: Readonly<Record<string, unknown>>): AskedEntries {
  const { vni, kind, state, skip = 0, limit = ENTRIES_MAX } = body;
  if (typeof skip !== 'number' || typeof limit !== 'number') throw new TypeError('skip and limit are numbers');
  return {
    ...(typeof vni === 'number' && { vni }),
    ...(typeof kind === 'string' && { kind }),
    ...(ENTRY_STATES.some((each) => each === state) && { state: state as EntryState }),
    skip: Math.max(0, skip),
    limit: Math.min(Math.max(1, limit), ENTRIES_MAX),
  };
}

/** Looks at everything, in slices; what comes or goes meanwhile may be missed, or be there twice. */
export async function shownEntries(source: EntriesSource, asked: AskedEntries, clock: Clock): Promise<ShownEntries> {
  const slices = new Slices(clock);
  const entries: ShownEntry[] = [];
  let total = 0;
  for (const object of objectsOf(source)) {
    await slices.next();
    if (!isAsked(object, asked)) continue;
    const key = keyOf(object);
    const state = stateOf(key, source);
    if (asked.state !== undefined && state !== asked.state) continue;
    total++;
    if (total > asked.skip && entries.length < asked.limit) entries.push(shown(key, object, state, source));
  }
  return { total, entries };
}

function* objectsOf({ desired, actual }: EntriesSource): Iterable<KernelObject> {
  yield* desired.values();
  for (const [key, object] of actual) if (!desired.has(key)) yield object;
}

function isAsked(object: KernelObject, { vni, kind }: AskedEntries): boolean {
  if (vni !== undefined && vniOfObject(object) !== vni) return false;
  return kind === undefined || object.kind === kind || (object.kind === 'entry' && object.section === kind);
}

function stateOf(key: string, { desired, failures, holds }: EntriesSource): EntryState {
  if (failures.has(key)) return 'refused';
  if (!desired.has(key)) return 'unwanted';
  return holds(key) ? 'programmed' : 'pending';
}

function shown(key: string, object: KernelObject, state: EntryState, { failures }: EntriesSource): ShownEntry {
  const why = failures.get(key)?.detail;
  const owner = ownerOf(object);
  return {
    key,
    state,
    value: textOf(object),
    position: object.position,
    ...(owner !== undefined && { owner }),
    ...(why !== undefined && { why }),
  };
}

function ownerOf(object: KernelObject): string | undefined {
  if (object.kind === 'port') return `NetworkInterface/${object.nic}`;
  return object.kind === 'entry' && object.owner !== '' ? object.owner : undefined;
}

/** What an object says beside its key. */
function textOf(object: KernelObject): string {
  switch (object.kind) {
    case 'router':
    case 'guard':
      return '';
    case 'peer':
      return object.underlay;
    case 'route':
      return `host ${object.hostIndex}`;
    case 'port':
      return [
        object.mac,
        ...object.ips,
        ...(object.prefixes ?? []),
        object.tap === undefined ? `in ${object.netns}` : `tap for ${object.tap}`,
        object.up ? 'up' : 'down',
      ].join(' ');
    case 'entry':
      return object.value;
  }
}

/** What was known of an object, and what was found: where they say the same, that of them which differs. `part`: why it is not whole. */
export function driftText(
  before: KernelObject | undefined,
  after: KernelObject | undefined,
  part: string | undefined,
): Readonly<{ before: string; after: string }> {
  const [was, is] = [before, after].map((object) => object && textOf(object));
  if (before === undefined || after === undefined || was !== is)
    return { before: was === undefined ? 'absent' : was || 'there', after: is === undefined ? (part ?? 'absent') : is || 'there' };
  const others = restOf(after);
  const differing = [...restOf(before)].filter(([name, value]) => others.get(name) !== value).map(([name]) => name);
  const rest = (object: KernelObject): string => differing.map((name) => `${name} ${restOf(object).get(name)}`).join(' ') || 'there';
  return { before: rest(before), after: rest(after) };
}

/** What an object is compared by beside its key and text. */
function restOf(object: KernelObject): ReadonlyMap<string, string> {
  const rest = new Map([['position', object.position]]);
  if (object.kind === 'router') rest.set('vx mtu', object.mtu === undefined ? 'as the underlay leaves it' : `${object.mtu}`);
  if (object.kind === 'port') rest.set('answers', object.answers === true ? 'yes' : 'no');
  return rest;
}
