export { ipamDomain } from './ipam.domain.ts';
export { VNI_MAX, VNI_MIN, VNI_POOL, type VniPool, vniPool, vniPoolModule } from './vni-pool/vni-pool.ts';
