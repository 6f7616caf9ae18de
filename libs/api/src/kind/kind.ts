/**
 * What a kind is. One folder per kind holds a `KindModule`; everything else (discovery, OpenAPI, tables, validation, commands, folds,
 * loops, rows) is driven by the registry of them, so that a new kind costs one folder and the line of its part in the `<context>.domain.ts`.
 */

import type { CommonFact, CreatedFact, TypedFact } from '../fold/common-events.ts';
import type { RecordChange } from '../fold/ledgers.ts';
import type { Append, Because, EventMetadata, Position } from '../log/envelope.ts';
import type { Schemas } from '../log/event-set.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import type { FieldSet } from '../managers/field-set.ts';
import type { FieldError, Status } from '../status/status.ts';
import type { Assembly } from './assembly.ts';
import type { Exclusive } from './exclusive.ts';
import type { Facts } from './facts.ts';
import type { Figure } from './figure.ts';
import type { IndexOf } from './index-of.ts';
import type { KindTypes, UntypedKind } from './kind-types.ts';
import type { Ledger, LedgerRef } from './ledger.ts';
import type { Loop } from './loop.ts';
import type { ApiObject, ObjectKey } from './object.ts';
import type { ProjectionOver } from './projection.ts';

/** The only list of contexts. Each is a folder `libs/<context>` with a `<context>.domain.ts`, and a service `apps/<context>-svc`. */
export const CONTEXTS = ['network', 'ipam', 'lb', 'policy'] as const;
export type Context = (typeof CONTEXTS)[number];

/** An index that every namespaced kind has. */
export const NAMESPACE_INDEX = 'namespace';

/** An event before it gets its envelope. */
export type Fact = Readonly<{ type: string; data: JsonObject }>;
/** What one kind's decisions consist of: its own events and those that all kinds share. */
export type FactOf<T extends Pick<KindTypes, 'spec' | 'events'>> = TypedFact<T['events']> | CommonFact | CreatedFact<T['spec']>;

/** A column of a Table. `cell` is pure; `now` serves ages and lags only. */
export type Column<T extends Pick<KindTypes, 'spec' | 'status'> = UntypedKind> = Readonly<{
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  description: string;
  /** 0 always shown, 1 with `-o wide`. */
  priority: number;
  cell(object: ApiObject<T>, now: Date): string | number;
}>;

/** A stream's folded state. `absent`: no live incarnation (never made, ended, or only claims were abandoned). */
export type Folded<T extends Pick<KindTypes, 'spec' | 'status' | 'facts'> = UntypedKind> = Readonly<{
  key: ObjectKey;
  status: 'absent' | 'live';
  /** As served (metadata.resourceVersion is that of the event at `position`). Meaningless while absent. */
  object: ApiObject<T>;
  /** What the kind knows beside the object: VNI, MAC, placement. */
  facts: T['facts'];
  revision: bigint | 'none';
  position: Position;
  /** Last event of each facet (DESIGN 9.8): `spec.ips`, `labels`, `placement`, `deletion`, … */
  facets: Readonly<Record<string, Because>>;
  /** The field manager that the living incarnation was created by, if it is known. */
  createdBy?: string;
  /** The fields beside the status that Weft itself wrote last (`status` apart, loops and agents write few): no client manages them. */
  unmanaged?: FieldSet;
  /** Request ids of recent appends with their last revision and position, oldest first, bounded (DESIGN 9.3). Kept by the writer's fold only. */
  requests: readonly RecentRequest[];
  /**
   * Why the stream cannot be folded any further: it holds an event that this version does not know, or that Weft did not write. Object and facts are
   * as they were before it, and nobody may change them, until another incarnation begins.
   */
  unreadable?: string;
}>;
export type RecentRequest = Readonly<{
  requestId: string;
  revision: bigint;
  position: Position;
  time: string;
  /** Its claims were given back because its own append never came (`ClaimAbandoned.v1`): the request was not carried out and never will be. */
  abandoned?: true;
}>;

