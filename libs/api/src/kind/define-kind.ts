/**
 * Kinds and reservation streams as their authors write them, typed and exhaustive: an event without a fold, or a fold of an event that is not declared,
 * does not compile. The machinery serves all kinds alike and sees them without these types; payloads that come from it are checked by schemas.
 */
import type { Static, TObject } from '@sinclair/typebox';
import { createdType } from '../fold/common-events.ts';
import type { EventMetadata, Position } from '../log/envelope.ts';
import type { DataOf, EventSet, Schemas } from '../log/event-set.ts';
import type { JsonObject } from '../log/json.ts';
import type { FieldError, Status } from '../status/status.ts';
import { badRequest } from '../status/statuses.ts';
import { matches, mismatches } from '../values/checked.ts';
import type { Assembly } from './assembly.ts';
import type { IndexOf } from './index-of.ts';
import type { Claim, Column, DecideContext, Decision, FactOf, Folded, Granted, KindModule, ReservationModule, UnusedOf } from './kind.ts';
import type { KindRef, KindTypes } from './kind-types.ts';
import type { ApiObject } from './object.ts';

/** The state that a kind's fold changes. */
export type State<T extends KindTypes> = { object: ApiObject<T>; facts: T['facts'] };

/** The fold of each event type: it writes what happened into the state, decides nothing, and copies no deeper than it changes. */
export type Evolve<T extends KindTypes> = {
  readonly [E in keyof T['events']]: (state: State<T>, data: T['events'][E], metadata: EventMetadata) => State<T>;
};

/** The facet (DESIGN 9.8) that an event belongs to; `undefined` when nothing reads it by itself. One type may have many facets: `held.<vni>`. */
export type Facets<T extends KindTypes> = {
  readonly [E in keyof T['events']]: string | undefined | ((data: T['events'][E]) => string | readonly string[]);
};

/** Takes every state, and gives no facts when the state is as wanted already: so a repeat does nothing. */
export type Action<T extends KindTypes, P> = (before: Folded<T>, payload: P, context: DecideContext) => Decision<FactOf<T>>;

type Untyped = Pick<
  KindModule,
  | 'group'
  | 'version'
  | 'kind'
  | 'plural'
  | 'singular'
  | 'shortNames'
  | 'namespaced'
  | 'nameRule'
  | 'context'
  | 'partitionKey'
  | 'hasStatus'
  | 'providerStatus'
  | 'tracksGeneration'
  | 'refuses'
  | 'replacedBlindly'
  | 'servedFrom'
  | 'book'
  | 'alsoServedAs'
  | 'schema'
  | 'model'
  | 'strategicMerge'
>;

