/**
 * Control loops over owners (http-api 12, resources 1.9), for the kinds of all contexts. No kind does anything for them.
 *
 *   collect-garbage-<Kind>   an object all of whose owners are gone is deleted. It is asked about owners, not about objects: one owner that stays
 *                            costs one question, however much it owns, and an object without owners costs none.
 *   end-cascades-<context>   carries out foreground deletion and orphaning of what is deleted so (`cascades.ts`).
 */

import type { LoopFacts, View } from '../kind/facts.ts';
import type { Context, Draft, KindModule } from '../kind/kind.ts';
import { kindRef, type UntypedKind } from '../kind/kind-types.ts';
import { isDeleting, type Loop, loopOverIndex, loopOverRecords } from '../kind/loop.ts';
import { type Cascade, cascadeKey, cascadeOf, cascades, FOREGROUND, ORPHAN } from './cascades.ts';
import { ownerAct } from './owner-actions.ts';
import { DEPENDENTS_MAX, OWNER_INDEX, type Owner, type OwnerTextOf, ownerFrom, ownerText } from './owner-index.ts';

/** An object as an owner. `leaves`: it is being deleted in the foreground, so it keeps nothing any more. */
type SeenOwner = Readonly<{ uid: string; leaves: boolean }>;

/** An object that is owned. `owners`: by `ownerText`; `blocks`: those that wait for it; `foreign`: it has an owner of which nobody here knows. */
type Dependent = Readonly<{
  kind: string;
  namespace?: string;
  name: string;
  uid: string;
  deleting: boolean;
  owners: readonly string[];
  blocks: readonly string[];
  foreign: boolean;
}>;

type Seen = Readonly<{ owner: View<UntypedKind, SeenOwner>; dependent: View<UntypedKind, Dependent> }>;

export function ownerLoops(kinds: readonly KindModule[], textOf: OwnerTextOf): readonly Loop[] {
  const seen = new Map(kinds.map(({ kind }) => [kind, seenOf(kind, textOf)]));
  const contexts = [...new Set(kinds.map(({ context }) => context))];
  return [...kinds.map((kind) => collectGarbage(kind, seen)), ...contexts.map((context) => endCascades(context, kinds, seen))];
}

type SeenKinds = ReadonlyMap<string, Seen>;

function seenOf(kind: string, textOf: OwnerTextOf): Seen {
  const ref = kindRef(kind);
  return {
    owner: {
      kind: ref,
      name: 'owner',
      facets: () => ['created', 'deletion', 'finalizers'],
      of: (state) => ({
        uid: state.object.metadata.uid,
        leaves: isDeleting(state) && cascadeOf(state.object.metadata) === FOREGROUND,
      }),
    },
    dependent: {
      kind: ref,
      name: 'dependent',
      facets: () => ['created', 'deletion', 'ownerReferences'],
      of: (state) => {
        const { key, object } = state;
        const { uid, ownerReferences = [] } = object.metadata;
        const texts = ownerReferences.map((reference) => textOf(reference, key.namespace));
        return {
          ...key,
          uid,
          deleting: isDeleting(state),
          owners: texts.flatMap((text) => text ?? []),
          blocks: texts.flatMap((text, i) => (text !== undefined && ownerReferences[i]?.blockOwnerDeletion === true ? [text] : [])),
          foreign: texts.includes(undefined),
        };
      },
    },
  };
}

function ownerSeen({ kind, uid, ...key }: Owner, seen: SeenKinds, facts: LoopFacts): SeenOwner | undefined {
  const view = seen.get(kind)?.owner;
  const found = view && facts.see(view, key);
  return found?.uid === uid ? found : undefined;
}

/** Whether another owner than this one keeps the object. */
function isKept({ owners, foreign }: Dependent, but: string, seen: SeenKinds, facts: LoopFacts): boolean {
  return foreign || owners.some((text) => text !== but && ownerSeen(ownerFrom(text), seen, facts)?.leaves === false);
}

