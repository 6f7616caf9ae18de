/** Load balancing: owns LoadBalancer, LoadBalancerRouting and NATGateway. Holds no kind yet. */
import { domainOf } from '@weft/api';

export const lbDomain = domainOf('lb', []);
