/** The fold of a Prefix's events. */
import {
  type ApiObject,
  type EventMetadata,
  type Evolve,
  type Facets,
  type Members,
  plainFieldEvolve,
  plainFields,
  ready,
  type State,
  wholeSeconds,
  withCondition,
  withMember,
  withoutMember,
  withSpecField,
  withStatus,
} from '@weft/api';
import { type AddressRange, FREE, givenBack, rangeOf, without } from './address-space.ts';
import type { Asking, PrefixFacts, PrefixTypes } from './prefix.types.ts';

type PrefixObject = ApiObject<PrefixTypes>;

export const PLAIN = plainFields<PrefixTypes>()({
  prefix: 'PrefixLiteralSpecified.v1',
  prefixLength: 'PrefixLengthSpecified.v1',
  parentRef: 'PrefixParentSpecified.v1',
});

/** Before anything is known about what a child waits for. */
export const WAITING = ready('False', 'AllocationPending', 'waits for its range');

/** Who holds a range: the Prefix that asked, also when its PrefixAllocation is made anew, or an allocation that nobody made it for. */
export function holderOf({ allocation, requester = allocation }: Asking): Readonly<{ name: string; uid: string }> {
  return requester;
}

const NO_MEMBERS = Object.freeze({});

export const heldOf = ({ held = NO_MEMBERS }: PrefixFacts): NonNullable<PrefixFacts['held']> => held;
export const refusedOf = ({ refused = NO_MEMBERS }: PrefixFacts): Members<string> => refused;

function poolOf({ spec }: PrefixObject): AddressRange {
  return rangeOf(spec?.prefix ?? '');
}

function allocated(object: PrefixObject, time: string): PrefixObject {
  return withStatus(object, { phase: 'Allocated', lastPhaseTransitionTime: wholeSeconds(time) });
}

/** The first status of a Prefix. */
export function pending({ object, facts }: State<PrefixTypes>, { time }: EventMetadata): State<PrefixTypes> {
  return { object: withCondition(withStatus(object, { phase: 'Pending' }), WAITING, time), facts };
}

export const prefixEvolve: Evolve<PrefixTypes> = {
  ...plainFieldEvolve(PLAIN),
  'PrefixAllocated.v1': ({ object, facts }, { taken }, { time }) => {
    if (taken === undefined) return { object: allocated(object, time), facts };
    const { prefix, parent, allocation } = taken;
    const filled = withSpecField(withSpecField(object, 'prefix', prefix), 'parentRef', { name: parent });
    return { object: allocated(filled, time), facts: { ...facts, allocation } };
  },
  'PrefixAllocationRetried.v1': ({ object, facts }, { attempt }, { time }) => ({
    object,
    facts: { ...facts, attempt: { number: attempt, sinceMs: Date.parse(time) } },
  }),
  'PrefixRangeAllocated.v1': ({ object, facts }, { prefix, ...asking }) => {
    const { uid, name } = holderOf(asking);
    return {
      object,
      facts: {
        ...facts,
        space: without(facts.space ?? FREE, poolOf(object), rangeOf(prefix)),
        held: withMember(heldOf(facts), uid, { prefix, holder: name }),
        refused: withoutMember(refusedOf(facts), uid),
      },
    };
  },
  'PrefixRangeRefused.v1': ({ object, facts }, { request, ...asking }) => ({
    object,
    facts: { ...facts, refused: withMember(refusedOf(facts), holderOf(asking).uid, request) },
  }),
  'PrefixRangeReleased.v1': ({ object, facts }, { holder, prefix }) => {
    if (prefix === undefined) return { object, facts: { ...facts, refused: withoutMember(refusedOf(facts), holder) } };
    return {
      object,
      facts: {
        ...facts,
        space: givenBack(facts.space ?? FREE, poolOf(object), rangeOf(prefix)),
        held: withoutMember(heldOf(facts), holder),
      },
    };
  },
};

export const prefixFacets: Facets<PrefixTypes> = {
  'PrefixLiteralSpecified.v1': 'spec',
  'PrefixLengthSpecified.v1': 'spec',
  'PrefixParentSpecified.v1': 'spec',
  'PrefixAllocated.v1': 'phase',
  'PrefixAllocationRetried.v1': 'attempt',
  'PrefixRangeAllocated.v1': 'ranges',
  'PrefixRangeRefused.v1': undefined,
  'PrefixRangeReleased.v1': 'ranges',
};
