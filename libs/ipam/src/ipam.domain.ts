import { domainOf } from '@weft/api';
import { addressPoolPart } from './address-pool/address-pool.part.ts';
import { virtualIpPart } from './virtual-ip/virtual-ip.part.ts';
import { vniPoolPart } from './vni-pool/vni-pool.part.ts';

/** Numbers and addresses. */
export const ipamDomain = domainOf('ipam', [vniPoolPart, addressPoolPart, virtualIpPart]);
