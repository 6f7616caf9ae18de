/**
 * The log as if some commands had never been sent, by one rule (ADR 60):
 *
 *  1. What the command itself wrote is left out, what it had reserved for it included.
 *  2. What control loops wrote on its account is left out, too. What others need as well stays: that hosts hold or import a Network, and what reservations hold that
 *     does not name the object of the command.
 *  3. An object that does not come to be without it has no history: commands to it are left out likewise, and what loops wrote about it or with its name. Nor
 *     does what was made under a name that is not free without it come to be.
 *  4. From the first thing on that is left out, hosts forget no Network, in reports of theirs neither: whether one would have been idle, nobody knows.
 *  5. Labels change as they were changed: a later change of others does not bring back what is left out.
 */
import { type Append, appendOf, isOurs, isWeft, keyOfStream, type RecordedEvent, type Registry } from '@weft/api';

export type CommandId = string;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ROUNDS_MAX = 32;
const HOSTS_HOLD = ['NetworkHeld.v1', 'NetworkImported.v1'];
const HOSTS_FORGET = ['NetworkIdle.v1', 'NetworkReleased.v1', 'NetworkImportIdle.v1', 'NetworkImportReleased.v1'];
const NOBODY: ReadonlySet<string> = new Set();

/** Whether a control loop wrote it, and no person, agent or client. */
export function isOfLoop({ metadata: { actor } }: RecordedEvent): boolean {
  return isWeft(actor) && !actor.user.startsWith('system:host:');
}

/** `appends`: in the order of the log, all or part of it. `commands`: by request id. O(appends), times the depth of what falls with them. */
export function withoutCommands(registry: Registry, appends: readonly Append[], commands: ReadonlySet<CommandId>): readonly Append[] {
  const gone = new Set(commands);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = gone.size;
    const kept = new Removal(registry, gone).keptOf(appends);
    // What commands that fall had written before that has to be looked at again.
    if (gone.size === before) return kept;
  }
  throw new Error('what falls with commands has no end');
}

class Removal {
  readonly #registry: Registry;
  readonly #gone: Set<CommandId>;
  /** By correlation: the incarnations that commands which are gone were about. */
  readonly #touched = new Map<string, Set<string>>();
  /** Incarnations that do not come to be. */
  readonly #lost = new Set<string>();
  /** By stream. */
  readonly #living = new Map<string, string>();
  readonly #labels = new Map<string, Readonly<{ were: Labels; are: Labels }>>();
  #hasBegun = false;

  constructor(registry: Registry, gone: Set<CommandId>) {
    this.#registry = registry;
    this.#gone = gone;
  }

  keptOf(appends: readonly Append[]): readonly Append[] {
    const kept: Append[] = [];
    for (const append of appends) {
      const isKept = !isOurs(append.events[0]) || this.#keeps(append);
      const left = this.#remembering(this.#relabelled(append, isKept));
      if (!isKept) this.#hasBegun = true;
      else if (left !== undefined) kept.push(left);
    }
    return kept;
  }

  #keeps(append: Append): boolean {
    const [event] = append.events;
    const { requestId, $correlationId } = event.metadata;
    const uid = this.#registry.holdsObject(append.stream) ? event.metadata.uid : undefined;
    const begins = uid !== undefined && hasEvent(append, 'Created');
    const isOfNone = uid !== undefined && (this.#lost.has(uid) || (begins && this.#living.has(append.stream)));
    let falls: boolean;
    if (isOfLoop(event)) falls = isOfNone || this.#fallsOfLoop(append, uid);
    else {
      if (isOfNone) this.#gone.add(requestId);
      falls = this.#gone.has(requestId);
      if (falls && uid !== undefined) this.#touched.set($correlationId, (this.#touched.get($correlationId) ?? new Set<string>()).add(uid));
    }
    if (uid === undefined) return !falls;
    if (falls && begins) this.#lost.add(uid);
    if (!falls && begins) this.#living.set(append.stream, uid);
    if (!falls && hasEvent(append, 'Ended')) this.#living.delete(append.stream);
    return !falls;
  }

  #fallsOfLoop(append: Append, uid: string | undefined): boolean {
    const { events } = append;
    const about = this.#touched.get(events[0].metadata.$correlationId);
    const isShared = uid === undefined || events.every(({ type }) => HOSTS_HOLD.includes(type));
    return (about !== undefined && !isShared) || names(append, this.#lost, about ?? NOBODY);
  }

  /** Without what hosts forget. */
  #remembering(append: Append): Append | undefined {
    const { events } = append;
    if (!this.#hasBegun || !events.some(({ type }) => HOSTS_FORGET.includes(type))) return append;
    const left = events.filter(({ type }) => !HOSTS_FORGET.includes(type));
    return left.length === 0 ? undefined : appendOf(left);
  }

  /** Of what is left out, only what its labels were is noted. */
  #relabelled(append: Append, isKept: boolean): Append {
    const { stream, events } = append;
    if (!events.some((event) => labelsIn(event) !== undefined)) return append;
    const changed = events.map((event) => {
      const is = labelsIn(event);
      if (is === undefined) return event;
      const before = event.type === LABELS_CHANGED ? this.#labels.get(stream) : undefined;
      const are = before === undefined ? is : withDifference(before.were, is, before.are);
      this.#labels.set(stream, { were: is, are: isKept ? are : (before?.are ?? {}) });
      return event.type === LABELS_CHANGED ? { ...event, data: { labels: are } } : event;
    });
    return isKept ? appendOf(changed) : append;
  }
}

type Labels = Readonly<Record<string, string>>;
const LABELS_CHANGED = 'LabelsChanged.v1';

/** The labels that an object has after an event which says all of them. */
function labelsIn({ type, stream, data }: RecordedEvent): Labels | undefined {
  const { labels = {} } = (type === LABELS_CHANGED ? data : (data['metadata'] ?? {})) as Readonly<{ labels?: Labels }>;
  return type === LABELS_CHANGED || type === `${keyOfStream(stream)?.kind}Created.v1` ? labels : undefined;
}

/** What changed from one to the other, done to a third. */
function withDifference(before: Labels, after: Labels, to: Labels): Labels {
  const labels = { ...to };
  for (const name of Object.keys(before)) if (!(name in after)) delete labels[name];
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) labels[name] = value;
  return labels;
}

function hasEvent({ stream, events }: Append, what: 'Created' | 'Ended'): boolean {
  return events.some(({ type }) => type === `${keyOfStream(stream)?.kind}${what}.v1`);
}

/** Whether it names one of these incarnations, in its events or in the command that a loop gave. */
function names({ events }: Append, ...incarnations: readonly ReadonlySet<string>[]): boolean {
  if (incarnations.every(({ size }) => size === 0)) return false;
  const text = JSON.stringify([events[0].metadata.command, ...events.map(({ data }) => data)]);
  for (const [uid] of text.matchAll(UUID)) if (incarnations.some((some) => some.has(uid))) return true;
  return false;
}
