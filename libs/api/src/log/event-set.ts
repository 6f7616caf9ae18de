/**
 * Events of one kind or reservation stream: each type with the JSON Schema of its data, from which its TypeScript type follows.
 *
 *   export const poolEvents = defineEvents({ 'VniReleased.v1': Type.Object({ uid: Type.String(), vni: Type.Integer() }) });
 *   type PoolEvents = DataOf<typeof poolEvents>;      // { 'VniReleased.v1': { uid: string; vni: number } }
 *   for (const { type, data } of poolEvents.in(append)) …   // typed; events of others are left out
 */
import type { Static, TObject, TSchema } from '@sinclair/typebox';
import type { Append, RecordedEvent } from './envelope.ts';

export type Schemas = Readonly<Record<string, TObject>>;
/** Name → the type that its schema describes. */
export type DataOf<S> =
  S extends EventSet<infer M> ? { [K in keyof M]: Static<M[K]> } : { [K in keyof S]: S[K] extends TSchema ? Static<S[K]> : never };

/** A recorded event with the type of its data. */
export type RecordedOf<S extends Schemas> = {
  [K in keyof S & string]: Omit<RecordedEvent, 'type' | 'data'> & Readonly<{ type: K; data: Static<S[K]> }>;
}[keyof S & string];

export interface EventSet<S extends Schemas = Schemas> {
  /** Event type → schema of its data. */
  readonly schemas: S;
  /** Those of its events that an append holds, in order. */
  in(append: Append): readonly RecordedOf<S>[];
}

export function defineEvents<const S extends Schemas>(schemas: S): EventSet<S> {
  const types = new Set(Object.keys(schemas));
  const isOfSet = ({ type }: RecordedEvent) => types.has(type);
  return {
    schemas,
    // What is in the log was checked when it was written, and lifted when it was read.
    in: ({ events }) => (events.some(isOfSet) ? (events.filter(isOfSet) as unknown as readonly RecordedOf<S>[]) : NONE),
  };
}

/** Most appends hold none of a set. */
const NONE: readonly never[] = [];
