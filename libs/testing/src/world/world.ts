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
  type Accepted,
  type ApiObject,
  type Append,
  absent,
  advance,
  appendOf,
  type Change,
  type Claim,
  CONTEXTS,
  type Command,
  createFold,
  type DecideContext,
  type DomainModule,
  type Draft,
  decideObject,
  type EventChange,
  eventsOf,
  type Fact,
  type Fold,
  type Folded,
  foldFacts,
  GENERATED_NAMES_MAX,
  hasGeneratedName,
  type JsonObject,
  keyOfCommand,
  type ObjectCommand,
  type ObjectKey,
  type Position,
  previewOf,
  type Reaction,
  type RecordedEvent,
  type Registry,
  type Reply,
  registry,
  type Status,
  streamOf,
  toEvents,
  uidOfDecision,
  uuidv5,
  type WatchState,
} from '@weft/api';
import { createRoutingProjection } from '@weft/fabric';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { MAC_BLOCKS_STREAM, MacStock, networkDomain, nicMacsStream } from '@weft/network';
import { policyDomain } from '@weft/policy';
import { below, type Random, randomOf } from './random.ts';

export type WorldOptions = Readonly<{
  domains?: readonly DomainModule[];
  seed?: number;
  /** RFC 3339. */
  now?: string;
  /** Share of deliveries to reactions that come again later. Default 0. */
  duplicates?: number;
  /** Share of decisions that are made on a view of other streams which trails the log. Default 0. */
  lag?: number;
  externalProvider?: boolean;
  /** Called after each change was folded in: where projections and compile join. */
  onChange?: (change: Change) => void;
}>;

export type SendOptions = Readonly<{ requestId?: string }>;

/** A refused draft of a reaction: in earnest it would park the source stream. */
export type Refusal = Readonly<{ reaction: string; draft: Draft; status: Status }>;

type Delivery = Readonly<{ reaction: Reaction; change: EventChange }>;
type Watching = Readonly<{ name: string; on: ReadonlySet<string>; state: WatchState }>;
type Outcome = { ok: true; decision: Accepted } | { ok: false; status: Status };

/** Deliveries of one `settle`: beyond it something goes in circles. */
const DELIVERIES_MAX = 200_000;
const ROOT = '6f1d3c5e-0000-5000-8000-000000000000';

export class World {
  readonly registry: Registry;
  readonly fold: Fold;
  readonly log: RecordedEvent[] = [];
  /** The same as `log`. */
  readonly appends: Append[] = [];
  readonly refusals: Refusal[] = [];
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #states = new Map<string, Folded>();
  readonly #reservations = new Map<string, unknown>();
  readonly #revisions = new Map<string, bigint>();
  readonly #stocks = new Map<number, MacStock>();
  readonly #queues = new Map<string, Delivery[]>();
  readonly #again: { reaction: string; cause: RecordedEvent; drafts: readonly Draft[] }[] = [];
  readonly #reactions: readonly Reaction[];
  readonly #watches: readonly Watching[];
  readonly #routing = createRoutingProjection();
  readonly #revs = new Map<string, Position>();
  /** What deciders see of other streams; follows `fold`, now and then later. */
  readonly #view: Fold;
  /** Appends in it. */
  #viewed = 0;
  #nowMs: number;
  #requests = 0;

