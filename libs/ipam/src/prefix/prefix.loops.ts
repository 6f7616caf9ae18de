/**
 * Control loops of Prefixes (resources 3.11): a child has the PrefixAllocation that asks for its range, and takes the range that this brings; a Prefix stays
 * while parts of it are in use; parts that nobody holds any more are taken back.
 */
import {
  act,
  anyMember,
  conditionFacts,
  conditionOf,
  type Draft,
  type Folded,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  loopOverRecords,
  ready,
  specOf,
} from '@weft/api';
import { type AllocationSeen, allocationSeen, waitsFor } from '../prefix-allocation/prefix-allocation.views.ts';
import { createAllocationFor } from '../prefix-allocation/requester.ts';
import { heldOf, holderOf, WAITING } from './prefix.facts.ts';
import { answersChild, canTake, isAllocated, isChild, prefixFinalizer } from './prefix.kind.ts';
import { Prefix, type PrefixTypes } from './prefix.types.ts';
import { allocationNameOf, parentSeen, requesterSeen } from './prefix.views.ts';
import { prefixRanges, type RangeAnswer } from './prefix-ranges.ts';
import { incompatibility, requestOf } from './range-request.ts';

/** A failed allocation is made anew after 5 ms, then after twice as long each time, 1000 s at most (resources 3.11). */
const RETRY_MIN_MS = 5;
const RETRY_MAX_MS = 1_000_000;

type PrefixState = Folded<PrefixTypes>;

function isWaiting(prefix: PrefixState): boolean {
  return isChild(prefix.object) && !isAllocated(prefix.object) && !isDeleting(prefix);
}

/** The allocation under the name of the one that counts, whoever made it. */
function allocationOf(prefix: PrefixState, facts: LoopFacts): AllocationSeen | undefined {
  const { namespace = '' } = prefix.key;
  return facts.see(allocationSeen, { namespace, name: allocationNameOf(prefix) });
}

/** Whether the allocation was made for this Prefix, and asks for what it asks for now. */
function isMadeFor({ object }: PrefixState, { requester, family, request, prefixRef = '' }: AllocationSeen): boolean {
  const { ipFamily, parentRef, ...spec } = specOf(object);
  if (requester !== object.metadata.uid || family !== ipFamily || request !== requestOf(spec)) return false;
  return parentRef === undefined || parentRef.name === prefixRef;
}

/** A child without a range has one allocation that asks for it. */
const requestRange = loopOver(Prefix, {
  name: 'request-prefix-range',
  context: 'ipam',
  owed: (prefix, facts) => {
    if (!isWaiting(prefix)) return [];
    const { key, object } = prefix;
    const allocation = allocationOf(prefix, facts);
    if (allocation === undefined) return [createAllocationFor(object, allocationNameOf(prefix))];
    const isUseless = !isMadeFor(prefix, allocation) || (allocation.phase === 'Failed' && mayRetry(prefix, facts));
    if (!isUseless) return [];
    const attempt = (prefix.facts.attempt?.number ?? 0) + 1;
    return [act(Prefix, key, 'RetryAllocation', { uid: object.metadata.uid, attempt })];
  },
});

/** A failed request is made anew when its parent is still to be chosen, or is there and could fit it now. */
function mayRetry({ key, object, facts: { attempt } }: PrefixState, facts: LoopFacts): boolean {
  const { ipFamily = '', parentRef, ...spec } = specOf(object);
  if (parentRef !== undefined) {
    const { namespace = '' } = key;
    const parent = facts.see(parentSeen, { namespace, name: parentRef.name ?? '' });
    if (parent?.prefix === undefined) return false;
    const wanted = { family: ipFamily, request: requestOf(spec) ?? '' };
    if (incompatibility({ family: parent.family, prefix: parent.prefix }, wanted) !== undefined) return false;
  }
  const { number, sinceMs } = attempt ?? { number: 0, sinceMs: Date.parse(object.metadata.creationTimestamp) };
  return facts.passed(sinceMs + Math.min(RETRY_MIN_MS * 2 ** number, RETRY_MAX_MS));
}

