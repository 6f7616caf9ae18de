/** Decides an action: one of the kind's own, or `AbandonClaims`, which every kind has. */
import { ABANDON_CLAIMS, decideAbandonClaims } from '../claims/abandoned-claims.ts';
import type { Decision } from '../kind/kind.ts';
import { methodNotAllowed } from '../status/statuses.ts';
import { type CommandOf, type Deciding, rejected } from './deciding.ts';

export function decideAction({ kind, before, context }: Deciding, { action, payload }: CommandOf<'act'>): Decision {
  if (action === ABANDON_CLAIMS) return decideAbandonClaims(kind, before, payload);
  const decide = kind.actions?.[action];
  return decide === undefined ? rejected(methodNotAllowed()) : decide(before, payload, context);
}
