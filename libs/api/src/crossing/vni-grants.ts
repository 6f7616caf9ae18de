/** What the network context sees of the pool of numbers, which belongs to the ipam context. */
import { uidOf } from '../kind/facts.ts';
import { kindRef } from '../kind/kind-types.ts';
import { ledgerRef } from '../kind/ledger.ts';

/** The pool's answer to a Network, with its position (decimal). `vni` is absent when the pool had no number left. */
export type VniGrant = Readonly<{ vni?: number; namespace: string; network: string; at: string }>;

/** The key of a record is the uid of the Network; it is deleted when the number is given back, or is not wanted any more. */
export const vniGrants = ledgerRef<VniGrant>('vni-grants');

/** What other contexts may see of a Network. */
export type NumberedNetwork = {
  spec: object;
  status: object;
  facts: { vni?: number };
  events: Record<never, never>;
  actions: Record<never, never>;
  index: 'vni' | 'numberless';
};
export const AnyNetwork = kindRef<NumberedNetwork>('Network');
export const uidOfNetwork = uidOf(AnyNetwork);

/**
 * What other contexts may see of a Host: which networks it may still forward for, and what its kernel reflects: table -> position (decimal), and under
 * `EVERYTHING` the position up to which nothing is missing. `role`: those that have it. `behind`: under '' those that may forward for something, and are not Converged.
 */
export type HoldingHost = Omit<NumberedNetwork, 'facts' | 'index'> & {
  facts: { applied?: Readonly<Record<string, string>> };
  index: 'vni' | 'role' | 'behind';
};
export const EVERYTHING = '*';
export const AnyHost = kindRef<HoldingHost>('Host');
