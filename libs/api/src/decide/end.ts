/** The end of an incarnation, and what follows from every decision: the next generation, and the end of a deleted object that nothing holds. */
import { endedType, generationChanged } from '../fold/common-events.ts';
import type { Accepted, Fact, Folded, KindModule } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import { sameJson } from '../values/equal.ts';
import { contentOf, type Deciding } from './deciding.ts';
import { foldFacts } from './preview.ts';

export function isHeld(kind: KindModule, object: ApiObject): boolean {
  return (object.metadata.finalizers?.length ?? 0) > 0 || kind.holdsDeletion?.(object) === true;
}

/** `last` is the state that ends, after `facts`. */
export function endOf({ kind, context }: Deciding, last: Folded, facts: readonly Fact[]): Accepted {
  const releases = kind.onEnd?.(last, context).releases ?? [];
  return { outcome: 'accepted', facts: [...facts, { type: endedType(kind.kind), data: {} }], ...(releases.length > 0 && { releases }) };
}

/** Counts the generation up, and ends a deleted object that nothing holds any more. */
export function withConsequences(on: Deciding, decision: Accepted): Accepted {
  const { registry, kind, before, context } = on;
  if (decision.facts.length === 0 || before.status !== 'live') return decision;
  const deleting = before.object.metadata.deletionTimestamp !== undefined;
  const newlyDeleting = !deleting && decision.facts.some(({ type }) => type === 'DeletionRequested.v1');
  if (!deleting && !kind.tracksGeneration) return decision;
  if (decision.facts.some(({ type }) => type === endedType(kind.kind))) return decision;
  const after = foldFacts(registry, before, decision.facts, context);
  if (deleting && !isHeld(kind, after.object)) {
    const end = endOf(on, after, decision.facts);
    return { ...decision, ...end, releases: [...(decision.releases ?? []), ...(end.releases ?? [])] };
  }
  const wants = newlyDeleting || !sameJson(contentOf(before.object), contentOf(after.object));
  if (!kind.tracksGeneration || !wants) return decision;
  const generation = (before.object.metadata.generation ?? 0) + 1;
  return { ...decision, facts: [...decision.facts, generationChanged(generation)] };
}
