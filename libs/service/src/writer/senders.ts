/** Who sends commands to a writer. Each has a budget of its own there: a flood of one never keeps another out (ADR 39). */
import type { Actor } from '@weft/api';

export const SENDERS = ['client', 'loop', 'host'] as const;
export type Sender = (typeof SENDERS)[number];

/** `host`: agents, and services that say what they hear of hosts. Whoever is not known to be a part of Weft is a client. */
export function senderOf({ user, verified }: Actor): Sender {
  if (user.startsWith('system:host:')) return 'host';
  if (!verified || !user.startsWith('system:')) return 'client';
  return user.startsWith('system:loop:') ? 'loop' : 'host';
}
