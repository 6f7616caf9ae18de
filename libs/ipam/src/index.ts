export { ipamDomain } from './ipam.domain.ts';
export { vniPool, vniPoolModule } from './vni-pool/vni-pool.ts';
export { VNI_MAX, VNI_MIN, VNI_POOL, type VniPool } from './vni-pool/vni-pool.types.ts';
