/** The PrefixAllocation that is made for a Prefix, and how it names that Prefix (resources 1.8, 3.11). */
import { type ApiObject, create, type Draft, specOf } from '@weft/api';
import { Prefix, type PrefixTypes } from '../prefix/prefix.types.ts';
import { PrefixAllocation, type PrefixAllocationTypes } from './prefix-allocation.types.ts';

const REQUESTER_LABEL = 'ipam.ironcore.dev/requester-uid';

/** Undefined for an allocation that was made for no Prefix. Both the label and the controller reference must name it. */
export function requesterOf({ metadata }: ApiObject<PrefixAllocationTypes>): Readonly<{ name: string; uid: string }> | undefined {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller?.kind !== Prefix.kind || metadata.labels?.[REQUESTER_LABEL] !== controller.uid) return undefined;
  return { name: controller.name, uid: controller.uid };
}

/** Creates the allocation that asks for what a child asks for: its literal range if it is known, else its length. */
export function createAllocationFor(prefix: ApiObject<PrefixTypes>, name: string): Draft {
  const { apiVersion, kind, metadata } = prefix;
  const { uid, namespace = '' } = metadata;
  const { ipFamily = '', prefix: literal, prefixLength = 0, parentRef, parentSelector } = specOf(prefix);
  return create(PrefixAllocation, {
    apiVersion,
    metadata: {
      name,
      namespace,
      labels: { [REQUESTER_LABEL]: uid },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      ipFamily,
      ...(literal === undefined ? { prefixLength } : { prefix: literal }),
      ...(parentRef && { prefixRef: parentRef }),
      ...(parentSelector && { prefixSelector: parentSelector }),
    },
  });
}
