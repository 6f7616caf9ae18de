/**
 * World (DESIGN 9.18): all deciders and reactions of all contexts on a log in memory, with a given clock and given ids, run to a fixpoint. What the
 * services do with a store and a bus between them, without either: for tests, and for asking what would happen.
 *
 *   send(command) ─> decide ─> claims, append ─> fold ─> onChange ─> queues, one for each reaction and source stream
 *                                                                          └─ settle(): in random order, some twice ─> send(draft) …
 *
 * The seed decides the order in which reactions run and what is delivered again, late, as after a crash before a checkpoint.
 */
import {
  type Actor,
  type ApiObject,
  type Append,
  type Change,
  type Claim,
  CONTEXTS,
  type Command,
  commandOfDraft,
  createFold,
  type DecideContext,
  type DomainModule,
  type Draft,
  type EventChange,
  eventsOf,
  type Fold,
  type Folded,
  type JsonObject,
  type ObjectKey,
  type Position,
  type Reaction,
  type RecordedEvent,
  type Registry,
  type Reply,
  type Reservation,
  reactionActor,
  registry,
  requestIdOfDraft,
  type Status,
  sentFor,
  uuidv5,
  type WatchState,
} from '@weft/api';
import { createRoutingProjection } from '@weft/fabric';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { MAC_BLOCKS_STREAM, MacStock, networkDomain, nicMacsStream } from '@weft/network';
import { policyDomain } from '@weft/policy';
import { below, randomOf, type Seeded } from './random.ts';
import { appendsOf, WorldStore } from './world-store.ts';
import { type Envelope, WorldWriter } from './world-writer.ts';

export type WorldOptions = Readonly<{
  domains?: readonly DomainModule[];
  seed?: number;
  /** RFC 3339. Default: the time of the newest event of `log`. */
  now?: string;
  /**
   * What has happened already: the world begins with the states of this log, reservations included, at position `at` (default: its end). Reactions
   * to it count as done.
   */
  log?: readonly RecordedEvent[];
  at?: Position;
  /** Share of deliveries to reactions that come again later. Default 0. */
  duplicates?: number;
  /** Share of decisions that are made on a view of other streams which trails the log. Default 0. */
  lag?: number;
  /** Share of decisions that are made on a state which another writer has left behind, and must be made again. Default 0. */
  conflicts?: number;
  externalProvider?: boolean;
  /** Called after each change was folded in: where projections and compile join. */
  onChange?: (change: Change) => void;
}>;

/** Who asks, and for whom; by default the tester, for nobody else. */
export type SendOptions = Readonly<Partial<Pick<Envelope, 'requestId' | 'actor' | 'onBehalfOf' | 'correlationId' | 'causationId'>>>;

/** A refused draft of a reaction: in a service it would park the source stream. */
export type Refusal = Readonly<{ reaction: string; draft: Draft; status: Status }>;

type Delivery = Readonly<{ reaction: Reaction; change: EventChange }>;
type Watching = Readonly<{ name: string; on: ReadonlySet<string>; state: WatchState }>;

/** Deliveries of one `settle`: beyond it something goes in circles. */
const DELIVERIES_MAX = 200_000;
const ROOT = '6f1d3c5e-0000-5000-8000-000000000000';
const BEGINNING = '2026-01-02T03:04:05.000Z';
const TESTER: Actor = { user: 'tester', verified: false };

export class World {
  readonly registry: Registry;
  readonly fold: Fold;
  readonly refusals: Refusal[] = [];
  readonly #options: WorldOptions;
  readonly #store: WorldStore;
  readonly #writer: WorldWriter;
  readonly #stocks = new Map<number, MacStock>();
  readonly #queues = new Map<string, Delivery[]>();
  readonly #again: { reaction: string; cause: RecordedEvent; drafts: readonly Draft[] }[] = [];
  readonly #reactions: readonly Reaction[];
  readonly #watches: readonly Watching[];
  readonly #routing = createRoutingProjection();
  readonly #revs = new Map<string, Position>();
  /** What deciders see of other streams; follows `fold`, now and then later. */
  #view: Fold;
  #random: Seeded;
  /** Appends in it. */
  #viewed = 0;
  #nowMs: number;
  #requests = 0;
  /** Another one for a world that begins in the middle of a log: requests of that log must not be repeated. */
  #root = ROOT;
  #begun = false;

