export { ipamDomain } from './ipam.domain.ts';
export type { VniPool } from './vni-pool/vni-pool.types.ts';
