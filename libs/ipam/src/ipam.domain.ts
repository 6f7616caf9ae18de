import { domainOf } from '@weft/api';
import { virtualIpPart } from './virtual-ip/virtual-ip.part.ts';
import { vniPoolPart } from './vni-pool/vni-pool.part.ts';

/** Numbers and addresses. VirtualIP, Prefix and AddressPool are still to come. */
export const ipamDomain = domainOf('ipam', [vniPoolPart, virtualIpPart]);
