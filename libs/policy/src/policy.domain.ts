/** Policy: owns NetworkPolicy and NetworkPolicyRule. Holds no kind yet. */
import type { DomainModule } from '@weft/api';

export const policyDomain: DomainModule = { context: 'policy', kinds: [], reservations: [], reactions: [] };
