/**
 * Derives values from others by pure functions, and notes what each of them reads. So nobody has to say when a value must be derived again: after a
 * change exactly those keys are asked again that had read what differs now. (To ask a key means to evaluate its derivation.)
 *
 *     owner of the data         engine
 *                               ┌──────────────────────────────────────────────────────────┐
 *     ┌───────────────┐         │ source           stage 1             stage 2             │
 *     │ fold, ledger, │ changed │ hosts ──map────> numbers ──group──> routes ──> listener  │
 *     │ table of rows ├────────>│   ▲                 ▲                 │                  │
 *     │               │<────────│   └── see(number) ──┴────── get ──────┘  reads, noted    │
 *     └───────────────┘   get   │                                                          │
 *                               │ nics ───lazyMap──> owed ──> take(), in slices            │
 *                               └──────────────────────────────────────────────────────────┘
 *
 * 1. A change marks the readers of what changed: of a value, a part of it, members of an index, the keys of members, or absence. Nothing runs yet.
 * 2. `settle` asks what is marked, stage after stage. When a value comes out equal, its readers are not marked.
 * 3. A stage reads sources and earlier stages only. So there are no cycles, each `settle` asks a key at most once, and none sees half of a change.
 *
 * A derivation that reads too much is right, but slow: if it reads a whole host where it needs the number, it is asked at each report of the host.
 * A lens reads a part; `evaluations` counts, and tests set budgets for it. Not thread safe, not reentrant, no I/O, no clock of its own.
 */
import { Alarms } from './alarms.ts';
import { Auditor, type Finding } from './audit.ts';
import { type Cause, NewestCauses } from './cause.ts';
import { type Collection, type Derivation, Derived, type EngineParts, Origin, type Rules } from './collection.ts';
import { Index } from './collection-index.ts';
import { Evaluator } from './evaluator.ts';
import { type Explained, explainKey } from './explain.ts';
import { describeGraph, type Graph } from './graph.ts';
import { Lazy, type LazyParts, type LazyRules } from './lazy.ts';
import { addCausesOfCell, Notebook } from './notes.ts';
import { type Notes, type Read, Reader } from './read.ts';
import { sameValue } from './same.ts';
import type { Source } from './source.ts';
import { wakeForSource } from './wake.ts';

export type EngineOptions = Readonly<{
  /** Monotonic clock in ms, for slices. */
  now?: () => number;
  /** At most so many causes of a value are given, the newest ones; default 64. */
  causesMax?: number;
  /** For tests: takes notes in place of the engine's own notebook, for example to forget some of them. */
  notes?: (own: Notes) => Notes;
}>;
export type DeriveOptions<V> = Readonly<{
  /** Whether a value counts as unchanged, so that its readers are not asked again. Default: equal by value. */
  same?: (before: V, after: V) => boolean;
}>;
export type LazyOptions<V> = DeriveOptions<V> &
  Readonly<{
    /** A small number; keys of 0 are asked first. */
    priorityOf?: (key: string) => number;
    /** Of a map: of the keys that are there by now, only those that `awaitAll` names are asked. */
    waitsForAll?: false;
  }>;
export type Derive<V> = (key: string, read: Read) => V | undefined;
export type Fault = Readonly<{ collection: string; key: string; error: Error }>;

export const CAUSES_MAX = 64;

export class Engine {
  readonly #now: () => number;
  readonly #causesMax: number;
  readonly #positions = new Alarms<bigint>();
  readonly #times = new Alarms<number>();
  readonly #origins = new Map<Source<unknown>, Origin<unknown>>();
  readonly #derived: Derived<unknown>[] = [];
  readonly #names = new Set<string>();
  readonly #notebook: Notebook;
  readonly #evaluator: Evaluator;
  readonly #auditor: Auditor;
  readonly #parts: EngineParts;
  readonly #lazyParts: LazyParts;
  #audit: Iterator<Finding | undefined, void> | undefined;
  #position = 0n;
  #timeMs = Number.NEGATIVE_INFINITY;
  #ids = 0;

