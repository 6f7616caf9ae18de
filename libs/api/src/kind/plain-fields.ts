/**
 * Fields of a spec that nobody in this context decides on, each with an event of its own: `MachineImageChanged.v1 {image}`; a field that was removed
 * is absent from the data.
 *
 *   const PLAIN = plainFields<MachineTypes>()({ image: 'MachineImageChanged.v1', power: 'MachinePowerChanged.v1' });
 *   onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, after)),
 *   evolve: { ...plainFieldEvolve(PLAIN), … },
 */
import type { JsonObject } from '../log/json.ts';
import { sameJson } from '../values/equal.ts';
import type { Evolve, State } from './define-kind.ts';
import type { FactOf } from './kind.ts';
import type { KindTypes, UntypedKind } from './kind-types.ts';
import type { ApiObject } from './object.ts';
import { withSpecField } from './object-part.ts';

type SpecField<T extends KindTypes> = keyof T['spec'] & string;

/** Events whose data is this field of the spec and nothing else. */
type EventOfField<T extends KindTypes, F extends SpecField<T>> = {
  [E in keyof T['events'] & string]: IsField<T['events'][E], F, Exclude<T['spec'][F], undefined>> extends true ? E : never;
}[keyof T['events'] & string];
type IsField<Data, F extends string, Value> = { [K in F]?: Value } extends Data
  ? Required<Data> extends { [K in F]: Value }
    ? [keyof Data] extends [F]
      ? true
      : false
    : false
  : false;

/** Spec field → event type. */
type EventTypes<T extends KindTypes> = { readonly [F in SpecField<T>]?: EventOfField<T, F> };

/** `types` is never there: it only carries the types. */
export type PlainFields<T extends KindTypes, M extends EventTypes<T> = EventTypes<T>> = Readonly<{ eventTypes: M; types?: T }>;

/** Called as `plainFields<Types>()({…})`: the first call names the kind, the second infers the events. */
export function plainFields<T extends KindTypes>() {
  return <const M extends EventTypes<T>>(eventTypes: M & { readonly [F in Exclude<keyof M, SpecField<T>>]: never }): PlainFields<T, M> => ({
    eventTypes,
  });
}

export function plainFieldFacts<T extends KindTypes, M extends EventTypes<T>>(
  { eventTypes }: PlainFields<T, M>,
  before: ApiObject<T>,
  after: ApiObject<T>,
): FactOf<T>[] {
  const facts: Untyped[] = [];
  for (const [field, type] of entriesOf(eventTypes)) {
    const value = after.spec?.[field];
    if (sameJson(before.spec?.[field], value)) continue;
    facts.push({ type, data: value === undefined ? {} : { [field]: value } });
  }
  return facts as FactOf<T>[]; // Each type's data is its field: `EventTypes` takes no other.
}

/** The folds of these events. */
export function plainFieldEvolve<T extends KindTypes, M extends EventTypes<T>>({
  eventTypes,
}: PlainFields<T, M>): Pick<Evolve<T>, M[keyof M] & keyof T['events']> {
  const folds: Record<string, Fold> = {};
  for (const [field, type] of entriesOf<T>(eventTypes)) {
    folds[type] = ({ object, facts }, data) => ({ object: withSpecField(object, field, data[field]), facts });
  }
  return folds as object as Pick<Evolve<T>, M[keyof M] & keyof T['events']>;
}

type Untyped = Readonly<{ type: string; data: object }>;
type Fold = (state: State<UntypedKind>, data: JsonObject) => State<UntypedKind>;

function entriesOf<T extends KindTypes>(eventTypes: EventTypes<T>): [SpecField<T>, string][] {
  return Object.entries(eventTypes) as [SpecField<T>, string][];
}