export type KindDefinition<T extends KindTypes> = Untyped &
  Readonly<{
    columns: readonly Column<T>[];
    /** Pure; idempotent. */
    defaults: (object: ApiObject<T>) => ApiObject<T>;
    /** All violations in order. `old` on update. Object metadata is checked by the machinery. */
    rules: (object: ApiObject<T>, old?: ApiObject<T>) => FieldError[];
    /** All violations of a status that an outside provider writes; `object` has it, `old` has the present one. */
    statusRules?: (object: ApiObject<T>, old: ApiObject<T>) => FieldError[];
    /** Beyond metadata.name and metadata.namespace. */
    selectableFields?: (object: ApiObject<T>) => Record<string, string>;
    /** Secondary indexes over living objects. */
    indexes: Readonly<Record<T['index'], IndexOf<Folded<T>>>>;
    events: EventSet;
    /** Schemas of the actions' payloads: they come over the bus. */
    payloads: Readonly<Record<keyof T['actions'] & string, TObject>>;
    /** Its objects are assembled when they are read (`assembly.ts`). */
    assembly?: Assembly<T>;
    /** Extra claims and facts of a creation, besides `<Kind>Created.v1 {metadata, spec}`. */
    onCreate?: (object: ApiObject<T>, context: DecideContext) => Decision<FactOf<T>>;
    /** Turns the difference of two specs into facts. Every difference that survives defaulting must be covered (tested generically). */
    onChange?: (before: Folded<T>, after: ApiObject<T>, context: DecideContext) => Decision<FactOf<T>>;
    /** True while something beside metadata.finalizers keeps a deleted object in being (a Namespace's `spec.finalizers`). */
    holdsDeletion?: (object: ApiObject<T>) => boolean;
    /** A reason to refuse a deletion by a user, if there is one. */
    onDelete?: (before: Folded<T>, context: DecideContext, options: Readonly<{ force: boolean }>) => Status | undefined;
    /** What the end of an incarnation gives back. */
    onEnd?: (before: Folded<T>, context: DecideContext) => Readonly<{ releases: readonly Claim[] }>;
    /** What of a claim's release gives back something that the object does not use; undefined: it uses all. Without this it is taken to use all. */
    unusedOf?: UnusedOf<Folded<T>>;
    /** Commands of the domain's own, sent by loops, agents and providers. */
    actions: { readonly [A in keyof T['actions']]: Action<T, T['actions'][A]> };
    evolve: Evolve<T>;
    /** Runs after the machinery has made the object of its creation: adds the first status. */
    onCreated?: (state: State<T>, metadata: EventMetadata) => State<T>;
    /** Runs after the machinery has noted the request for deletion. */
    onDeletionRequested?: (state: State<T>, metadata: EventMetadata) => State<T>;
    facets: Facets<T>;
    initialFacts: T['facts'];
  }>;

export function defineKind<T extends KindTypes>(ref: KindRef<T>, definition: KindDefinition<T>): KindModule {
  const { events, payloads, actions, evolve, onCreated, onDeletionRequested, facets, ...rest } = definition;
  if (ref.kind !== definition.kind) throw new Error(`the kind ${definition.kind} is defined under the name ${ref.kind}`);
  const folds: Record<string, unknown> = { ...evolve };
  if (onCreated !== undefined)
    folds[createdType(ref.kind)] = (state: State<T>, _: JsonObject, metadata: EventMetadata) => onCreated(state, metadata);
  if (onDeletionRequested !== undefined) {
    folds['DeletionRequested.v1'] = (state: State<T>, _: JsonObject, metadata: EventMetadata) => onDeletionRequested(state, metadata);
  }
  const facetOf = (type: string, data: never) => {
    const facet = facets[type as keyof T['events']];
    return typeof facet === 'function' ? facet(data) : facet;
  };
  const module = {
    ...rest,
    events: events.schemas,
    actions: Object.fromEntries(
      Object.entries(actions).map(([name, action]) => [name, checkedAction(payloads[name as never], action as never)]),
    ),
    evolve: folds,
    facetOf,
  };
  // The one place where a typed kind is erased: data in the log was written by its own decisions, payloads are checked.
  return module as unknown as KindModule;
}

type ErasedAction = (before: Folded, payload: JsonObject, context: DecideContext) => Decision;

function checkedAction(schema: TObject, action: ErasedAction): ErasedAction {
  return (before, payload, context) => {
    if (matches(schema, payload)) return action(before, payload as JsonObject, context);
    return refused(`the payload of this action is not as it should be: ${mismatches(schema, payload).join('; ')}`);
  };
}

/** The types of a reservation stream. */
export type ReservationTypes = {
  /** Changed in place by `evolve`. */
  state: unknown;
  /** Command type → its fields. */
  commands: object;
  /** Event type in the log → data. */
  events: object;
};

type Recorded<D> = Readonly<{ data: D; metadata: EventMetadata; position: Position }>;
type ReservationFact<T extends ReservationTypes> = {
  [E in keyof T['events'] & string]: Readonly<{ type: E; data: T['events'][E] }>;
}[keyof T['events'] & string];

export type ReservationDefinition<T extends ReservationTypes> = Pick<
  ReservationModule,
  'category' | 'context' | 'partitionKey' | 'newestSuffice'
