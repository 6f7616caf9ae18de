/**
 * World (DESIGN 9.18): all deciders and control loops of all contexts on a log in memory, with a given clock and given ids, run until nothing is owed.
 * What the services do with a store and a bus between them, without either: for tests, and for asking what would happen.
 *
 *   send(command) ─> decide ─> claims, append ─> fold ─> onChange ─> loops that read what differs now
 *                                                                          └─ settle(): in random order, some twice ─> send(command) …
 *
 * The seed decides the order in which loops are asked and which of their commands come again, late, as after an answer that was lost.
 */
import {
  type Actor,
  type ApiObject,
  type Append,
  type Change,
  type Claim,
  type Command,
  createFold,
  type DecideContext,
  type DomainModule,
  type Fold,
  type Folded,
  factsOf,
  type JsonObject,
  type ObjectKey,
  type Position,
  type Provider,
  type RecordedEvent,
  type Registry,
  type Reply,
  type Reservation,
  registry,
  uuidv5,
} from '@weft/api';
import { RowProjection, readByRows, rowsIn } from '@weft/fabric';
import { checkIndexes } from './check-indexes.ts';
import { below, randomOf, type Seeded } from './random.ts';
import { weftDomains } from './weft-domains.ts';
import { type Refusal, WorldLoops } from './world-loops.ts';
import { WorldStore } from './world-store.ts';
import { type Envelope, WorldWriter } from './world-writer.ts';

export type WorldOptions = Readonly<{
  domains?: readonly DomainModule[];
  seed?: number;
  /** RFC 3339. Default: the time of the newest event of `log`. */
  now?: string;
  /** The world begins with the states of this log, reservations included, at position `at` (default: its end). */
  log?: readonly Append[];
  at?: Position;
  /** Loops take turns by their names, and not at random. */
  inOrder?: boolean;
  /** Share of the loops' commands that come again later. Default 0. */
  duplicates?: number;
  /** Share of decisions that are made on a view of other streams which trails the log. Default 0. */
  lag?: number;
  /** Share of decisions that are made on a state which another writer has left behind, and must be made again. Default 0. */
  conflicts?: number;
  /** Default `weft`. With `external` its loops are silent, and tests write what status shows. */
  provider?: Provider;
  /** Tests may write what status shows, and all loops run. */
  externalProvider?: boolean;
  /** Called after each append was folded in: where projections and compile join. */
  onChange?: (change: Change) => void;
  /** Whether every process is killed right after the append that makes the log this long. */
  killedAfter?: (appends: number) => boolean;
}>;

/** Who sends the command and on whose behalf; by default the tester, for itself. */
export type SendOptions = Readonly<Partial<Pick<Envelope, 'requestId' | 'actor' | 'onBehalfOf' | 'correlationId' | 'causationId'>>>;

const ROOT = '6f1d3c5e-0000-5000-8000-000000000000';
const BEGINNING = '2026-01-02T03:04:05.000Z';
const TESTER: Actor = { user: 'tester', verified: false };

/** All that was in memory is lost. The log holds the append after which it happened. */
class Killed extends Error {}

/** What processes have in memory, and get again from the log. */
type Memory = Readonly<{
  fold: Fold;
  /** What deciders see of other streams. It follows `fold`, sometimes with a lag. */
  view: Fold;
  writer: WorldWriter;
  loops: WorldLoops;
  projections: readonly RowProjection[];
  revs: Map<string, Position>;
}>;

export class World {
  readonly registry: Registry;
  readonly #options: WorldOptions;
  readonly #store: WorldStore;
  #memory: Memory;
  #random: Seeded;
  #viewed = 0;
  #nowMs: number;
  #requests = 0;
  /** Whether the log that was given is read. */
  #isOpen = false;
  #isSettling = false;
  #restarts = 0;
  readonly #watchers: ((change: Change) => void)[] = [];
  /** Namespace of request ids. A world that begins with a log has another one, so that it does not repeat requests of that log. */
  #root = ROOT;

  constructor(options: WorldOptions = {}) {
    const { domains = weftDomains, seed = 1, provider = 'weft' } = options;
    this.registry = registry(domains, { provider });
    this.#options = options;
    this.#random = randomOf(seed);
    this.#store = new WorldStore((append) => this.#take(append));
    this.#memory = this.#newMemory();
    const past = this.#past();
    this.#nowMs = Date.parse(options.now ?? past?.metadata.time ?? BEGINNING);
    if (past !== undefined) this.#root = past.id;
    this.#isOpen = true;
  }

