/** Owner of VirtualIP, Prefix, PrefixAllocation and AddressPool, and of the pools that hand out numbers. */
import { projectionsOf } from '@weft/fabric';
import { createService, type Listen, type Platform, type RunningService } from '@weft/service';

export const IPAM_SERVICE = 'ipam-svc';

export function createIpamService(platform: Platform, options: Readonly<{ listen?: Listen }> = {}): Promise<RunningService> {
  return createService({ name: IPAM_SERVICE, context: 'ipam', platform, projections: projectionsOf('ipam'), ...options });
}
