/**
 * What a kind is. One folder per kind holds a `KindModule`; everything else (discovery, OpenAPI, tables, validation, commands, folds,
 * reactions) is driven by the registry of them, so that a new kind costs one folder and its line in the `<context>.domain.ts`.
 */

import type { Append, Because, EventMetadata, Position, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import type { FieldError, Status } from '../status/status.ts';
import type { ApiObject, ObjectKey } from './object.ts';

export type Context = 'network' | 'ipam' | 'lb' | 'policy';
export const CONTEXTS: readonly Context[] = ['network', 'ipam', 'lb', 'policy'];

/** An event before it gets its envelope. */
export type Fact = Readonly<{ type: string; data: JsonObject }>;

/** A column of a Table. `cell` is pure; `now` serves ages and lags only. */
export type Column = Readonly<{
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  description: string;
  /** 0 always shown, 1 with `-o wide`. */
  priority: number;
  cell: (object: ApiObject, now: Date) => string | number;
}>;

/** A stream's folded state. `absent`: no live incarnation (never made, ended, or only claims were abandoned). */
export type Folded<F = JsonObject> = Readonly<{
  key: ObjectKey;
  status: 'absent' | 'live';
  /** As served (metadata.resourceVersion is that of `position`). Meaningless while absent. */
  object: ApiObject;
  /** What the kind knows beside the object: VNI, MAC, placement. */
  facts: F;
  revision: bigint | 'none';
  position: Position;
  /** Last event of each facet (DESIGN 9.8): `spec.ips`, `labels`, `placement`, `deletion`, … */
  facets: Readonly<Record<string, Because>>;
  /** Request ids of recent appends with their last revision and position, oldest first, bounded (DESIGN 9.3). Kept by the writer's fold only. */
  requests: readonly RecentRequest[];
}>;
export type RecentRequest = Readonly<{
  requestId: string;
  revision: bigint;
  position: Position;
  time: string;
  /** Its claims were given back because its own append never came (`ClaimAbandoned.v1`): the request was not carried out and never will be. */
  abandoned?: true;
}>;

/** Facts about other streams that come in with a command; never I/O. Eventually consistent: a decider that needs certainty uses a claim. */
export interface FactsView {
  /** Everything up to here is in the view. */
  readonly position?: Position;
  get(key: ObjectKey): Folded | undefined;
  /** Live objects of a kind, of one namespace or of all, in no promised order. */
  list(kind: string, namespace?: string): Iterable<Folded>;
  /** Live objects whose index (declared by their kind) holds `value`, e.g. NICs by `network`. O(result). */
  by(kind: string, index: string, value: string): Iterable<Folded>;
}

/** What a decision may use besides its state: everything that is not deterministic is passed in. */
export type DecideContext = Readonly<{
  /** RFC 3339, milliseconds. */
  now: string;
  requestId: string;
  /** Deterministic: uuidv5(request id, label). uid and generated names derive from it, so a repeat gives the same object. */
  derive: (label: string) => string;
  facts: FactsView;
  /** Takes one MAC from the writer's durable stock (see `KindModule.draws`); called only when the object's own append follows. */
  nextMac?: () => string | undefined;
  /** An outside provider's writes to `/status` are taken instead of being refused (resources 3.13); no service can be started so yet. */
  externalProvider?: boolean;
}>;

/** Something another stream must grant before the object's own append (DESIGN 9.5). `command` is for that reservation stream's decider. */
export type Claim = Readonly<{ stream: string; command: JsonObject & { type: string } }>;

export type Accepted = Readonly<{
  outcome: 'accepted';
  /** In order, each durable before the object's append. */
  claims?: readonly Claim[];
  /** Empty: nothing changed, nothing is appended, the object keeps its resourceVersion. */
  facts: readonly Fact[];
  /** Of a reservation: what the claimant is told. The same for a repeat that needs no facts. */
  grants?: JsonObject;
  /**
   * Of an object with claims: the facts that depend on what was granted, in the order of `claims`; they follow `facts` in the same append.
   * Called once all claims are durable, and not at all for a dry run (then no claim is made either). May take from `nextMac`.
   */
  whenGranted?: (grants: readonly JsonObject[]) => readonly Fact[];
  /**
   * Given back after the object's append (also done by a reaction, so that a crash in between loses nothing). The sender adds to each command
   * `at`, the decimal position of that append: what is released was in use until then.
   */
  releases?: readonly Claim[];
  warnings?: readonly string[];
}>;
export type Rejected = Readonly<{
  outcome: 'rejected';
  status: Status;
  /** The refusal rests on facts of other streams: not given before the view has reached what the caller has seen (`CommandEnvelope.after`). */
  restsOnFacts?: true;
}>;
export type Decision = Accepted | Rejected;

/** A class decorated with the fields of `../model/fields.ts`. */
export type ModelClass = abstract new (...args: never[]) => object;

export type KindModule<F extends JsonObject = JsonObject> = Readonly<{
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  namespaced: boolean;
  nameRule: 'subdomain' | 'label';
  context: Context;
  /** Key of the partition that owns a stream (DESIGN 9.4): the namespace, or the kind for cluster-scoped kinds. */
  partitionKey: (key: ObjectKey) => string;
  hasStatus: boolean;
  tracksGeneration: boolean;
  /** What nobody may do with objects of this kind: discovery does not offer it. */
  refuses?: readonly ('create' | 'patch' | 'update')[];
  columns: readonly Column[];
  /** OpenAPI v3 schema of the whole object, from `model`. */
  schema: JsonObject;
  /** Shape of what clients send: one source for decoding, class-validator's checks and `schema`. Without it anything is taken as it is. */
  model?: Readonly<{ spec?: ModelClass; status?: ModelClass }>;
  /** Kinds that take strategic merge patches: list path -> its merge key, '' for a set of scalars. */
  strategicMerge?: Readonly<Record<string, string>>;
  /** What a creation takes from the writer's stock: to be there before the command is begun. */
  draws?: readonly 'mac'[];
  /** Pure; idempotent. */
  defaults: (object: ApiObject) => ApiObject;
  /** All violations in order. `old` on update. Object metadata is checked by the machinery. */
  rules: (object: ApiObject, old?: ApiObject) => FieldError[];
  /** Beyond metadata.name and metadata.namespace. */
  selectableFields?: (object: ApiObject) => Record<string, string>;
  /** Secondary indexes over live objects. */
  indexes?: Readonly<Record<string, (folded: Folded<F>) => readonly string[]>>;
  /** Extra claims and facts of a creation, besides `<Kind>Created.v1 {metadata, spec}`. */
  onCreate?: (object: ApiObject, context: DecideContext) => Decision;
  /** Turns the difference of two specs into facts. Every difference that survives defaulting must be covered (tested generically). */
  onChange?: (before: Folded<F>, after: ApiObject, context: DecideContext) => Decision;
  /** Beside metadata.finalizers: true while something keeps a deleted object in being (a Namespace's `spec.finalizers`). */
  holdsDeletion?: (object: ApiObject) => boolean;
  /** A reason to refuse a deletion by a user, if there is one. */
  onDelete?: (before: Folded<F>, context: DecideContext, options: Readonly<{ force: boolean }>) => Status | undefined;
  /** The end of an incarnation: what is given back. */
  onEnd?: (before: Folded<F>, context: DecideContext) => Readonly<{ releases: readonly Claim[] }>;
  /** Commands of the domain's own, sent by reactions, agents and providers; total and idempotent by state. */
  actions?: Readonly<Record<string, (before: Folded<F>, payload: JsonObject, context: DecideContext) => Decision>>;
  /**
   * The fold of this kind's own event types: copies facts, decides nothing. Common events (metadata, conditions, created, deleted) are folded by
   * the machinery; a function here for one of those runs after it (initial status). A function gives back either what it was given or
   * fresh objects, and copies no deeper than it changes: states share their unchanged parts.
   */
  evolve: Readonly<
    Record<string, (state: { object: ApiObject; facts: F }, data: JsonObject, metadata: EventMetadata) => { object: ApiObject; facts: F }>
  >;
  initialFacts: F;
  /**
   * Facet that an event of this kind belongs to. `data` lets one type touch many facets: `NetworkHeld.v1 {vni}` belongs to `held.<vni>`, so that a
   * row which reads one hold does not change with the others. Undefined: no row reads it.
   */
  facetOf: (eventType: string, data: JsonObject) => string | undefined;
}>;

/** A reservation stream (address book, VNI pool, …): not a resource, no object; a decider with claims and releases. State may be mutated in place by `evolve`. */
export type ReservationModule<S = unknown> = Readonly<{
  /** Stream category, before the first dash: `AddressBook`. */
  category: string;
  context: Context;
  partitionKey: (stream: string) => string;
  initial: () => S;
  /** Facts to append (none: already so, a repeat), or a rejection. */
  decide: (command: JsonObject & { type: string }, state: S, context: DecideContext) => Decision;
  evolve: (state: S, event: Readonly<{ type: string; data: JsonObject; metadata: EventMetadata; position: Position }>) => S;
  /** What undoes a claim that was granted to a command that then failed: the runtime gives it back at once. Does nothing when another holder has it by now. */
  release?: (claim: Claim) => Claim;
  /**
   * For the sweep of abandoned claims (DESIGN 9.5): the object whose own append must follow this event under the same request id, and what
   * gives the claim back when it never comes. Undefined for events that grant nothing of the kind (releases; numbers drawn by reactions).
   */
  granted?: (stream: string, event: Readonly<{ type: string; data: JsonObject; metadata: EventMetadata }>) => Granted | undefined;
  /** Event types for which `granted` may answer. */
  grantTypes?: readonly string[];
}>;
export type Granted = Readonly<{ object: ObjectKey; release: Claim }>;

/** One append, and its object before its first event and after its last one. For reservation streams `before` and `after` are absent. */
export type Change = Readonly<{ append: Append; before?: Folded; after?: Folded }>;

/** One event of a change, as reactions and watches get them. The states are those around the whole append. */
export type EventChange = Change & Readonly<{ event: RecordedEvent }>;

/** A command that a reaction wants sent. Its request id is uuidv5(causing event id, reaction name + target), so a redelivery is a repeat. */
export type Draft =
  | Readonly<{ target: 'object'; key: ObjectKey; action: string; payload: JsonObject }>
  | Readonly<{ target: 'object'; key: ObjectKey; verb: 'create'; object: JsonObject }>
  | Readonly<{ target: 'object'; key: ObjectKey; verb: 'delete'; uid?: string }>
  | Readonly<{ target: 'reservation'; stream: string; command: JsonObject & { type: string } }>;

/** event -> commands. At least once, idempotent by state, ordered per source stream, checkpointed, never run during a replay (DESIGN 3). */
export type Reaction = Readonly<{
  name: string;
  /** The context whose service runs it. */
  context: Context;
  /** Event types it wants to see; cheap first filter. */
  on: readonly string[];
  react: (change: EventChange, facts: FactsView) => readonly Draft[];
}>;

/** A draft with the event that makes it due; its request id is uuidv5(cause, watch name + target), so a repeat is one. */
export type DueDraft = Readonly<{ draft: Draft; cause: string }>;

/**
 * A reaction to something that did *not* happen: a fold of its own over the log that knows what is still owed. Fed with every change of its
 * types from the first event on, also during a replay (it is a fold: no checkpoint); `due` is asked only by the one who runs the context's
 * reactions, once caught up, about once a second. What it names stays due until the log shows that it was done, so a lost command is sent again.
 */
export type Watch = Readonly<{
  name: string;
  context: Context;
  on: readonly string[];
  start: () => WatchState;
}>;
export interface WatchState {
  apply(change: EventChange): void;
  /** At most `limit` drafts that are due at `nowMs` (Unix time in ms), oldest first. O(result). */
  due(nowMs: number, limit: number): readonly DueDraft[];
}

/** What an old event means in today's types. */
export type Lift = (data: JsonObject) => Fact;

/** Everything a context brings. */
export type DomainModule = Readonly<{
  context: Context;
  kinds: readonly KindModule[];
  reservations: readonly ReservationModule[];
  reactions: readonly Reaction[];
  /** Reactions that concern kinds of every context, made once all are known: a namespace is emptied of whatever it holds. */
  reactionsToKinds?: (kinds: readonly KindModule[]) => readonly Reaction[];
  watches?: readonly Watch[];
  /** Old event type -> its successor; applied when a store gives an event out, again and again until the type is not in the table. */
  lifts?: Readonly<Record<string, Lift>>;
}>;

export type { JsonValue };
