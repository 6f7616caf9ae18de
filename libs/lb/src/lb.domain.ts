/** Load balancing: owns LoadBalancer, LoadBalancerRouting and NATGateway. Holds no kind yet. */
import type { DomainModule } from '@weft/api';

export const lbDomain: DomainModule = { context: 'lb', kinds: [], reservations: [], reactions: [] };
