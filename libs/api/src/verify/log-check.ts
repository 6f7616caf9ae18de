/**
 * Checks a log, append by append: what it says is known and has the shape that was declared, everything can be folded, and at no position two hold what only
 * one may. Pure; O(events), with one state for each stream in memory.
 *
 *   const check = new LogCheck(registry);
 *   for (const append of log) check.take(append);
 *   check.findings; [...check.owed(nowMs)];
 */
import { createFold, type Fold } from '../fold/fold.ts';
import type { Followed } from '../fold/former-members.ts';
import type { Exclusive } from '../kind/exclusive.ts';
import type { Change, Folded, ReservationModule } from '../kind/kind.ts';
import { type Append, isOurs, type Position } from '../log/envelope.ts';
import { askEverything, type Owed } from '../loops/ask-everything.ts';
import type { Registry } from '../registry/registry.ts';
import { Causes } from './causes.ts';
import { Holders } from './holders.ts';

/**
 * `order`: the log itself; `event`: unknown, or of another shape than declared; `fold`: an object, a reservation stream or a ledger cannot be folded;
 * `cause`: what it names as its cause does not stand before it; `holder`: two hold what only one may.
 */
export type Finding = Readonly<{
  check: 'order' | 'event' | 'cause' | 'fold' | 'holder';
  position: Position;
  stream: string;
  what: string;
}>;

/** Findings that are kept; what is beyond is counted. */
const FINDINGS_MAX = 1_000;

export class LogCheck {
  readonly fold: Fold;
  readonly findings: Finding[] = [];
  /** All findings, also those that are not kept. */
  found = 0;
  /** `caused`: events that name something before them as their cause. */
  readonly counts = { events: 0, appends: 0, streams: 0, foreign: 0, caused: 0 };
  readonly #registry: Registry;
  /** The last revision of each stream. */
  readonly #revisions = new Map<string, bigint>();
  readonly #reservations = new Map<string, { readonly module: ReservationModule; state: unknown; broken: boolean }>();
  readonly #byKind = new Map<string, Exclusive[]>();
  readonly #byLedger = new Map<string, Exclusive[]>();
  readonly #holders = new Holders();
  readonly #causes = new Causes();
  #position: Position = 0n;
  #timeMs = 0;

  /** `followed`: of what its fold keeps where objects were once. */
  constructor(registry: Registry, options: Readonly<{ followed?: Followed }> = {}) {
    this.#registry = registry;
    this.fold = createFold(registry, options);
    for (const exclusive of registry.exclusives) {
      const { over } = exclusive;
      if ('kind' in over) listOf(this.#byKind, over.kind).push(exclusive);
      else listOf(this.#byLedger, over.ledger).push(exclusive);
    }
  }

  /** Unix time of the last event, ms. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** The change that the append makes; undefined when it cannot be folded. Events are expected in today's types. */
  take(append: Append): Change | undefined {
    this.#order(append);
    this.counts.appends++;
    this.counts.events += append.events.length;
    if (!append.events.every(isOurs)) {
      this.counts.foreign += append.events.length;
      return this.#fold(append, true);
    }
    this.#timeMs = Date.parse(append.events.at(-1)?.metadata.time ?? '');
    const isKnown = this.#shapes(append);
    this.#cause(append);
    this.#reserve(append);
    return this.#fold(append, isKnown);
  }

  /** How many things have a holder, of those that only one may hold, by what they are. */
  get held(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#registry.exclusives.map(({ what }) => [what, this.#holders.counts.get(what) ?? 0]));
  }

  /** What loops owe at this time (Unix time, ms); nothing at rest. */
  owed(nowMs: number): Iterable<Owed> {
    return askEverything(this.#registry, this.fold, nowMs);
  }

  #note(check: Finding['check'], { position, stream }: Append, what: string): void {
    this.found++;
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ check, position, stream, what });
  }

