/** Control loops of PrefixAllocations (resources 3.11 step 3, 3.12): each chooses its Prefix, asks it for a range, and ends with an outcome. */
import { act, conditionFacts, type Draft, type Folded, isDeleting, type Loop, type LoopFacts, loopOver, ready, specOf } from '@weft/api';
import { chooseParent } from '../prefix/choose-parent.ts';
import { holderOf } from '../prefix/prefix.facts.ts';
import { type Asking, Prefix } from '../prefix/prefix.types.ts';
import { parentSeen, requesterSeen, roomSeen, wantedText } from '../prefix/prefix.views.ts';
import { answerKey, prefixRanges, type RangeAnswer } from '../prefix/prefix-ranges.ts';
import { answers, type FamilyRequest, incompatibility, type Pool, requestOf, shortage } from '../prefix/range-request.ts';
import { isPending } from './prefix-allocation.kind.ts';
import { PrefixAllocation, type PrefixAllocationTypes } from './prefix-allocation.types.ts';
import type { WaitsFor } from './prefix-allocation.views.ts';
import { requesterOf } from './requester.ts';

type Allocation = Folded<PrefixAllocationTypes>;

function identityOf({ object: { metadata } }: Allocation): Readonly<{ name: string; uid: string }> {
  return { name: metadata.name, uid: metadata.uid };
}

function askingOf(allocation: Allocation): Asking {
  const requester = requesterOf(allocation.object);
  return { allocation: identityOf(allocation), ...(requester && { requester }) };
}

function wantedOf({ object }: Allocation): FamilyRequest {
  const { ipFamily = '', ...spec } = specOf(object);
  return { family: ipFamily, request: requestOf(spec) ?? '' };
}

/** Whether the Prefix that it was made for does not count on it: that has gone, or has another one by now. */
function isOutdated(allocation: Allocation, facts: LoopFacts): boolean {
  const requester = requesterOf(allocation.object);
  if (requester === undefined) return false;
  const { namespace = '', name } = allocation.key;
  const prefix = facts.see(requesterSeen, { namespace, name: requester.name });
  return prefix?.uid !== requester.uid || prefix.allocation !== name;
}

function isAsking(allocation: Allocation, facts: LoopFacts): boolean {
  return isPending(allocation) && !isDeleting(allocation) && !isOutdated(allocation, facts);
}

/** The Prefix that it asks, as far as it is known. */
type Asked =
  | Readonly<{ is: 'unchosen' | 'missing' | 'unallocated' | 'deleting'; name: string }>
  | Readonly<{ is: 'there'; name: string; uid: string; pool: Pool; answer?: RangeAnswer | undefined }>;

function askedPrefix(allocation: Allocation, facts: LoopFacts): Asked {
  const { namespace = '' } = allocation.key;
  const name = specOf(allocation.object).prefixRef?.name;
  if (name === undefined) return { is: 'unchosen', name: '' };
  const parent = facts.see(parentSeen, { namespace, name });
  if (parent === undefined) return { is: 'missing', name };
  const { uid, family, prefix, deleting } = parent;
  if (prefix === undefined) return { is: 'unallocated', name };
  const answer = facts.record(prefixRanges, answerKey(uid, holderOf(askingOf(allocation)).uid));
  // What was given before is accepted still.
  if (deleting && answer?.prefix === undefined) return { is: 'deleting', name };
  return { is: 'there', name, uid, pool: { family, prefix }, answer };
}

/** Of several Prefixes that its selector picks and that have room, one is chosen, once. */
const schedule = loopOver(PrefixAllocation, {
  name: 'schedule-prefix-allocation',
  context: 'ipam',
  owed: (allocation, facts) => {
    if (!isAsking(allocation, facts)) return [];
    const prefix = chosen(allocation, facts);
    if (prefix === undefined) return [];
    return [act(PrefixAllocation, allocation.key, 'Schedule', { uid: allocation.object.metadata.uid, prefix })];
  },
});

function chosen(allocation: Allocation, facts: LoopFacts): string | undefined {
  const { prefixRef, prefixSelector } = specOf(allocation.object);
  if (prefixRef !== undefined || prefixSelector === undefined) return undefined;
  const { namespace = '' } = allocation.key;
  const asking = holderOf(askingOf(allocation)).uid;
  return chooseParent({ ...wantedOf(allocation), namespace, selector: prefixSelector, asking }, facts);
}

