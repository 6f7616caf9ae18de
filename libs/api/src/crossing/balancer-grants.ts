/** What the network context gives to a LoadBalancer out of the address book of its Network, as other contexts see it (ADR 26). */
import { ledgerRef } from '../kind/ledger.ts';

/** Why an address of a Network is not free: who has it, or until when (decimal position) somebody used it whom hosts may still know. `leaves`: so it is with the balancer. */
export type TakenAddress = Readonly<{ nic?: string; balancer?: Readonly<{ name: string; uid: string }>; leaves?: true; resting?: string }>;

/**
 * `number`: 1 to 65535, of the balancer within its Network; absent once it is given back. `ips`: addresses that are its own. `leaving`: those that it gave
 * back and that hosts may still know. `taken`: those that it should have and somebody else has. `since`: the events that gave the number, and that
 * changed the rest last.
 */
export type BalancerGrant = Readonly<{
  namespace: string;
  network: string;
  name: string;
  number?: number;
  ips: readonly string[];
  leaving: readonly string[];
  taken: Readonly<Record<string, TakenAddress>>;
  since: readonly Readonly<{ position: bigint; eventId: string }>[];
}>;

/** The key of a record is the uid of the LoadBalancer. It is deleted when the last address has rested. */
export const balancerGrants = ledgerRef<BalancerGrant>('balancer-grants');
