/** All domains of Weft: each process folds all of them, whichever context it owns. */
import type { DomainModule } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { networkDomain } from '@weft/network';
import { policyDomain } from '@weft/policy';

export const weftDomains: readonly DomainModule[] = [networkDomain, ipamDomain, lbDomain, policyDomain];