/** States of all streams as a fold has them, untyped. `factsOf` gives deciders and loops the typed view. */
export interface FactsView {
  /** Everything up to here is in the view. */
  readonly position?: Position;
  get(key: ObjectKey): Folded | undefined;
  /** Live objects of a kind, of one namespace or of all, in no promised order. */
  list(kind: string, namespace?: string): Iterable<Folded>;
  /** Live objects whose index (declared by their kind) holds `value`, e.g. NICs by `network`. O(result). */
  by(kind: string, index: string, value: string): Iterable<Folded>;
  /** The values of an index under which living objects are found. It may be read while the fold goes on. O(values) */
  values?(kind: string, index: string): Iterable<string>;
  /** Of a ledger, by its name. */
  record?(ledger: string, key: string): unknown;
}

/** What a decision may use besides its state: everything that is not deterministic is passed in. */
export type DecideContext = Readonly<{
  /** RFC 3339, milliseconds. */
  now: string;
  requestId: string;
  /** Deterministic: uuidv5(request id, label). uid and generated names derive from it, so a repeat gives the same object. */
  derive: (label: string) => string;
  /** Other streams. Never I/O, and eventually consistent: a decider that needs certainty makes a claim. */
  facts: Facts;
  /** Writes to `/status` are taken as from an outside provider although Weft provides (`Registry.provider`): for tests of what follows from a status. */
  externalProvider?: boolean;
}>;

/** Something another stream must grant before the object's own append (DESIGN 9.5). `command` is for that reservation stream's decider. */
export type Claim = Readonly<{ stream: string; command: JsonObject & { type: string } }>;

