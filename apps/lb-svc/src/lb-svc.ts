/** Owner of LoadBalancer, LoadBalancerRouting and NATGateway. Holds no kind yet; publishes how far it has read. */
import { createService, type Listen, type Platform, type RunningService } from '@weft/service';

export const LB_SERVICE = 'lb-svc';

export function createLbService(platform: Platform, options: Readonly<{ listen?: Listen }> = {}): Promise<RunningService> {
  return createService({ name: LB_SERVICE, context: 'lb', platform, ...options });
}
