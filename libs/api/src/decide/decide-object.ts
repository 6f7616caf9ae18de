/**
 * Decides a command about one object: finds the full object after defaults and rules, and the facts in which it differs (DESIGN 9.6).
 * Pure: everything that is not in the command or the state comes with the context.
 *
 *   create, replace, patch ──> object ──> defaults ──> rules ──> difference ──> facts
 *   delete ──> DeletionRequested, or the end        act ──> the kind's own decision
 *                                                        └──> the end, when it removed the last finalizer of a deleted object
 */
import type { DecideContext, Decision, Folded, KindModule, RecentRequest } from '../kind/kind.ts';
import type { Registry } from '../registry/registry.ts';
import { conflict, derivedOnly, forbiddenStatus } from '../status/statuses.ts';
import { decideAction } from './decide-action.ts';
import { decideCreate } from './decide-create.ts';
import { decideDelete } from './decide-delete.ts';
import { decidePatch, decideReplace } from './decide-update.ts';
import { type Deciding, type ObjectCommand, rejected } from './deciding.ts';
import { withConsequences } from './end.ts';

/** The request was carried out before: answer with what it did (http-api: `Idempotency-Key`). */
export type Repeated = Readonly<{ outcome: 'repeated'; request: RecentRequest }>;

/** `before` is the state of the object's stream with its recent requests. */
export function decideObject(registry: Registry, command: ObjectCommand, before: Folded, context: DecideContext): Decision | Repeated {
  const repeated = before.requests.find(({ requestId }) => requestId === context.requestId);
  const kind = registry.kind(before.key.kind) as KindModule;
  if (repeated !== undefined) {
    if (repeated.abandoned !== true) return { outcome: 'repeated', request: repeated };
    return rejected(
      conflict(
        kind,
        before.key.name,
        'an earlier attempt of this request was given up and will not be carried out; send it as a new request',
      ),
    );
  }
  if (before.unreadable !== undefined) return rejected(forbiddenStatus(kind, before.key.name, unreadable(before.unreadable)));
  if (refuses(kind, command)) return rejected(derivedOnly(kind));
  const on: Deciding = { registry, kind, before, context };
  const decision = decideVerb(on, command);
  return decision.outcome === 'rejected' ? decision : withConsequences(on, decision);
}

/** What Weft makes of other objects would be lost without a word if somebody wrote it. */
function refuses({ refuses: refused = [] }: KindModule, { verb }: ObjectCommand): boolean {
  return refused.some((each) => each === (verb === 'replace' ? 'update' : verb));
}

function unreadable(why: string): string {
  return `the object can be read only, as it was before: ${why}. Let a version write it that knows this event`;
}

function decideVerb(on: Deciding, command: ObjectCommand): Decision {
  switch (command.verb) {
    case 'create':
      return decideCreate(on, command);
    case 'replace':
      return decideReplace(on, command);
    case 'patch':
      return decidePatch(on, command);
    case 'delete':
      return decideDelete(on, command);
    case 'act':
      return decideAction(on, command);
  }
}
