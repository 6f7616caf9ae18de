import type { ConditionFact } from '../fold/common-events.ts';

/** The condition that every kind has, so that `kubectl wait --for=condition=Ready` works. */
export function ready(status: 'True' | 'False' | 'Unknown', reason: string, message: string): ConditionFact {
  return { type: 'Ready', status, reason, message };
}

/** What a field asks for is kept and not yet put into effect; it blocks nothing. */
export function notSupportedYet(type: string, field: string): ConditionFact {
  return { type, status: 'False', reason: 'NotSupportedYet', message: `${field} is kept, but not put into effect by this version` };
}
