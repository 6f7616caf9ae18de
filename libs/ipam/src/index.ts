export { PUBLIC_ADDRESSES } from './address-pool/public-addresses.types.ts';
export { ipamDomain } from './ipam.domain.ts';
export type { VniPool } from './vni-pool/vni-pool.types.ts';
