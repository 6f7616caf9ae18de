/** The types of a Prefix: its events, its actions, what is known beside the object. */
import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, LocalObjectReference, type Members, ofModel, type PrefixTemplateSpec } from '@weft/api';
import type { AddressSpace } from './address-space.ts';
import type { PrefixStatus } from './prefix.model.ts';

const Identity = Type.Object({ name: Type.String(), uid: Type.String() });
/** Who asks for a range: a PrefixAllocation, and the Prefix that it was made for, if any. */
const Asking = { allocation: Identity, requester: Type.Optional(Identity) };
export type Asking = Readonly<{ allocation: Readonly<{ name: string; uid: string }>; requester?: Readonly<{ name: string; uid: string }> }>;

export const prefixEvents = defineEvents({
  'PrefixLiteralSpecified.v1': Type.Object({ prefix: Type.Optional(Type.String()) }),
  'PrefixLengthSpecified.v1': Type.Object({ prefixLength: Type.Optional(Type.Integer()) }),
  'PrefixParentSpecified.v1': Type.Object({ parentRef: Type.Optional(ofModel(LocalObjectReference)) }),
  /** It has its range: a root from the beginning, a child this `prefix` of `parent`, by this PrefixAllocation. */
  'PrefixAllocated.v1': Type.Object({
    taken: Type.Optional(Type.Object({ prefix: Type.String(), parent: Type.String(), allocation: Type.String() })),
  }),
  /** Another PrefixAllocation takes the place of the one before. */
  'PrefixAllocationRetried.v1': Type.Object({ attempt: Type.Integer({ minimum: 1 }) }),
  /** A part of this Prefix is given out. */
  'PrefixRangeAllocated.v1': Type.Object({ ...Asking, prefix: Type.String() }),
  /** There is no such part to give out now. */
  'PrefixRangeRefused.v1': Type.Object({ ...Asking, request: Type.String() }),
  /** A part is not held any more, or is not asked for any more. `holder`: uid of the requester, or of the allocation without one. */
  'PrefixRangeReleased.v1': Type.Object({ holder: Type.String(), prefix: Type.Optional(Type.String()) }),
});

export const prefixPayloads = {
  /** Adds the finalizer that keeps a Prefix while parts of it are in use. */
  Protect: Type.Object({}),
  /** Removes that finalizer when nothing is in use any more. */
  Unprotect: Type.Object({}),
  /** Sets the condition that names what is in use of a Prefix that is to be deleted. */
  ReportBlockers: Type.Object({ message: Type.String() }),
  /** The incarnation `uid` gives out a range. It gives nothing to a holder that has one, and no range twice. */
  AllocateRange: Type.Object({ uid: Type.String(), family: Type.String(), request: Type.String(), ...Asking }),
  /** Takes the range `prefix` back, or, without it, what the holder was refused. */
  ReleaseRange: Type.Object({ uid: Type.String(), holder: Type.String(), prefix: Type.Optional(Type.String()) }),
  /** The incarnation `uid` takes the range that its parent has given out for it, unless it has one. */
  TakeRange: Type.Object({ uid: Type.String(), prefix: Type.String(), parent: Type.String(), allocation: Type.String() }),
  /** Asks anew. `attempt`: number of the new try; a repeat is known by it. */
  RetryAllocation: Type.Object({ uid: Type.String(), attempt: Type.Integer({ minimum: 1 }) }),
  /** Shows what a child waits for. */
  ReportWaiting: Type.Object({ uid: Type.String(), reason: Type.String(), message: Type.String() }),
};

/** A part that is given out: by uid of its holder. */
export type HeldRange = Readonly<{ prefix: string; holder: string }>;

export type PrefixFacts = {
  /** What of it is free; all of it when absent. */
  space?: AddressSpace;
  /** By uid of the holder. */
  held?: Members<HeldRange>;
  /** What holders were refused, by their uid. */
  refused?: Members<string>;
  /** The PrefixAllocation that brought its range. */
  allocation?: string;
  /** How often it has asked anew, and when it did last (Unix time, ms). */
  attempt?: Readonly<{ number: number; sinceMs: number }>;
};

export type PrefixTypes = {
  spec: PrefixTemplateSpec;
  status: PrefixStatus;
  facts: PrefixFacts;
  events: DataOf<typeof prefixEvents>;
  actions: DataOf<typeof prefixPayloads>;
  /** `pool`: where selectors find it, see `poolScope`. */
  index: 'pool';
};
export const Prefix = kindRef<PrefixTypes>('Prefix');
