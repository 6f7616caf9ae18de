/** Policy: owns NetworkPolicy and NetworkPolicyRule. Holds no kind yet. */
import { domainOf } from '@weft/api';

export const policyDomain = domainOf('policy', []);