function collectGarbage({ kind, context }: KindModule, seen: SeenKinds): Loop {
  const { dependent } = seen.get(kind) as Seen;
  return loopOverIndex(dependent.kind, OWNER_INDEX, {
    name: `collect-garbage-${kind}`,
    context,
    owed: (text, facts) => {
      if (ownerSeen(ownerFrom(text), seen, facts) !== undefined) return [];
      const drafts: Draft[] = [];
      for (const each of facts.seeAll(dependent, OWNER_INDEX, text)) {
        if (drafts.length === DEPENDENTS_MAX) break;
        if (!each.deleting && !isKept(each, text, seen, facts)) drafts.push(deletionOf(each));
      }
      return drafts;
    },
  });
}

function deletionOf({ kind, namespace, name, uid }: Dependent, propagationPolicy?: string): Draft {
  const key = namespace === undefined ? { kind, name } : { kind, namespace, name };
  return { target: 'object', key, verb: 'delete', uid, ...(propagationPolicy !== undefined && { propagationPolicy }) };
}

function endCascades(context: Context, kinds: readonly KindModule[], seen: SeenKinds): Loop {
  const own = new Set(kinds.flatMap((kind) => (kind.context === context ? [kind.kind] : [])));
  return loopOverRecords(cascades, {
    name: `end-cascades-${context}`,
    context,
    owed: (cascade, _key, facts) => {
      if (!own.has(cascade.kind)) return [];
      const drafts = cascade.finalizer === ORPHAN ? lettingGo(cascade, seen, facts) : takingAlong(cascade, seen, facts);
      return drafts ?? [ownerAct(cascade, 'EndCascade', { uid: cascade.uid, finalizer: cascade.finalizer })];
    },
  });
}

/** What an object owns, of every kind, itself left out. */
function* dependentsOf(owner: Owner, seen: SeenKinds, facts: LoopFacts): Iterable<Dependent> {
  const text = ownerText(owner);
  for (const { dependent } of seen.values()) {
    for (const each of facts.seeAll(dependent, OWNER_INDEX, text)) if (each.uid !== owner.uid) yield each;
  }
}

/** Undefined when it owns nothing any more. */
function lettingGo(cascade: Cascade, seen: SeenKinds, facts: LoopFacts): readonly Draft[] | undefined {
  const drafts: Draft[] = [];
  for (const each of dependentsOf(cascade, seen, facts)) {
    if (drafts.length === DEPENDENTS_MAX) break;
    drafts.push(ownerAct(each, 'DropOwner', { uid: each.uid, owner: cascade.uid }));
  }
  return drafts.length === 0 ? undefined : drafts;
}

/** Undefined when all that it owns is being deleted, and nothing of it is left that it must wait for. */
function takingAlong(cascade: Cascade, seen: SeenKinds, facts: LoopFacts): readonly Draft[] | undefined {
  const text = ownerText(cascade);
  const drafts: Draft[] = [];
  let isBlocked = false;
  for (const each of dependentsOf(cascade, seen, facts)) {
    if (drafts.length === DEPENDENTS_MAX) break;
    isBlocked ||= each.blocks.includes(text);
    if (each.deleting) continue;
    // What another owner keeps must not hold this one.
    if (isKept(each, text, seen, facts)) drafts.push(ownerAct(each, 'DropOwner', { uid: each.uid, owner: cascade.uid }));
    else drafts.push(deletionOf(each, ownsOthers(each, seen, facts) ? 'Foreground' : undefined));
  }
  return isBlocked || drafts.length > 0 ? drafts : undefined;
}

/** Whether it owns anything that must go before it. In a circle of owners one is taken as if it owned nothing, or all would wait for each other. */
function ownsOthers(dependent: Dependent, seen: SeenKinds, facts: LoopFacts): boolean {
  let owns = false;
  for (const each of dependentsOf(dependent, seen, facts)) {
    if (facts.record(cascades, cascadeKey(each)) !== undefined) return false;
    owns = true;
  }
  return owns;
}
