/** What loops read of a PrefixAllocation. */
import { conditionOf, specOf, statusOf, type View } from '@weft/api';
import { requestOf } from '../prefix/range-request.ts';
import { PrefixAllocation, type PrefixAllocationTypes } from './prefix-allocation.types.ts';
import { requesterOf } from './requester.ts';

/** `requester`: uid of the Prefix that it was made for. `prefix`: the range that it has. */
export type AllocationSeen = Readonly<{
  uid: string;
  family: string;
  request: string;
  phase: string;
  requester?: string;
  prefixRef?: string;
  prefix?: string;
}>;

export const allocationSeen: View<PrefixAllocationTypes, AllocationSeen> = {
  kind: PrefixAllocation,
  name: 'allocation',
  facets: () => ['created', 'spec', 'phase', 'status', 'labels', 'ownerReferences'],
  of: ({ object }) => {
    const { ipFamily = '', prefixRef, ...spec } = specOf(object);
    const { phase = 'Pending', prefix } = statusOf(object);
    const requester = requesterOf(object);
    return {
      uid: object.metadata.uid,
      family: ipFamily,
      request: requestOf(spec) ?? '',
      phase,
      ...(requester && { requester: requester.uid }),
      ...(prefixRef?.name !== undefined && { prefixRef: prefixRef.name }),
      ...(phase === 'Allocated' && prefix !== undefined && { prefix }),
    };
  },
};

export type WaitsFor = Readonly<{ reason: string; message: string }>;

/** Why it has no range. */
export const waitsFor: View<PrefixAllocationTypes, WaitsFor> = {
  kind: PrefixAllocation,
  name: 'waits-for',
  facets: () => ['created', 'conditions', 'phase', 'status'],
  of: ({ object }) => {
    const condition = conditionOf(object, 'Ready');
    return condition?.status === 'False' ? { reason: condition.reason, message: condition.message } : undefined;
  },
};
