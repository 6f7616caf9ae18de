/** Decides an action: one of the kind's own, or one that every kind has. */
import { ABANDON_CLAIMS, decideAbandonClaims } from '../claims/abandoned-claims.ts';
import type { Decision } from '../kind/kind.ts';
import { ownerActionFacts, ownerActionSchema } from '../owners/owner-actions.ts';
import { badRequest, methodNotAllowed } from '../status/statuses.ts';
import { matches, mismatches } from '../values/checked.ts';
import { type CommandOf, type Deciding, rejected } from './deciding.ts';

export function decideAction({ kind, before, context }: Deciding, { action, payload }: CommandOf<'act'>): Decision {
  if (action === ABANDON_CLAIMS) return decideAbandonClaims(kind, before, payload);
  const schema = ownerActionSchema(action);
  if (schema !== undefined) {
    if (matches(schema, payload)) return { outcome: 'accepted', facts: ownerActionFacts(action, before, payload) };
    return rejected(badRequest(`${action} is not as it should be: ${mismatches(schema, payload).join('; ')}`));
  }
  const decide = kind.actions?.[action];
  return decide === undefined ? rejected(methodNotAllowed()) : decide(before, payload, context);
}
