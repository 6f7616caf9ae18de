import type { DomainModule, ReservationModule } from '@weft/api';
import { vniReactions } from './vni-pool/vni-pool.reactions.ts';
import { vniPool } from './vni-pool/vni-pool.ts';

/** Numbers and addresses. VirtualIP, Prefix and AddressPool are still to come. */
export const ipamDomain: DomainModule = {
  context: 'ipam',
  kinds: [],
  reservations: [vniPool as ReservationModule],
  reactions: vniReactions,
};