export type Accepted<F = Fact> = Readonly<{
  outcome: 'accepted';
  /** In order, each durable before the object's append. */
  claims?: readonly Claim[];
  /** Empty: nothing changed, nothing is appended, the object keeps its resourceVersion. */
  facts: readonly F[];
  /** Of a reservation: the answer to the claimant. A repeat that needs no facts gets the same answer. */
  grants?: JsonObject;
  /**
   * Of an object with claims: the facts that depend on what was granted, in the order of `claims`; they follow `facts` in the same append.
   * Called once all claims are durable, and not at all for a dry run (then no claim is made either).
   */
  whenGranted?: (grants: readonly JsonObject[]) => readonly F[];
  /**
   * Given back after the object's append; after a crash in between, a loop does it (`open-releases.ts`). The sender adds to each command `at`, the
   * decimal position of that append: what is released was in use until then.
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
export type Decision<F = Fact> = Accepted<F> | Rejected;

/** The same objects under another group, with other names for some fields beside the metadata. */
export type OtherShape = Readonly<{
  group: string;
  version: string;
  /** Name there -> name here. */
  fields: Readonly<Record<string, string>>;
}>;

/** A class decorated with the fields of `../model/fields.ts`. */
export type ModelClass = abstract new (...args: never[]) => object;

/** A kind as the machinery sees it; `defineKind` makes one of a typed definition. */
export type UnusedOf<State> = (state: State, release: Claim, of: Readonly<{ cameAbout: boolean }>) => Claim | undefined;

export type KindModule = Readonly<{
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
  /** Verbs that are refused for objects of this kind, whoever asks: they follow from other objects. Discovery does not offer them. */
  refuses?: readonly ('create' | 'patch' | 'update')[];
  /** A replacement may leave out metadata.resourceVersion: then it replaces whatever is there. */
  replacedBlindly?: boolean;
  columns: readonly Column[];
  /** OpenAPI v3 schema of the whole object, from `model`. */
  schema: JsonObject;
  /** Shape of what clients send: one source for decoding, class-validator's checks and `schema`. Without it anything is taken as it is. */
  model?: Readonly<{
    spec?: ModelClass;
    status?: ModelClass;
    /** Fields beside the metadata, of a kind without spec and status. */
    fields?: ModelClass;
  }>;
  /** Kinds that take strategic merge patches: list path -> its merge key, '' for a set of scalars. */
  strategicMerge?: Readonly<Record<string, string>>;
  /** Pure; idempotent. */
  defaults: (object: ApiObject) => ApiObject;
  /** All violations in order. `old` on update. Object metadata is checked by the machinery. */
  rules: (object: ApiObject, old?: ApiObject) => FieldError[];
  /**
   * An outside provider may write the status (resources 0.2, 3.13). With `first` that provider alone writes it, but for conditions of controllers, and finds
   * this in a new object; without it Weft writes it as well. Absent: the status says what Weft itself does, whoever provides.
   */
  providerStatus?: Readonly<{ first?: JsonObject }>;
  /** All violations of a status that an outside provider writes; `object` has it, `old` has the present one. */
  statusRules?: (object: ApiObject, old: ApiObject) => FieldError[];
  /** Beyond metadata.name and metadata.namespace. */
  selectableFields?: (object: ApiObject) => Record<string, string>;
  /** Secondary indexes over live objects. */
  indexes?: Readonly<Record<string, IndexOf<Folded>>>;
  /** Its objects are assembled when they are read (`assembly.ts`). */
  assembly?: Assembly;
  /**
   * Names of ledgers whose records are its objects: they follow from the log, nobody writes them (ADR 36). Each record is the state of one object, with
   * the position of the append that made it; its key is `<namespace>/<name>`.
   */
  servedFrom?: readonly string[];
  /**
   * Of a kind that is served from ledgers, and that clients write all the same: the stream of the reservation which keeps an object, whole, for some time
   * (ADR 65). It takes `WriteEvent {command}` and belongs to the same partition; its grants are the reply (`BookAnswer`).
   */
  book?: (key: Pick<ObjectKey, 'namespace'>) => string;
  /** Other groups and versions under which the same objects are served. */
  alsoServedAs?: readonly OtherShape[];
  /** Extra claims and facts of a creation, besides `<Kind>Created.v1 {metadata, spec}`. */
  onCreate?: (object: ApiObject, context: DecideContext) => Decision;
  /** Turns the difference of two specs into facts. Every difference that survives defaulting must be covered (tested generically). */
  onChange?: (before: Folded, after: ApiObject, context: DecideContext) => Decision;
  /** True while something beside metadata.finalizers keeps a deleted object in being (a Namespace's `spec.finalizers`). */
  holdsDeletion?: (object: ApiObject) => boolean;
  /** A reason to refuse a deletion by a user, if there is one. */
  onDelete?: (before: Folded, context: DecideContext, options: Readonly<{ force: boolean }>) => Status | undefined;
  /** What the end of an incarnation gives back. */
  onEnd?: (before: Folded, context: DecideContext) => Readonly<{ releases: readonly Claim[] }>;
  /**
   * What of a claim's release gives back something that the object does not use; undefined: it uses all. `cameAbout`: the request that claimed came to its
   * append; otherwise nothing is used by that claim. Without this the object is taken to use all that requests claimed which came about.
   */
  unusedOf?: UnusedOf<Folded>;
  /** Schemas of its own events' data, by type. */
  events?: Schemas;
  /** Commands of the domain's own, sent by loops, agents and providers; total and idempotent by state. */
  actions?: Readonly<Record<string, (before: Folded, payload: JsonObject, context: DecideContext) => Decision>>;
  /**
   * The fold of this kind's own event types: copies facts, decides nothing. Common events (metadata, conditions, created, deleted) are folded by
   * the machinery; a function here for one of those runs after it (initial status). A function gives back either what it was given or
   * fresh objects, and copies no deeper than it changes: states share their unchanged parts.
   */
  evolve: Readonly<
    Record<
      string,
      (
        state: { object: ApiObject; facts: JsonObject },
        data: JsonObject,
        metadata: EventMetadata,
      ) => { object: ApiObject; facts: JsonObject }
    >
  >;
  initialFacts: JsonObject;
  /**
   * Facet, or facets, that an event of this kind belongs to. `data` lets one type touch many facets: `NetworkHeld.v1 {vni}` belongs to `held.<vni>`, so
   * that a row which reads one hold does not change with the others. Undefined: no row reads it.
   */
  facetOf: (eventType: string, data: JsonObject) => string | readonly string[] | undefined;
}>;

/** A reservation stream (address book, VNI pool, …): not a resource, no object; a decider with claims and releases. State may be mutated in place by `evolve`. */
export type ReservationModule<S = unknown> = Readonly<{
  /** Stream category, before the first dash: `AddressBook`. */
  category: string;
  context: Context;
  /** Schemas of its events' data, by type. */
  events?: Schemas;
  partitionKey: (stream: string) => string;
  /** The state follows from so many of its newest events: no more are read. Absent: from all. */
  newestSuffice?: number;
  initial: () => S;
  /** Gives facts to append, or a rejection. No facts mean that the stream holds it already, as after a repeat. */
  decide(command: JsonObject & { type: string }, state: S, context: DecideContext): Decision;
  evolve(state: S, event: Readonly<{ type: string; data: JsonObject; metadata: EventMetadata; position: Position }>): S;
  /** The command that undoes a claim after the command that made it has failed. It does nothing when another holder has it by now. */
  release?: (claim: Claim) => Claim;
  /**
   * For the ledger of open claims (DESIGN 9.5): the object whose own append must follow this event under the same request id, and what
   * gives the claim back otherwise. Undefined for events that grant nothing to an object (releases; numbers that loops ask for).
   */
  granted?: (stream: string, event: Readonly<{ type: string; data: JsonObject; metadata: EventMetadata }>) => Granted | undefined;
}>;
export type Granted = Readonly<{ object: ObjectKey; release: Claim }>;

/**
 * One append, its object before its first event and after its last one, and what it changed in ledgers. For reservation streams `before` and `after` are
 * absent.
 */
export type Change = Readonly<{ append: Append; before?: Folded; after?: Folded; records?: readonly RecordChange[] }>;

/** A command that a loop wants sent. */
export type Draft =
  | Readonly<{ target: 'object'; key: ObjectKey; action: string; payload: JsonObject }>
  | Creation
  | Readonly<{ target: 'object'; key: ObjectKey; verb: 'delete'; uid?: string; propagationPolicy?: string }>
  /** `requestId` is given where the log must show which release was carried out; otherwise it follows from stream and command. */
  | Readonly<{ target: 'reservation'; stream: string; command: JsonObject & { type: string }; requestId?: string }>;

/** `refused`: an object that says why, by a condition of this type, when the creation is refused for good. */
export type Creation = Readonly<{
  target: 'object';
  key: ObjectKey;
  verb: 'create';
  object: JsonObject;
  refused?: Readonly<{ key: ObjectKey; uid: string; type: string }>;
}>;

/** Gives the successor of an event of an old type, from its data. */
export type Lift = (data: JsonObject) => Fact;

/** An object that a store has from its beginning. When people have deleted it, it is not made again. Of a cluster-scoped kind. */
export type FirstObject = Readonly<{ kind: string; name: string; object: JsonObject }>;

/** Everything a context brings: the sum of its folders (`domainOf`). */
export type DomainModule = Readonly<{
  context: Context;
  kinds: readonly KindModule[];
  reservations: readonly ReservationModule[];
  /** Categories of reservation streams that older versions wrote. Nobody reads or writes them any more. */
  retired?: readonly string[];
  /** Control loops over its kinds, and over what its ledgers keep. */
  loops?: readonly Loop[];
  /** Loops that concern kinds of every context, made once all are known: a namespace is emptied of whatever it holds. */
  loopsOverKinds?: (kinds: readonly KindModule[]) => readonly Loop[];
  ledgers?: readonly Ledger[];
  /** The projections that make rows of its objects. */
  projections?: readonly ProjectionOver[];
  /** Ledgers and kinds of other contexts that its loops and decisions read; they are empty where no domain has them. */
  reads?: readonly (LedgerRef<unknown> | Readonly<{ kind: string }>)[];
  firstObjects?: readonly FirstObject[];
  /** What operators watch of it, beside the machinery's own figures. */
  figures?: readonly Figure[];
  /** What at most one of its objects, or one record of its ledgers, may hold. */
  exclusives?: readonly Exclusive[];
  /** Old event type -> its successor; applied when a store gives an event out, again and again until the type is not in the table. */
  lifts?: Readonly<Record<string, Lift>>;
}>;

export type { JsonValue };
