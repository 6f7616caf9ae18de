/**
 * Decides commands about objects that are kept whole, many of them in one stream (`KindModule.book`). The outcome is the object as the command leaves it,
 * not the facts in which it differs; whatever else is decided is decided as for all objects.
 */
import { absent } from '../fold/evolve.ts';
import type { DecideContext, Folded, KindModule, Rejected } from '../kind/kind.ts';
import type { ApiObject, ObjectKey } from '../kind/object.ts';
import { type Registry, registry as registryOf } from '../registry/registry.ts';
import { decideObject } from './decide-object.ts';
import { accepted, contentOf, type ObjectCommand } from './deciding.ts';
import { GENERATED_NAMES_MAX, hasGeneratedName, keyOfCommand } from './naming.ts';
import { foldFacts } from './preview.ts';

export type WholeDecision =
  | Rejected
  | Readonly<{
      outcome: 'accepted';
      before: Folded;
      /** As the command leaves it: its resourceVersion is meaningless when it differs from `before`. */
      after: Folded;
      /** The request was carried out before. */
      repeated: boolean;
      warnings: readonly string[];
    }>;

/** `stateOf` gives living objects. */
export type DecideWhole = (
  command: ObjectCommand,
  stateOf: (key: ObjectKey) => Folded | undefined,
  context: DecideContext,
) => WholeDecision;

/** `beside`: kinds that decisions look at, such as Namespace. */
export function decideWholeOf(kind: KindModule, beside: readonly KindModule[]): DecideWhole {
  const registry = registryOf([{ context: kind.context, kinds: [asWhole(kind), ...beside], reservations: [] }]);
  return (command, stateOf, context) => {
    for (let attempt = 0; ; attempt++) {
      const key = keyOfCommand(command, context.derive, attempt);
      const decision = decideOn(registry, command, stateOf(key) ?? absent(registry, key), context);
      const taken = decision.outcome === 'rejected' && decision.status.reason === 'AlreadyExists';
      if (!taken || !hasGeneratedName(command) || attempt + 1 >= GENERATED_NAMES_MAX) return decision;
    }
  };
}

function decideOn(registry: Registry, command: ObjectCommand, before: Folded, context: DecideContext): WholeDecision {
  const decision = decideObject(registry, command, before, context);
  if (decision.outcome === 'rejected') return decision;
  if (decision.outcome === 'repeated') return { outcome: 'accepted', before, after: before, repeated: true, warnings: [] };
  const { facts, warnings = [] } = decision;
  const after = facts.length === 0 ? before : foldFacts(registry, before, facts, context);
  return { outcome: 'accepted', before, after, repeated: false, warnings };
}

/** Never in a log: only leads from a state to the next one. */
const CHANGED = 'ContentChanged.v1';

function asWhole({ onCreate: _, ...kind }: KindModule): KindModule {
  return {
    ...kind,
    onChange: (_before, after) => accepted([{ type: CHANGED, data: contentOf(after) }]),
    evolve: {
      [CHANGED]: ({ object: { apiVersion, kind: name, metadata }, facts }, data) => ({
        object: { ...data, apiVersion, kind: name, metadata } as ApiObject,
        facts,
      }),
    },
  };
}
