import { domainOf } from '@weft/api';
import { vniPoolPart } from './vni-pool/vni-pool.part.ts';

/** Numbers and addresses. VirtualIP, Prefix and AddressPool are still to come. */
export const ipamDomain = domainOf('ipam', [vniPoolPart]);
