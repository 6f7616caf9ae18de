/** All contexts, as services have them (`weftDomains` of @weft/service), without a service behind them. */
import type { DomainModule } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { networkDomain } from '@weft/network';
import { policyDomain } from '@weft/policy';

export const weftDomains: readonly DomainModule[] = [networkDomain, ipamDomain, lbDomain, policyDomain];
