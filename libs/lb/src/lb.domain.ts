import { domainOf } from '@weft/api';
import { natGatewayPart } from './nat-gateway/nat-gateway.part.ts';

/** Load balancing: owns LoadBalancer and LoadBalancerRouting, which are still to come, and NATGateway. */
export const lbDomain = domainOf('lb', [natGatewayPart]);
