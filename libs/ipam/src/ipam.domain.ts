import { domainOf } from '@weft/api';
import { addressPoolPart } from './address-pool/address-pool.part.ts';
import { prefixPart } from './prefix/prefix.part.ts';
import { prefixAllocationPart } from './prefix-allocation/prefix-allocation.part.ts';
import { virtualIpPart } from './virtual-ip/virtual-ip.part.ts';
import { vniPoolPart } from './vni-pool/vni-pool.part.ts';

/** Numbers and addresses. */
export const ipamDomain = domainOf('ipam', [vniPoolPart, addressPoolPart, virtualIpPart, prefixPart, prefixAllocationPart]);