  constructor({ now, causesMax = CAUSES_MAX, notes = (own) => own }: EngineOptions = {}) {
    this.#now = now ?? noClock;
    this.#causesMax = causesMax;
    const clocks = { positions: this.#positions, times: this.#times };
    const stand = () => ({ position: this.#position, timeMs: this.#timeMs });
    this.#notebook = new Notebook(true, clocks, causesMax);
    this.#evaluator = new Evaluator(this.#notebook, new Reader(notes(this.#notebook), stand));
    const audited = new Notebook(false, clocks, causesMax);
    this.#auditor = new Auditor(this.#derived, audited, new Reader(audited, stand));
    this.#parts = {
      nextId: () => this.#ids++,
      causesInto: (cell, into) => addCausesOfCell(cell, into, new Set(), this.#causesMax),
    };
    this.#lazyParts = {
      settle: () => this.settle(),
      ask: (cell) => this.#evaluator.ask(cell),
      finish: () => this.#evaluator.finish(),
      now: this.#now,
    };
  }

  // ---- Declarations ----

  /** Adds a source. Its owner then reports each change, by `changed` or by `Source.attach`. */
  source<V>(source: Source<V>): Collection<V> {
    this.#takeName(source.name);
    const origin = new Origin(source, this.#parts.nextId);
    this.#origins.set(source, origin);
    source.attach?.((key, before, after, facets) => this.#change(origin, key, before, after, facets));
    return origin;
  }

  /** Derives one value for each key of a collection. */
  map<V>(name: string, over: Collection<unknown>, derive: Derive<V>, options: DeriveOptions<V> = {}): Derived<V> {
    const made = new Derived<V>(this.#declare(name, over, rulesOf(derive, options)), this.#parts);
    over.maps.push(made);
    made.markAll(over.keys());
    return this.#add(made);
  }

  /** Derives one value for each value of an index that has members. */
  group<V>(name: string, over: Index<unknown>, derive: Derive<V>, options: DeriveOptions<V> = {}): Derived<V> {
    const made = new Derived<V>(this.#declare(name, over, rulesOf(derive, options)), this.#parts);
    over.groups.push(made);
    made.markAll(over.values());
    return this.#add(made);
  }

  /** As `map`, but asked only by `take`, and O(1) however many keys there are. Nothing may read it. */
  lazyMap<V>(name: string, over: Collection<unknown>, derive: Derive<V>, options: LazyOptions<V> = {}): Lazy<V> {
    const made = new Lazy<V>(this.#declare(name, over, lazyRulesOf(derive, options)), this.#parts, this.#lazyParts);
    over.maps.push(made);
    if (options.waitsForAll !== false) made.awaitAll(over.keys(), over.size);
    return this.#add(made);
  }

  /** As `group`, but asked only by `take`, and O(1) however many groups there are. Nothing may read it. */
  lazyGroup<V>(name: string, over: Index<unknown>, derive: Derive<V>, options: LazyOptions<V> = {}): Lazy<V> {
    const made = new Lazy<V>(this.#declare(name, over, lazyRulesOf(derive, options)), this.#parts, this.#lazyParts);
    over.groups.push(made);
    made.awaitAll(
      over.values(),
      over.filings.reduce((sum, { of }) => sum + of.size, 0),
    );
    return this.#add(made);
  }

  /**
   * A value for a key of a collection, or for a value of an index, whenever somebody asks: derived from what sources and derived collections hold just then,
   * and not kept. Nobody is told when it would differ. Call `settle` first. Throws what the derivation throws.
   */
  onDemand<V>(name: string, over: Collection<unknown> | Index<unknown>, derive: Derive<V>): (key: string) => V | undefined {
    const made = new Derived<V>(this.#declare(name, over, rulesOf(derive, {})), this.#parts);
    return (key) => this.#auditor.derive(made, key);
  }

  /** One index that joins several, of one collection or of many. */
  join<V>(name: string, ...indexes: readonly [Index<V>, ...Index<V>[]]): Index<V> {
    return new Index(
      this.#takeName(name),
      this.#parts.nextId(),
      indexes.flatMap(({ filings }) => filings),
    );
  }

  // ---- Changes ----

  /** Reports a change of a source; undefined stands for absent. The source and its indexes must show `after` by now. O(readers of what differs). */
  changed<V>(source: Source<V>, key: string, before: V | undefined, after: V | undefined, facets?: readonly string[]): void {
    const origin = this.#origins.get(source);
    if (origin === undefined) throw new Error(`${source.name} is no source of this engine`);
    this.#change(origin, key, before, after, facets);
  }

  #change(of: Collection<unknown>, key: string, before: unknown, after: unknown, facets: readonly string[] | undefined): void {
    if (this.#notebook.isOpen) throw new Error(`${of.name} ${key} changes during an evaluation`);
    if (before !== after) wakeForSource({ of, key, before, after, facets });
  }

  get position(): bigint {
    return this.#position;
  }

  get timeMs(): number {
    return this.#timeMs;
  }

  /** Tells the engine that the sources hold everything up to this position of the log. It never goes back. */
  advanceTo(position: bigint): void {
    if (position <= this.#position) return;
    this.#position = position;
    this.#positions.advanceTo(position);
  }

  /** Tells the engine the time, Unix time in ms. It never goes back. */
  passTo(timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#times.advanceTo(timeMs);
  }

  /** The earliest time that an evaluation waits for: call `passTo` then at the latest. */
  get nextTimeMs(): number | undefined {
    return this.#times.next;
  }

  /** Asks everything marked that is not lazy, and what gets marked by that; then calls the listeners. O(marked + what they read). */
  settle(): void {
    this.#assertAtRest();
    for (const derived of this.#derived) derived.markRest();
    for (const derived of this.#derived) {
      for (let cell = derived.nextMarked(); cell !== undefined; cell = derived.nextMarked()) this.#evaluator.ask(cell);
    }
    this.#evaluator.finish();
  }

  /** The same, for about this long: gives whether all of it is done. Between two slices sources may change. */
  settleSlice(sliceMs: number): boolean {
    this.#assertAtRest();
    if (!this.#hasMarks) {
      this.#evaluator.finish();
      return true; // Most changes mark nothing in most engines.
    }
    const deadline = this.#now() + sliceMs;
    for (const derived of this.#derived) {
      for (let cell = derived.nextMarked(); cell !== undefined; cell = derived.nextMarked()) {
        this.#evaluator.ask(cell);
        if (this.#now() < deadline) continue;
        this.#evaluator.finish();
        return false;
      }
    }
    this.#evaluator.finish();
    return !this.#hasMarks;
  }

  get #hasMarks(): boolean {
    for (const { hasMarks } of this.#derived) if (hasMarks) return true;
    return false;
  }

  #assertAtRest(): void {
    if (this.#notebook.isOpen) throw new Error('settle is called during an evaluation');
  }

  // ---- Explanation and audit ----

  get derived(): readonly Derived<unknown>[] {
    return this.#derived;
  }

  *faults(): Iterable<Fault> {
    for (const { name, faults } of this.#derived) for (const [key, error] of faults) yield { collection: name, key, error };
  }

  /** The events that a value depends on: the newest `causesMax` of them, oldest first. */
  causesOf<V>(of: Collection<V>, key: string): readonly Cause[] {
    const causes = new NewestCauses(this.#causesMax);
    const value = of.get(key);
    if (value !== undefined) of.addCauses(key, value, causes);
    return causes.list();
  }

  /** What a value depends on, `depth` reads deep. */
  explain(of: Collection<unknown>, key: string, depth = 9): Explained {
    return explainKey(of, key, depth);
  }

  describe(): Graph {
    return describeGraph([...this.#origins.values()], this.#derived);
  }

  /** Asks everything once more; O(everything). What is marked is left out, so call `settle` first. */
  audit(): readonly Finding[] {
    return [...this.#auditor.steps()].filter((finding) => finding !== undefined);
  }

  /**
   * The next part of an audit without end, for a background task. `done`: this was the last part of a round. A key that differs is asked again; that of a
   * collection that is not lazy, at the next `settle`.
   */
  auditSlice(sliceMs: number): Readonly<{ findings: readonly Finding[]; done: boolean }> {
    const deadline = this.#now() + sliceMs;
    const findings: Finding[] = [];
    this.#audit ??= this.#auditor.steps();
    do {
      const { value, done } = this.#audit.next();
      if (value !== undefined) {
        findings.push(value);
        this.#derived.find(({ name }) => name === value.collection)?.again(value.key);
      }
      if (done !== true) continue;
      this.#audit = undefined;
      return { findings, done: true };
    } while (this.#now() < deadline);
    return { findings, done: false };
  }

  // ---- Internals ----

  #nextStage(over: Collection<unknown> | Index<unknown>): number {
    const lazy = over instanceof Index ? over.filings.some((filing) => filing.of.isLazy) : over.isLazy;
    if (lazy) throw new Error(`${over.name} is lazy: nothing can be derived from it`);
    return this.#derived.length + 1;
  }

  #declare<V, R extends Rules<V>>(name: string, over: Collection<unknown> | Index<unknown>, rules: R): Derivation<V, R> {
    return { name: this.#takeName(name), stage: this.#nextStage(over), over, rules };
  }

  #takeName(name: string): string {
    if (this.#names.has(name)) throw new Error(`there are two things named ${name}`);
    this.#names.add(name);
    return name;
  }

  #add<D extends Derived<unknown>>(made: D): D {
    this.#derived.push(made);
    return made;
  }
}

function rulesOf<V>(derive: Derive<V>, { same = sameValue }: DeriveOptions<V>): Rules<V> {
  return { derive, same };
}

function lazyRulesOf<V>(derive: Derive<V>, { priorityOf, waitsForAll, ...options }: LazyOptions<V>): LazyRules<V> {
  return { ...rulesOf(derive, options), ...(priorityOf && { priorityOf }), ...(waitsForAll === false && { waitsForAll }) };
}

function noClock(): never {
  throw new Error('slices need a clock: new Engine({ now })');
}