  #newMemory(): Memory {
    const fold = createFold(this.registry, { followed: readByRows(this.registry) });
    const writer = new WorldWriter({
      registry: this.registry,
      store: this.#store,
      contextOf: (requestId) => this.#contextOf(requestId),
      catchUp: () => this.#see(this.appends.length),
      isOvertaken: () => this.#happens(this.#options.conflicts),
    });
    const loops = new WorldLoops({
      registry: this.registry,
      fold,
      duplicates: this.#options.duplicates ?? 0,
      inOrder: this.#options.inOrder ?? false,
      random: () => this.#random,
      nowMs: () => this.#nowMs,
      send: (command, sent) => this.send(command, sent),
    });
    const projections = rowsIn(this.registry).map((rows) => new RowProjection(rows, this.registry, fold));
    return { fold, view: createFold(this.registry), writer, loops, projections, revs: new Map() };
  }

  /** Every process is killed and started again. What was under way is lost; what is owed follows from the log. */
  restart(): void {
    const { refusals } = this;
    this.#restarts++;
    this.#memory = this.#newMemory();
    this.#memory.loops.refusals.push(...refusals);
    for (const append of this.appends) this.#learn(append);
    this.#viewed = 0;
    this.#see(this.appends.length);
  }

  /** Takes over the log that was given, and gives its last event. */
  #past(): RecordedEvent | undefined {
    const { log = [], at } = this.#options;
    for (const append of log) if (at === undefined || append.position <= at) this.#store.take(append);
    this.#see(this.appends.length);
    return this.log.at(-1);
  }

  /**
   * A new world that begins as this one is, or as it was at position `at`. Neither changes the other. A fork of the present also takes over the clock
   * and what loops have begun, so that the same commands give the same events.
   */
  fork(at?: Position, { onChange }: Pick<WorldOptions, 'onChange'> = {}): World {
    const { onChange: _, now: _now, at: _at, killedAfter: _killed, ...options } = this.#options;
    const isPresent = at === undefined || at >= this.position;
    const fork = new World({
      ...options,
      log: this.appends,
      ...(isPresent ? { now: this.now } : { at }),
      ...(onChange !== undefined && { onChange }),
    });
    fork.#root = this.#root;
    fork.#requests = this.#requests;
    fork.#random = this.#random.copy();
    if (isPresent) fork.#memory.loops.goOnFrom(this.#memory.loops);
    if (isPresent && this.#viewed < fork.#viewed) fork.#lookBack(this.#viewed);
    return fork;
  }

  /** Lets the view of decisions lag as that of the world from which this one was forked. */
  #lookBack(viewed: number): void {
    this.#memory = { ...this.#memory, view: createFold(this.registry) };
    this.#viewed = 0;
    this.#see(viewed);
  }

  get fold(): Fold {
    return this.#memory.fold;
  }

  /** How often all processes were started again. */
  get restarts(): number {
    return this.#restarts;
  }

  get refusals(): readonly Refusal[] {
    return this.#memory.loops.refusals;
  }

  /** What loops read, for tests. */
  get loops(): WorldLoops['board'] {
    return this.#memory.loops.board;
  }

  get appends(): readonly Append[] {
    return this.#store.appends;
  }

  get log(): readonly RecordedEvent[] {
    return this.#store.log;
  }

  get now(): string {
    return new Date(this.#nowMs).toISOString();
  }

  get position(): Position {
    return this.fold.position;
  }

  // --- reading ----------------------------------------------------------------------------------------------------------------------------------

  get(key: ObjectKey): Folded | undefined {
    const state = this.fold.get(key);
    return state?.status === 'live' ? state : undefined;
  }

  object(key: ObjectKey): ApiObject | undefined {
    return this.get(key)?.object;
  }

  reservation<S>(stream: string): S {
    return this.#memory.writer.reservation(stream) as S;
  }

  /** Position of the last change of a table; undefined for a table that never had a row. */
  revOf(table: string): Position | undefined {
    return this.#memory.revs.get(table);
  }

  // --- commands ---------------------------------------------------------------------------------------------------------------------------------

  /** Carries out one command, as a writer would. The loops run only at `settle`. */
  send(command: Command, options: SendOptions = {}): Reply {
    const { requestId = this.#newRequest() } = options;
    const { actor = TESTER, correlationId = requestId, causationId = requestId, onBehalfOf } = options;
    const envelope = (): Envelope => ({
      requestId,
      actor,
      ...(onBehalfOf !== undefined && { onBehalfOf }),
      correlationId,
      causationId,
      after: this.position.toString(), // The sender has seen everything.
    });
    // A client that gets no answer sends the same again; a loop is asked anew.
    return this.#isSettling
      ? this.#memory.writer.carryOut(command, envelope())
      : this.#outliving(() => this.#memory.writer.carryOut(command, envelope()));
  }

  /** Does `work`, from the beginning again after each time that it is killed. */
  #outliving<T>(work: () => T): T {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        this.restart();
      }
    }
  }

  /** `send`, then `settle`. */
  do(command: Command, options: SendOptions = {}): Reply {
    const reply = this.send(command, options);
    this.settle();
    return reply;
  }

  create(object: JsonObject): Reply {
    const { kind, metadata } = object as { kind: string; metadata: JsonObject };
    const { namespace } = metadata;
    return this.do({ verb: 'create', kind, ...(typeof namespace === 'string' && { namespace }), object });
  }

  patch(key: ObjectKey, patch: JsonObject): Reply {
    return this.do({ verb: 'patch', key, patchType: 'merge', patch });
  }

  delete(key: ObjectKey): Reply {
    return this.do({ verb: 'delete', key });
  }

  act(key: ObjectKey, action: string, payload: JsonObject = {}): Reply {
    return this.do({ verb: 'act', key, action, payload });
  }

  #see(upTo: number): void {
    for (; this.#viewed < upTo; this.#viewed++) this.#memory.view.apply(this.appends[this.#viewed] as Append);
  }

  #contextOf(requestId: string): DecideContext {
    const { lag } = this.#options;
    const unseen = this.appends.length - this.#viewed;
    this.#see(this.#viewed + (this.#happens(lag) ? below(this.#random, unseen + 1) : unseen));
    return {
      now: this.now,
      requestId,
      derive: (label) => uuidv5(requestId, label),
      facts: factsOf(this.#memory.view),
      ...(this.#options.externalProvider !== undefined && { externalProvider: this.#options.externalProvider }),
    };
  }

  #happens(share = 0): boolean {
    return share > 0 && this.#random() < share;
  }

  #reserve(claim: Claim, requestId: string): Reservation {
    const envelope = { requestId, actor: TESTER, correlationId: requestId, causationId: requestId };
    return this.#memory.writer.reserve(claim, envelope, this.#contextOf(requestId));
  }

  #take(append: Append): void {
    const change = this.#learn(append);
    this.#options.onChange?.(change);
    for (const watcher of this.#watchers) watcher(change);
    if (this.#isOpen && this.#options.killedAfter?.(this.appends.length) === true) throw new Killed(`after ${this.appends.length} appends`);
  }

  #learn(append: Append): Change {
    const { fold, projections, revs, loops } = this.#memory;
    const change = fold.apply(append);
    checkIndexes(this.registry, change);
    for (const projection of projections) for (const { table } of projection.onChange(change)) revs.set(table, append.position);
    loops.apply(change);
    return change;
  }

  /** Calls `watcher` with each append from now on, after the fold has applied it. */
  watch(watcher: (change: Change) => void): void {
    this.#watchers.push(watcher);
  }

  /** Runs the loops until nothing is owed. */
  settle(): void {
    this.#isSettling = true;
    try {
      this.#outliving(() => this.#memory.loops.settle());
    } finally {
      this.#isSettling = false;
    }
    const { unreadable } = this.fold.passedOver;
    if (unreadable > 0) throw new Error(`${unreadable} streams of the log cannot be folded`);
  }

  /** Moves the clock on. */
  pass(ms: number): void {
    this.#nowMs += ms;
    this.settle();
  }

  /** Makes only the claim of a command, like a writer that dies right after it. */
  claimOnly(claim: Claim, requestId: string): void {
    this.#outliving(() => this.#reserve(claim, requestId));
  }

  #newRequest(): string {
    return uuidv5(this.#root, String(++this.#requests));
  }
}