> &
  Readonly<{
    initial: () => T['state'];
    events: EventSet;
    /** Schemas of the commands' fields: they come over the bus. */
    commands: Readonly<Record<keyof T['commands'] & string, TObject>>;
    /** Gives facts to append, or a rejection. No facts mean that the stream holds it already, as after a repeat. */
    decide: {
      readonly [C in keyof T['commands']]: (
        command: T['commands'][C],
        state: T['state'],
        context: DecideContext,
      ) => Decision<ReservationFact<T>>;
    };
    evolve: { readonly [E in keyof T['events']]: (state: T['state'], data: T['events'][E], event: Recorded<T['events'][E]>) => void };
    /** The command that undoes a claim after the command that made it has failed. It does nothing when another holder has it by now. */
    release?: { readonly [C in keyof T['commands']]?: (claim: T['commands'][C], stream: string) => Claim };
    /**
     * For claims whose object is never appended (DESIGN 9.5): the object whose own append must follow this event under the same request id, and the
     * command that gives the claim back otherwise. Events that grant nothing to an object are left out.
     */
    grants?: { readonly [E in keyof T['events']]?: (data: T['events'][E], stream: string) => Granted | undefined };
  }>;

/** The same without types: a command's fields are checked by its schema, and data in the log comes from the definition's own decisions. */
type Erased = Readonly<{
  commands: Readonly<Record<string, TObject>>;
  decide: Readonly<Record<string, (fields: JsonObject, state: unknown, context: DecideContext) => Decision>>;
  evolve: Readonly<Record<string, (state: unknown, data: JsonObject, event: Recorded<JsonObject>) => void>>;
  release?: Readonly<Record<string, (fields: JsonObject, stream: string) => Claim>>;
  grants?: Readonly<Record<string, (data: JsonObject, stream: string) => Granted | undefined>>;
}>;

export function defineReservation<T extends ReservationTypes>(definition: ReservationDefinition<T>): ReservationModule<T['state']> {
  const { category, context, partitionKey, newestSuffice, initial, events } = definition;
  const { commands, decide, evolve, release, grants } = definition as unknown as Erased;
  return {
    category,
    context,
    partitionKey,
    ...(newestSuffice !== undefined && { newestSuffice }),
    initial,
    events: events.schemas,
    decide: ({ type, settles, ...fields }, state, decideContext) => {
      const schema = commands[type];
      const decider = decide[type];
      if (schema === undefined || decider === undefined) return refused(`${category}: there is no command "${type}"`);
      if (matches(schema, fields)) return settled(decider(fields as JsonObject, state, decideContext), settles === true);
      return refused(`${category}: ${type} is not as it should be: ${mismatches(schema, fields).join('; ')}`);
    },
    evolve: (state, event) => {
      if (event.type === NOTHING_RELEASED) return state;
      const fold = evolve[event.type];
      if (fold === undefined) throw new Error(`${category}: unknown event ${event.type}`);
      fold(state, event.data, event);
      return state;
    },
    ...(release && {
      release: ({ stream, command: { type, ...fields } }: Claim) => {
        const undo = release[type];
        if (undo === undefined) throw new Error(`${category}: ${type} grants nothing that could be given back`);
        return undo(fields, stream);
      },
    }),
    ...(grants && {
      granted: (stream: string, event: Readonly<{ type: string; data: JsonObject }>) => grants[event.type]?.(event.data, stream),
    }),
  };
}

/**
 * An event of any reservation stream: a release found nothing to release. It is written so that the log shows that the release is owed no longer.
 * Only a command with `settles: true` writes it.
 */
export const NOTHING_RELEASED = 'NothingReleased.v1';

function settled(decision: Decision, settles: boolean): Decision {
  if (!settles || decision.outcome === 'rejected' || decision.facts.length > 0) return decision;
  return { ...decision, facts: [{ type: NOTHING_RELEASED, data: {} }] };
}

function refused(why: string): Decision {
  return { outcome: 'rejected', status: badRequest(why) };
}

export type { DataOf, Schemas, Static };
