/** Owner of NetworkPolicy and NetworkPolicyRule; projects the rows of policies. */
import { projectionsOf } from '@weft/fabric';
import { createService, type Listen, type Platform, type RunningService } from '@weft/service';

export const POLICY_SERVICE = 'policy-svc';

export function createPolicyService(platform: Platform, options: Readonly<{ listen?: Listen }> = {}): Promise<RunningService> {
  return createService({ name: POLICY_SERVICE, context: 'policy', platform, projections: projectionsOf('policy'), ...options });
}
