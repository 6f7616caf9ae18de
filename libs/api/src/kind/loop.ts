/**
 * A control loop: a function that says which commands are owed in the present state (DESIGN 10.20). It is asked again when something that it read has
 * changed. Neither the event that changed it nor the path to the present state may matter.
 *
 * The commands are sent until nothing is owed any more. Each command must do nothing when it comes again, and must make the loop owe less.
 */
import type { JsonObject } from '../log/json.ts';
import type { ReservationTypes } from './define-kind.ts';
import type { Facts, LoopFacts, NameIn, NameText } from './facts.ts';
import type { Context, Creation, Draft, Folded } from './kind.ts';
import type { KindRef, KindTypes } from './kind-types.ts';
import type { LedgerRef } from './ledger.ts';
import type { ObjectMeta } from './object.ts';

/** What a loop is asked about: each living object of a kind, each value of an index that has members, or each record of a ledger. */
export type Over = Readonly<{ kind: string; index?: string } | { ledger: string }>;

/**
 * Who provides Networks, interfaces and addresses with what their status shows (resources 3.13): Weft itself, or somebody outside, who then writes it
 * through `/status`. A setting of the whole system.
 */
export const PROVIDERS = ['weft', 'external'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** A kind that has objects, or a ledger that has records. */
export type SomeOf = Readonly<{ kind: string } | { ledger: string }>;

export type Loop = Readonly<{
  /** Unique. The actor of its commands is `system:loop:<name>`. */
  name: string;
  /** The context whose service runs it. */
  context: Context;
  over: Over;
  /**
   * It is a part of this provider, and silent while the other one is set; absent: it always runs, as the controllers of resources 3 do. What Weft's
   * provider leaves undone meanwhile is owed still.
   */
  provider?: Provider;
  /**
   * Other loops of the context are asked first: it owes much because of one cause, and none of it is urgent; or what it says follows from what they do,
   * and is better said once.
   */
  yields?: true;
  /** Nothing is owed for any key before there is something of one of these, so the loop is not asked: most stores have nothing of most kinds. */
  awaits?: readonly SomeOf[];
  /**
   * What comes of what it awaits concerns those keys alone that have this value of an index of its kind; others owe nothing until something with theirs comes. An
   * object must keep its value for life.
   */
  awaitsWithin?: Readonly<{ index: string; of: (arrived: Folded) => string }>;
  /** Over a ledger: nothing is owed for a record before this time (Unix time, ms), so the loop need not be asked. */
  notBefore?: (record: unknown) => number;
  /** The commands that are owed for one key: `<namespace>/<name>` or `<name>` of an object, the value of an index, the key of a record. Pure. */
  owed: (key: string, facts: LoopFacts) => readonly Draft[];
}>;

type Named = Pick<Loop, 'name' | 'context' | 'provider' | 'yields'>;

/** A loop that is asked about each living object of a kind, and is given the whole object. */
export function loopOver<T extends KindTypes>(
  kind: KindRef<T>,
  { owed, ...named }: Named & Readonly<{ owed: (state: Folded<T>, facts: LoopFacts) => readonly Draft[] }>,
): Loop {
  return {
    ...named,
    over: { kind: kind.kind },
    owed: (key, facts) => {
      const state = living(facts.get(kind, key));
      return state === undefined ? [] : owed(state, facts);
    },
  };
}

/** A loop that is asked about each value of an index that has members. */
export function loopOverIndex<T extends KindTypes>(
  kind: KindRef<T>,
  index: T['index'],
  named: Named & Readonly<{ owed: (value: string, facts: LoopFacts) => readonly Draft[] }>,
): Loop {
  return { ...named, over: { kind: kind.kind, index } };
}

/** As a time: the loop never looks at the record, since it is another loop's. */
export const NEVER = Number.POSITIVE_INFINITY;

type OverRecords<R> = Readonly<{
  /** When a record is looked at, if not at once: Unix time, ms. One that is settled before costs nothing. */
  notBefore?: (record: R) => number;
  owed: (record: R, key: string, facts: LoopFacts) => readonly Draft[];
}>;

/** A loop that is asked about each record of a ledger. */
export function loopOverRecords<R>(ledger: LedgerRef<R>, { notBefore, owed, ...named }: Named & OverRecords<R>): Loop {
  return {
    ...named,
    over: { ledger: ledger.ledger },
    // A loop is given the records of its own ledger only, so the type fits.
    ...(notBefore && { notBefore: (record) => notBefore(record as R) }),
    owed: (key, facts) => {
      const record = facts.record(ledger, key);
      if (record === undefined || (notBefore !== undefined && !facts.passed(notBefore(record)))) return [];
      return owed(record, key, facts);
    },
  };
}

/** A command for an action of a kind. */
export function act<T extends KindTypes, A extends keyof T['actions'] & string>(
  { kind }: KindRef<T>,
  { namespace, name }: NameIn,
  action: A,
  payload: T['actions'][A],
): Draft {
  const key = namespace === undefined ? { kind, name } : { kind, namespace, name };
  // Payloads are JSON by their schema.
  return { target: 'object', key, action, payload: payload as JsonObject };
}

type NewObject<T extends KindTypes> = Readonly<{
  apiVersion: string;
  metadata: Readonly<Pick<ObjectMeta, 'name' | 'namespace' | 'labels' | 'annotations' | 'ownerReferences'>>;
  spec: T['spec'];
}>;

/** A command that creates an object, under a name that says whether it is there already. */
export function create<T extends KindTypes>({ kind }: KindRef<T>, { apiVersion, metadata, spec }: NewObject<T>): Creation {
  const { name, namespace } = metadata;
  const key = namespace === undefined ? { kind, name } : { kind, namespace, name };
  // Metadata and specs are JSON by their schema.
  return { target: 'object', key, verb: 'create', object: { apiVersion, kind, metadata, spec } as object as JsonObject };
}

/** Makes commands for a reservation stream. */
export function commandsOf<T extends ReservationTypes>(stream: string) {
  return <C extends keyof T['commands'] & string>(type: C, fields: T['commands'][C]): Draft => ({
    target: 'reservation',
    stream,
    // Fields are JSON by their schema.
    command: { ...(fields as JsonObject), type },
  });
}

export function nameText({ namespace, name }: NameIn): NameText {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function nameFrom(text: NameText): NameIn {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** A state of this kind with its types; undefined for one of another kind. */
export function ofKind<T extends KindTypes>({ kind }: KindRef<T>, state: Folded): Folded<T> | undefined {
  // A kind's states are made by its own definition alone.
  return state.key.kind === kind ? (state as unknown as Folded<T>) : undefined;
}

export function living<T extends KindTypes>(state: Folded<T> | undefined): Folded<T> | undefined {
  return state?.status === 'live' ? state : undefined;
}

export function isDeleting(state: Readonly<{ object: Readonly<{ metadata: Readonly<{ deletionTimestamp?: string }> }> }>): boolean {
  return state.object.metadata.deletionTimestamp !== undefined;
}

export type { Facts };