const takeRange = loopOver(Prefix, {
  name: 'take-prefix-range',
  context: 'ipam',
  owed: (prefix, facts) => {
    if (!isWaiting(prefix)) return [];
    const allocation = allocationOf(prefix, facts);
    if (allocation === undefined || !isMadeFor(prefix, allocation)) return [];
    const { prefix: range, prefixRef: parent } = allocation;
    if (range === undefined || parent === undefined || !canTake(prefix, { prefix: range, parent })) return [];
    const payload = { uid: prefix.object.metadata.uid, prefix: range, parent, allocation: allocationNameOf(prefix) };
    return [act(Prefix, prefix.key, 'TakeRange', payload)];
  },
});

/** What the allocation waits for is what its child waits for. */
const reportPrefix = loopOver(Prefix, {
  name: 'report-prefix',
  context: 'ipam',
  owed: (prefix, facts) => {
    if (!isWaiting(prefix)) return [];
    const { key, object } = prefix;
    const { namespace = '' } = key;
    const { reason, message } = facts.see(waitsFor, { namespace, name: allocationNameOf(prefix) }) ?? WAITING;
    if (conditionFacts(object, ready('False', reason, message)).length === 0) return [];
    return [act(Prefix, key, 'ReportWaiting', { uid: object.metadata.uid, reason, message })];
  },
});

/** The finalizer is added again when a client removes it, and removed when no part of a deleted Prefix is in use any more. */
const protectPrefix = loopOver(Prefix, {
  name: 'protect-prefix',
  context: 'ipam',
  owed: (prefix) => {
    const { key, object } = prefix;
    if (!isDeleting(prefix)) return prefixFinalizer.isOn(prefix) ? [] : [act(Prefix, key, 'Protect', {})];
    if (!prefixFinalizer.isOn(prefix)) return [];
    const held = anyMember(heldOf(prefix.facts));
    if (held === undefined) return [act(Prefix, key, 'Unprotect', {})];
    const message = `waits until nobody holds parts of it; ${held.holder} has ${held.prefix}`;
    return conditionOf(object, 'DeletionBlocked')?.message === message ? [] : [act(Prefix, key, 'ReportBlockers', { message })];
  },
});

/** Takes back what nobody holds, and forgets what nobody asks for any more. */
const releaseRange = loopOverRecords(prefixRanges, {
  name: 'release-prefix-range',
  context: 'ipam',
  owed: (answer, _key, facts): readonly Draft[] => {
    const { parent, prefix } = answer;
    const isNeeded = prefix === undefined ? isAskedFor(answer, facts) : isHeld(answer, prefix, facts);
    if (isNeeded) return [];
    const payload = { uid: parent.uid, holder: holderOf(answer).uid, ...(prefix !== undefined && { prefix }) };
    return [act(Prefix, { namespace: parent.namespace, name: parent.name }, 'ReleaseRange', payload)];
  },
});

/** A Prefix holds the range that it has or may take; an allocation that was made for none holds its range as long as it is there. */
function isHeld({ parent, allocation, requester }: RangeAnswer, prefix: string, facts: LoopFacts): boolean {
  const { namespace } = parent;
  if (requester === undefined) return facts.see(allocationSeen, { namespace, name: allocation.name })?.uid === allocation.uid;
  const child = facts.see(requesterSeen, { namespace, name: requester.name });
  if (child?.uid !== requester.uid) return false;
  const { range, wants } = child;
  if (range !== undefined) return range.prefix === prefix && range.parent === parent.name;
  return wants !== undefined && answersChild({ prefix, parent: parent.name }, wants);
}

function isAskedFor({ parent, allocation, requester }: RangeAnswer, facts: LoopFacts): boolean {
  const { namespace } = parent;
  const asking = facts.see(allocationSeen, { namespace, name: allocation.name });
  if (asking?.uid !== allocation.uid || asking.phase !== 'Pending' || asking.prefixRef !== parent.name) return false;
  return requester === undefined || facts.see(requesterSeen, { namespace, name: requester.name })?.allocation === allocation.name;
}

export const prefixLoops: readonly Loop[] = [requestRange, takeRange, reportPrefix, protectPrefix, releaseRange];
