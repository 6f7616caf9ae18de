/** Owner of LoadBalancer, LoadBalancerRouting and NATGateway. */
import { projectionsOf } from '@weft/fabric';
import { createService, type Listen, type Platform, type RunningService } from '@weft/service';

export const LB_SERVICE = 'lb-svc';

export function createLbService(platform: Platform, options: Readonly<{ listen?: Listen }> = {}): Promise<RunningService> {
  return createService({ name: LB_SERVICE, context: 'lb', platform, projections: projectionsOf('lb'), ...options });
}
