/** What the network context sees of the pool of numbers, which belongs to the ipam context. */
import { kindRef } from '../kind/kind-types.ts';
import { ledgerRef } from '../kind/ledger.ts';

/** What the pool answered to a Network, and at which position (decimal); without `vni` it had none left. */
export type VniGrant = Readonly<{ vni?: number; namespace: string; network: string; at: string }>;

/** By uid of the Network; deleted when the number is given back, or is wanted no more. */
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

/** What other contexts may see of a Host: which networks it may still forward for. */
export type HoldingHost = Omit<NumberedNetwork, 'facts' | 'index'> & { facts: Record<never, never>; index: 'vni' };
export const AnyHost = kindRef<HoldingHost>('Host');
