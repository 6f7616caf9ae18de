/** The types of a PrefixAllocation: its events and its actions. */
import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, LocalObjectReference, ofModel } from '@weft/api';
import type { PrefixAllocationSpec, PrefixAllocationStatus } from './prefix-allocation.model.ts';

export const prefixAllocationEvents = defineEvents({
  /** The Prefix that it asks is set: by a client, or chosen by its selector. */
  'PrefixAllocationScheduled.v1': Type.Object({ prefixRef: Type.Optional(ofModel(LocalObjectReference)) }),
  /** It has its range. */
  'PrefixAllocationGranted.v1': Type.Object({ prefix: Type.String() }),
  /** The Prefix that it asks can never give what it asks for. */
  'PrefixAllocationFailed.v1': Type.Object({}),
});

const uid = Type.String();
export const prefixAllocationPayloads = {
  /** The incarnation `uid`, which asks no Prefix yet, asks the one of this name. */
  Schedule: Type.Object({ uid, prefix: Type.String() }),
  /** `parent`, which the incarnation `uid` asks, has given this range. */
  Accept: Type.Object({ uid, prefix: Type.String(), parent: Type.String() }),
  /** The Prefix that it asks can never give what it asks for, and why. */
  Fail: Type.Object({ uid, message: Type.String() }),
  /** Shows what it waits for. */
  ReportWaiting: Type.Object({ uid, reason: Type.String(), message: Type.String() }),
};

export type PrefixAllocationTypes = {
  spec: PrefixAllocationSpec;
  status: PrefixAllocationStatus;
  facts: Record<never, never>;
  events: DataOf<typeof prefixAllocationEvents>;
  actions: DataOf<typeof prefixAllocationPayloads>;
  /** `waiting`: those that have neither got a range nor failed. */
  index: 'waiting';
};
export const PrefixAllocation = kindRef<PrefixAllocationTypes>('PrefixAllocation');