  constructor(options: WorldOptions = {}) {
    const { domains = [networkDomain, ipamDomain, lbDomain, policyDomain], seed = 1, now = '2026-01-02T03:04:05.000Z' } = options;
    this.registry = registry(domains);
    this.fold = createFold(this.registry);
    this.#view = createFold(this.registry);
    this.#options = options;
    this.#random = randomOf(seed);
    this.#nowMs = Date.parse(now);
    this.#reactions = CONTEXTS.flatMap((context) => this.registry.reactions(context));
    this.#watches = domains.flatMap(({ watches = [] }) =>
      watches.map(({ name, on, start }) => ({ name, on: new Set(on), state: start() })),
    );
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
    return this.#reservationState(stream) as S;
  }

  /** Position of the last change of a table of rows; undefined for one that never had any. */
  revOf(table: string): Position | undefined {
    return this.#revs.get(table);
  }

  // --- commands ---------------------------------------------------------------------------------------------------------------------------------

  /** Carries one command out, as a writer would. Reactions wait for `settle`. */
  send(command: Command, { requestId = this.#newRequest() }: SendOptions = {}): Reply {
    if (command.verb === 'reserve') {
      const outcome = this.#reserve(command, requestId);
      if (!outcome.ok) return { ok: false, status: outcome.status, retry: 'no' };
      return { ok: true, code: 200, position: this.position.toString() };
    }
    const key = keyOfCommand(command, () => requestId);
    const context = this.#contextOf(requestId, this.registry.ownerOfKey(key)?.partition);
    for (let attempt = 0; ; attempt++) {
      const reply = this.#onKey(command, keyOfCommand(command, context.derive, attempt), context);
      const taken = !reply.ok && reply.status.reason === 'AlreadyExists' && hasGeneratedName(command);
      if (!taken || attempt + 1 >= GENERATED_NAMES_MAX) return reply;
    }
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

  #onKey(command: ObjectCommand, key: ObjectKey, context: DecideContext): Reply {
    const stream = streamOf(key);
    const before = this.#states.get(stream) ?? absent(this.registry, key);
    const decision = decideObject(this.registry, command, before, context);
    const reply = (state: Folded, more: Partial<Extract<Reply, { ok: true }>> = {}): Reply => ({
      ok: true,
      code: before.status === 'absent' && state.status === 'live' ? 201 : 200,
      object: state.object as unknown as JsonObject,
      ...(before.status === 'live' && state.status === 'absent' && { ended: true }),
      position: this.position.toString(),
      ...more,
    });
    if (decision.outcome === 'repeated') return reply(before, { repeated: true });
    if (decision.outcome === 'rejected' && decision.restsOnFacts === true && this.#viewed < this.appends.length) {
      this.#see(this.appends.length);
      return this.#onKey(command, key, context);
    }
    if (decision.outcome === 'rejected') return { ok: false, status: decision.status, retry: 'no' };
    if (command.verb !== 'act' && command.options?.dryRun === true) {
      const object = previewOf(this.registry, before, decision, context) as unknown as JsonObject;
      return reply(foldFacts(this.registry, before, decision.facts, context), { object });
    }
    const granted: Claim[] = [];
    const grants: JsonObject[] = [];
    for (const claim of decision.claims ?? []) {
      const outcome = this.#reserve(claim, context.requestId);
      if (!outcome.ok) {
        for (const each of granted) this.#giveBack(each, context.requestId);
        return { ok: false, status: outcome.status, retry: 'no' };
      }
      granted.push(claim);
      grants.push(outcome.decision.grants ?? {});
    }
    const facts = [...decision.facts, ...(decision.whenGranted?.(grants) ?? [])];
    if (facts.length === 0) return reply(before, warningsOf(decision));
    const uid = uidOfDecision(command, before, { ...decision, facts }, context);
    const events = this.#append(stream, facts, context.requestId, uid);
    let state = before;
    for (const event of events) state = advance(this.registry, state, event, { requests: true });
    this.#states.set(stream, state);
    const at = (events.at(-1) as RecordedEvent).position.toString();
    for (const { stream: from, command: release } of decision.releases ?? []) {
      this.#reserve({ stream: from, command: { ...release, at } }, context.requestId);
    }
    return reply(state, warningsOf(decision));
  }

  #reserve({ stream, command }: Claim, requestId: string): Outcome {
    const module = this.registry.reservationOf(stream);
    if (module === undefined) throw new Error(`no domain has a reservation stream "${stream}"`);
    const state = this.#reservationState(stream);
    const decision = module.decide(command, state, this.#contextOf(requestId, undefined));
    if (decision.outcome === 'rejected') return { ok: false, status: decision.status };
    if (decision.facts.length > 0) {
      const events = this.#append(stream, decision.facts, requestId, undefined);
      this.#reservations.set(
        stream,
        events.reduce((before, event) => module.evolve(before, event), state),
      );
    }
    return { ok: true, decision };
  }

  #reservationState(stream: string): unknown {
    if (!this.#reservations.has(stream)) this.#reservations.set(stream, this.registry.reservationOf(stream)?.initial());
    return this.#reservations.get(stream);
  }

  #giveBack(claim: Claim, requestId: string): void {
    const release = this.registry.reservationOf(claim.stream)?.release?.(claim);
    if (release !== undefined) this.#reserve(release, requestId);
  }

  #see(upTo: number): void {
    for (; this.#viewed < upTo; this.#viewed++) this.#view.apply(this.appends[this.#viewed] as Append);
  }

  #contextOf(requestId: string, partition: number | undefined): DecideContext {
    const { lag = 0 } = this.#options;
    const unseen = this.appends.length - this.#viewed;
    this.#see(this.#viewed + (lag > 0 && this.#random() < lag ? below(this.#random, unseen + 1) : unseen));
    return {
      now: this.now,
      requestId,
      derive: (label) => uuidv5(requestId, label),
      facts: this.#view,
      ...(partition !== undefined && { nextMac: () => this.#stock(partition).take() }),
      ...(this.#options.externalProvider !== undefined && { externalProvider: this.#options.externalProvider }),
    };
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
    const outcome = this.#reserve({ stream, command }, this.#newRequest());
    if (!outcome.ok) throw new Error(outcome.status.message);
    return outcome.decision.grants ?? {};
  }

  // --- the log ----------------------------------------------------------------------------------------------------------------------------------

  #append(stream: string, facts: readonly Fact[], requestId: string, uid: string | undefined): RecordedEvent[] {
    const revision = this.#revisions.get(stream);
    const events = toEvents(
      facts,
      { requestId, actor: { user: 'tester', verified: false }, correlationId: requestId, causationId: requestId },
      { stream, expected: revision ?? 'none', now: this.now, ...(uid !== undefined && { uid }) },
    );
    const first = (revision ?? -1n) + 1n;
    const recorded = events.map((event, index): RecordedEvent => {
      // As a store would give it back, and with positions that leave gaps.
      const stored = JSON.parse(JSON.stringify(event)) as typeof event;
      return { ...stored, stream, revision: first + BigInt(index), position: BigInt(this.log.length + index + 1) * 3n };
    });
    const append = appendOf(recorded);
    this.log.push(...recorded);
    this.appends.push(append);
    this.#revisions.set(stream, append.revision);
    const change = this.fold.apply(append);
    this.#options.onChange?.(change);
    for (const { table } of this.#routing.onChange(change)) this.#revs.set(table, append.position);
    for (const each of eventsOf(change)) {
      for (const watch of this.#watches) if (watch.on.has(each.event.type)) watch.state.apply(each);
      for (const reaction of this.#reactions) this.#deliver(reaction, each);
    }
    return recorded;
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
      const requestId = uuidv5(cause.id, `${reaction} ${targetOf(draft)}${index === 0 ? '' : ` ${index}`}`);
      const reply = this.send(toCommand(draft), { requestId });
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
        const reply = this.send(toCommand(draft), { requestId: uuidv5(cause, `${name} ${targetOf(draft)}`) });
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
    return uuidv5(ROOT, String(++this.#requests));
  }
}

function warningsOf({ warnings }: Accepted): { warnings?: readonly string[] } {
  return warnings === undefined || warnings.length === 0 ? {} : { warnings };
}

function targetOf(draft: Draft): string {
  return draft.target === 'reservation' ? draft.stream : streamOf(draft.key);
}

function toCommand(draft: Draft): Command {
  if (draft.target === 'reservation') return { verb: 'reserve', stream: draft.stream, command: draft.command };
  if ('action' in draft) return { verb: 'act', key: draft.key, action: draft.action, payload: draft.payload };
  if (draft.verb === 'delete')
    return { verb: 'delete', key: draft.key, ...(draft.uid !== undefined && { preconditions: { uid: draft.uid } }) };
  const { kind, namespace } = draft.key;
  return { verb: 'create', kind, ...(namespace !== undefined && { namespace }), object: draft.object };
}