  constructor(options: WorldOptions = {}) {
    const { domains = [networkDomain, ipamDomain, lbDomain, policyDomain], seed = 1 } = options;
    this.registry = registry(domains);
    this.fold = createFold(this.registry);
    this.#view = createFold(this.registry);
    this.#options = options;
    this.#random = randomOf(seed);
    this.#reactions = CONTEXTS.flatMap((context) => this.registry.reactions(context));
    this.#watches = domains.flatMap(({ watches = [] }) =>
      watches.map(({ name, on, start }) => ({ name, on: new Set(on), state: start() })),
    );
    this.#store = new WorldStore((append) => this.#take(append));
    this.#writer = new WorldWriter({
      registry: this.registry,
      store: this.#store,
      contextOf: (requestId, partition) => this.#contextOf(requestId, partition),
      catchUp: () => this.#see(this.appends.length),
      isOvertaken: () => this.#happens(this.#options.conflicts),
    });
    const past = this.#past();
    this.#nowMs = Date.parse(options.now ?? past?.metadata.time ?? BEGINNING);
    if (past !== undefined) this.#root = past.id;
    this.#begun = true;
  }

  /** Takes over the log that was given; its last event. */
  #past(): RecordedEvent | undefined {
    const { log = [], at } = this.#options;
    for (const append of appendsOf(log)) {
      if (at !== undefined && append.position > at) break;
      this.#store.take(append);
    }
    this.#see(this.appends.length);
    return this.log.at(-1);
  }

  /**
   * A world of its own that begins as this one is, or was at position `at`; neither has any influence on the other. Of the present moment it takes
   * along what reactions still have to do, chance and the clock, so that the same commands give the same events.
   */
  fork(at?: Position, { onChange }: Pick<WorldOptions, 'onChange'> = {}): World {
    const { onChange: _, now: _now, at: _at, ...options } = this.#options;
    const isPresent = at === undefined || at >= this.position;
    const fork = new World({
      ...options,
      log: this.log,
      ...(isPresent ? { now: this.now } : { at }),
      ...(onChange !== undefined && { onChange }),
    });
    fork.#root = this.#root;
    fork.#requests = this.#requests;
    fork.#random = this.#random.copy();
    if (isPresent) fork.#goOnFrom(this);
    return fork;
  }

  #goOnFrom(other: World): void {
    for (const [name, queue] of other.#queues) this.#queues.set(name, [...queue]);
    for (const [partition, stock] of other.#stocks) this.#stocks.set(partition, stock.copy());
    this.#again.push(...other.#again);
    if (other.#viewed === this.#viewed) return;
    this.#view = createFold(this.registry);
    this.#viewed = 0;
    this.#see(other.#viewed);
  }

  get log(): readonly RecordedEvent[] {
    return this.#store.log;
  }

  /** The same as `log`. */
  get appends(): readonly Append[] {
    return this.#store.appends;
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
    return this.#writer.reservation(stream) as S;
  }

  /** Position of the last change of a table of rows; undefined for one that never had any. */
  revOf(table: string): Position | undefined {
    return this.#revs.get(table);
  }

  // --- commands ---------------------------------------------------------------------------------------------------------------------------------

  /** Carries one command out, as a writer would. Reactions wait for `settle`. */
  send(command: Command, options: SendOptions = {}): Reply {
    const { requestId = this.#newRequest() } = options;
    const { actor = TESTER, correlationId = requestId, causationId = requestId, onBehalfOf } = options;
    return this.#writer.carryOut(command, {
      requestId,
      actor,
      ...(onBehalfOf !== undefined && { onBehalfOf }),
      correlationId,
      causationId,
      after: this.position.toString(), // Whoever asks has seen everything.
    });
  }

  /** `send`, then everything that follows from it. */
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
    for (; this.#viewed < upTo; this.#viewed++) this.#view.apply(this.appends[this.#viewed] as Append);
  }

  #contextOf(requestId: string, partition: number | undefined): DecideContext {
    const { lag } = this.#options;
    const unseen = this.appends.length - this.#viewed;
    this.#see(this.#viewed + (this.#happens(lag) ? below(this.#random, unseen + 1) : unseen));
    return {
      now: this.now,
      requestId,
      derive: (label) => uuidv5(requestId, label),
      facts: this.#view,
      ...(partition !== undefined && { nextMac: () => this.#stock(partition).take() }),
      ...(this.#options.externalProvider !== undefined && { externalProvider: this.#options.externalProvider }),
    };
  }

  #happens(share = 0): boolean {
    return share > 0 && this.#random() < share;
  }

  #stock(partition: number): MacStock {
    let stock = this.#stocks.get(partition);
    if (stock === undefined) this.#stocks.set(partition, (stock = new MacStock(partition)));
    while (stock.size === 0) {
      const grants = this.#grantsOf(nicMacsStream(partition), { type: 'DrawMacs', count: 64 });
      if (Array.isArray(grants['ranges'])) stock.put(grants['ranges'] as unknown as { from: number; count: number }[]);
      else {
        const { have } = grants;
        const { block } = this.#grantsOf(MAC_BLOCKS_STREAM, { type: 'GrantBlock', partition, ...(have !== undefined && { have }) });
        this.#grantsOf(nicMacsStream(partition), { type: 'AddBlock', block: block as number });
      }
    }
    return stock;
  }

  #grantsOf(stream: string, command: Claim['command']): JsonObject {
    const result = this.#reserve({ stream, command }, this.#newRequest());
    if (result.outcome !== 'granted') throw new Error(`"${stream}" grants nothing: ${JSON.stringify(result)}`);
    return result.grants;
  }

  #reserve(claim: Claim, requestId: string): Reservation {
    const envelope = { requestId, actor: TESTER, correlationId: requestId, causationId: requestId };
    return this.#writer.reserve(claim, envelope, this.#contextOf(requestId, undefined));
  }

  // --- the log ----------------------------------------------------------------------------------------------------------------------------------

  #take(append: Append): void {
    const change = this.fold.apply(append);
    this.#options.onChange?.(change);
    for (const { table } of this.#routing.onChange(change)) this.#revs.set(table, append.position);
    for (const each of eventsOf(change)) {
      for (const watch of this.#watches) if (watch.on.has(each.event.type)) watch.state.apply(each);
      if (this.#begun) for (const reaction of this.#reactions) this.#deliver(reaction, each);
    }
  }

  #deliver(reaction: Reaction, change: EventChange): void {
    if (!reaction.on.includes(change.event.type)) return;
    const name = `${reaction.name} ${change.event.stream}`;
    const queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, [{ reaction, change }]);
    else queue.push({ reaction, change });
  }

  /** Runs reactions until nothing is left to do. */
  settle(): void {
    for (let deliveries = 0; deliveries < DELIVERIES_MAX; deliveries++) {
      if (this.#again.length > 0 && (this.#queues.size === 0 || this.#random() < 0.3)) {
        const [late] = this.#again.splice(below(this.#random, this.#again.length), 1);
        if (late !== undefined) this.#carryOut(late.reaction, late.cause, late.drafts);
        continue;
      }
      const names = [...this.#queues.keys()];
      if (names.length === 0) return;
      const name = names[below(this.#random, names.length)] as string;
      const queue = this.#queues.get(name) as Delivery[];
      const { reaction, change } = queue.shift() as Delivery;
      if (queue.length === 0) this.#queues.delete(name);
      const drafts = reaction.react(change, this.fold);
      this.#carryOut(reaction.name, change.event, drafts);
      if (drafts.length > 0 && this.#random() < (this.#options.duplicates ?? 0)) {
        this.#again.push({ reaction: reaction.name, cause: change.event, drafts });
      }
    }
    throw new Error(`reactions do not come to rest: ${[...this.#queues.keys()].slice(0, 5).join(', ')}`);
  }

  #carryOut(reaction: string, cause: RecordedEvent, drafts: readonly Draft[]): void {
    drafts.forEach((draft, index) => {
      const { after: _, ...sent } = sentFor(reaction, requestIdOfDraft(cause.id, reaction, draft, index), cause);
      const reply = this.send(commandOfDraft(draft), sent);
      // Whoever deletes what is gone, or is another one by now, is done.
      if (!reply.ok && !('verb' in draft && draft.verb === 'delete' && ['NotFound', 'Conflict'].includes(reply.status.reason ?? ''))) {
        this.refusals.push({ reaction, draft, status: reply.status });
      }
    });
  }

  /** Time goes by; watches say what is owed by then. */
  pass(ms: number): void {
    this.#nowMs += ms;
    for (const { name, state } of this.#watches) {
      for (const { draft, cause } of state.due(this.#nowMs, 1_000)) {
        const reply = this.send(commandOfDraft(draft), { requestId: requestIdOfDraft(cause, name, draft, 0), actor: reactionActor(name) });
        if (!reply.ok) this.refusals.push({ reaction: name, draft, status: reply.status });
      }
    }
    this.settle();
  }

  /** Appends as a writer that dies right after it: nothing of the command follows. For tests of what is found later. */
  claimOnly(claim: Claim, requestId: string): void {
    this.#reserve(claim, requestId);
  }

  #newRequest(): string {
    return uuidv5(this.#root, String(++this.#requests));
  }
}
