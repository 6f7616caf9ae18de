/**
 * What a Host says of its health, from what is heard of its agent.
 *
 *   silent for ten seconds ──> Ready False HeartbeatsMissing
 *   the agent names a trouble ──> Ready False with its words, and Converged likewise: what the kernel holds is not known, or reaches nobody
 *   neither ──> Ready True; Converged as the agent has reported last
 */
import { type ApiObject, type ConditionFact, conditionOf, type Folded, ready, specOf, statusOf } from '@weft/api';
import type { HostTypes, Trouble } from './host.types.ts';

type HostObject = ApiObject<HostTypes>;
export type Health = Readonly<{ ready: ConditionFact; converged: ConditionFact }>;

const SILENT = 'HeartbeatsMissing';

export const HEARD = ready('True', 'AgentReady', 'its agent is heard');
/** Of an agent that has just begun: it does not know yet what the kernel holds. */
export const STARTING: Trouble = { reason: 'AgentStarting', message: 'its agent compares the kernel with the rows' };
export const APPLIED: ConditionFact = {
  type: 'Converged',
  status: 'True',
  reason: 'Applied',
  message: 'the kernel reflects all rows that concern it',
};
export const LAGS: ConditionFact = { type: 'Converged', status: 'False', reason: 'Pending', message: 'rows are waiting to be applied' };

/** Longest text of a trouble in a condition, in characters. */
const MESSAGE_MAX = 1_024;

export const SILENCE: Health = badHealth({ reason: SILENT, message: 'its agent has not been heard for ten seconds' });

/** Of a host whose agent is heard, and says that it has this trouble, or none. */
export function healthOf(object: HostObject, trouble?: Trouble): Health {
  if (specOf(object).underlay?.ip === undefined) return UNDERLAY_TAKEN;
  return trouble === undefined ? { ready: HEARD, converged: convergedOf(object) } : badHealth(trouble);
}

const UNDERLAY_TAKEN = badHealth({
  reason: 'UnderlayTaken',
  message: 'another host has its underlay address now; its agent has to register again',
});

export function badHealth({ reason, message }: Trouble): Health {
  const text = message.slice(0, MESSAGE_MAX);
  return { ready: ready('False', reason, text), converged: { type: 'Converged', status: 'False', reason, message: text } };
}

/** As the last report says. */
function convergedOf(object: HostObject): ConditionFact {
  const { applied, pendingSince } = statusOf(object);
  return applied === undefined || pendingSince !== undefined ? LAGS : APPLIED;
}

export function isConverged({ object }: Folded<HostTypes>): boolean {
  return conditionOf(object, 'Converged')?.status === 'True';
}

export function isReady({ object }: Folded<HostTypes>): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}

/** Whether it is Ready and counts as lagging, though its kernel reflects all that came before `reached`, and the event that said so. */
export function endsLag(host: Folded<HostTypes>, reached: bigint): boolean {
  return isReady(host) && statusOf(host.object).pendingSince !== undefined && reached >= host.position;
}

/** Whether its agent lives, as far as is known, whatever trouble it has. A Host that no agent has registered is not heard. */
export function isHeard({ object }: Folded<HostTypes>): boolean {
  const condition = conditionOf(object, 'Ready');
  return condition !== undefined && condition.reason !== SILENT;
}

/** Whether another host may take its underlay address: its agent is silent, or says that no device has that address. */
export function hasLeftUnderlay(host: Folded<HostTypes>): boolean {
  return !isHeard(host) || conditionOf(host.object, 'Ready')?.reason === UNDERLAY_MISSING;
}

/** The reason by which an agent says that no device has its underlay address. */
export const UNDERLAY_MISSING = 'UnderlayAddressMissing';