  #order(append: Append): void {
    const { stream, events, position } = append;
    if (position <= this.#position) this.#note('order', append, `its position is not above ${this.#position}, that of the append before`);
    this.#position = position;
    const known = this.#revisions.get(stream);
    if (known === undefined) this.counts.streams++;
    let due = (known ?? -1n) + 1n;
    for (const { revision } of events) {
      if (revision !== due) this.#note('order', append, `it has revision ${revision} where ${due} is due`);
      due = revision + 1n;
    }
    this.#revisions.set(stream, due - 1n);
  }

  /** Whether every event is known and of its shape. Streams of the store itself, and those that nobody reads any more, are left out. */
  #shapes(append: Append): boolean {
    const { stream, events } = append;
    if (!this.#registry.holdsObject(stream) && this.#registry.reservationOf(stream) === undefined) return true;
    const problems = events.flatMap((event) => this.#registry.problemOf(stream, event) ?? []);
    for (const problem of problems) this.#note('event', append, problem);
    return problems.length === 0;
  }

  /** A request of a client causes itself; what a loop or an agent did names the event that made it, what was given back the request that did so. */
  #cause(append: Append): void {
    const { $causationId: cause, requestId } = append.events[0].metadata;
    this.#causes.note(requestId);
    for (const { id } of append.events) this.#causes.note(id);
    if (cause === requestId || cause === undefined || cause === '') return;
    this.counts.caused += append.events.length;
    if (!this.#causes.knows(cause))
      this.#note('cause', append, `it was caused by ${cause}, which is neither an event nor a request before it`);
  }

  #reserve(append: Append): void {
    const { stream, events } = append;
    const module = this.#registry.reservationOf(stream);
    if (module === undefined) return;
    let cell = this.#reservations.get(stream);
    if (cell === undefined) this.#reservations.set(stream, (cell = { module, state: module.initial(), broken: false }));
    if (cell.broken) return;
    try {
      for (const event of events) cell.state = module.evolve(cell.state, event);
    } catch (error) {
      cell.broken = true; // What follows rests on what cannot be folded.
      this.#note('fold', append, `reservations cannot be folded: ${(error as Error).message}`);
    }
  }

  #fold(append: Append, isKnown: boolean): Change | undefined {
    let change: Change;
    try {
      change = this.fold.apply(append);
    } catch (error) {
      this.#note('fold', append, `it cannot be folded: ${(error as Error).message}`);
      return undefined;
    }
    const { before, after, records } = change;
    if (isKnown && after?.unreadable !== undefined && before?.unreadable === undefined) this.#note('fold', append, after.unreadable);
    if (before !== undefined && after !== undefined) this.#hold(append, this.#byKind.get(after.key.kind), living(before), living(after));
    for (const record of records ?? [])
      this.#hold(append, this.#byLedger.get(record.ledger), recorded(record.key, record.before), recorded(record.key, record.after));
    return change;
  }

  /** What is held before and after is left alone, so that a second holder is found once. */
  #hold(append: Append, exclusives: readonly Exclusive[] | undefined, before: Holder | undefined, after: Holder | undefined): void {
    for (const { what, held } of exclusives ?? []) {
      const had = before === undefined ? [] : held(before.value);
      const has = after === undefined ? [] : held(after.value);
      const stays = before?.name === after?.name;
      for (const thing of had) if (!stays || !has.includes(thing)) this.#holders.release(what, thing, before?.name ?? '');
      for (const thing of has) {
        if (stays && had.includes(thing)) continue;
        const other = this.#holders.take(what, thing, after?.name ?? '');
        if (other !== undefined) this.#note('holder', append, `${what} ${thing} is held by ${other} and by ${after?.name}`);
      }
    }
  }
}

type Holder = Readonly<{ name: string; value: unknown }>;

function living(state: Folded): Holder | undefined {
  const { status, key, object } = state;
  return status === 'live' ? { name: `${key.kind} ${key.namespace ?? ''}/${key.name} ${object.metadata.uid}`, value: state } : undefined;
}

function recorded(key: string, record: unknown): Holder | undefined {
  return record === undefined ? undefined : { name: key, value: record };
}

function listOf(map: Map<string, Exclusive[]>, name: string): Exclusive[] {
  let found = map.get(name);
  if (found === undefined) map.set(name, (found = []));
  return found;
}