/** The Prefix is asked once, and again when there is room after it had none. */
const allocateRange = loopOver(PrefixAllocation, {
  name: 'allocate-prefix-range',
  context: 'ipam',
  owed: (allocation, facts) => {
    if (!isAsking(allocation, facts)) return [];
    const asked = askedPrefix(allocation, facts);
    const wanted = wantedOf(allocation);
    if (asked.is !== 'there' || incompatibility(asked.pool, wanted) !== undefined) return [];
    const { namespace = '' } = allocation.key;
    const { name, uid, answer } = asked;
    if (answer?.prefix !== undefined) return [];
    if (answer?.request === wanted.request && facts.see(roomSeen, { namespace, name }, wantedText(wanted)) !== true) return [];
    return [act(Prefix, { namespace, name }, 'AllocateRange', { uid, ...wanted, ...askingOf(allocation) })];
  },
});

/** It takes what its Prefix gave, or ends in vain when that never can give it. */
const settle = loopOver(PrefixAllocation, {
  name: 'settle-prefix-allocation',
  context: 'ipam',
  owed: (allocation, facts): readonly Draft[] => {
    if (!isAsking(allocation, facts)) return [];
    const asked = askedPrefix(allocation, facts);
    if (asked.is !== 'there') return [];
    const { uid } = allocation.object.metadata;
    const wanted = wantedOf(allocation);
    const { name, pool, answer } = asked;
    const never = incompatibility(pool, wanted);
    if (never !== undefined) return [act(PrefixAllocation, allocation.key, 'Fail', { uid, message: `Prefix ${name} ${never}` })];
    const prefix = answer?.prefix;
    if (prefix === undefined || !answers(prefix, wanted.request)) return [];
    return [act(PrefixAllocation, allocation.key, 'Accept', { uid, prefix, parent: name })];
  },
});

const report = loopOver(PrefixAllocation, {
  name: 'report-prefix-allocation',
  context: 'ipam',
  owed: (allocation, facts) => {
    if (!isAsking(allocation, facts)) return [];
    const { reason, message } = waitingOf(allocation, facts);
    if (conditionFacts(allocation.object, ready('False', reason, message)).length === 0) return [];
    return [act(PrefixAllocation, allocation.key, 'ReportWaiting', { uid: allocation.object.metadata.uid, reason, message })];
  },
});

function waitingOf(allocation: Allocation, facts: LoopFacts): WaitsFor {
  const asked = askedPrefix(allocation, facts);
  const { name } = asked;
  const wanted = wantedOf(allocation);
  switch (asked.is) {
    case 'unchosen':
      if (chosen(allocation, facts) !== undefined) break;
      return {
        reason: 'NoSuitablePrefix',
        message: `no allocated ${wanted.family} Prefix that its selector picks has ${wanted.request} free`,
      };
    case 'missing':
      return { reason: 'PrefixNotFound', message: `waits for Prefix ${name}` };
    case 'unallocated':
      return { reason: 'PrefixNotAllocated', message: `waits until Prefix ${name} has its range` };
    case 'deleting':
      return { reason: 'PrefixDeleting', message: `Prefix ${name} is being deleted and gives nothing out any more` };
    case 'there':
      if (asked.answer?.request !== wanted.request) break;
      return { reason: 'PrefixExhausted', message: shortage(name, asked.pool, wanted.request) };
  }
  return { reason: 'AllocationPending', message: 'waits for its range' };
}

/** An allocation goes when the Prefix that it was made for counts on another one. When that Prefix has gone, it goes as what that owned. */
const deleteOutdated = loopOver(PrefixAllocation, {
  name: 'delete-outdated-prefix-allocation',
  context: 'ipam',
  owed: (allocation, facts) => {
    const requester = requesterOf(allocation.object);
    if (requester === undefined || isDeleting(allocation)) return [];
    const { namespace = '', name } = allocation.key;
    const prefix = facts.see(requesterSeen, { namespace, name: requester.name });
    if (prefix?.uid !== requester.uid || prefix.allocation === name) return [];
    return [{ target: 'object', verb: 'delete', key: allocation.key, uid: allocation.object.metadata.uid }];
  },
});

export const prefixAllocationLoops: readonly Loop[] = [schedule, allocateRange, settle, report, deleteOutdated];
