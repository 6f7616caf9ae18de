/** Spec and status of an object as the classes that its kind's model decoded them to; an absent part is empty. */
import { withFields } from '../values/with-fields.ts';

type WithSpec = Readonly<{ spec?: object }>;
type WithStatus = Readonly<{ status?: object }>;
type SpecOf<O extends WithSpec> = NonNullable<O['spec']>;
type StatusOf<O extends WithStatus> = NonNullable<O['status']>;

const NOTHING: object = Object.freeze({});

/** All fields of a model are optional, so an empty object is one of every class. */
export function specOf<O extends WithSpec>(object: O): SpecOf<O> {
  return (object.spec ?? NOTHING) as SpecOf<O>;
}

export function statusOf<O extends WithStatus>(object: O): StatusOf<O> {
  return (object.status ?? NOTHING) as StatusOf<O>;
}

/** A copy with another value in one field of the spec; `undefined` leaves the field out. */
export function withSpecField<O extends WithSpec, K extends keyof SpecOf<O> & string>(
  object: O,
  field: K,
  value: SpecOf<O>[K] | undefined,
): O {
  const before = specOf(object);
  if (value !== undefined) return withFields(object, { spec: withFields(before, { [field]: value }) });
  const { [field]: _, ...spec } = before;
  return withFields(object, { spec });
}

/** A copy with other values in some fields of the status. */
export function withStatus<O extends WithStatus>(object: O, status: Partial<StatusOf<O>>): O {
  return withFields(object, { status: withFields(statusOf(object), status) });
}

export function withoutStatusField<O extends WithStatus>(object: O, field: keyof StatusOf<O> & string): O {
  const { [field]: _, ...status } = statusOf(object);
  return withFields(object, { status });
}
