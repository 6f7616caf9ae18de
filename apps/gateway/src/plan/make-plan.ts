import type { GatewayContext } from '../context.ts';
import { type Plan, type Planned, planOf } from './plan.ts';

/** The plan of the newest position that the caller can know of. */
export async function makePlan({ planModel, platform, readPoint, slices }: GatewayContext, planned: Planned): Promise<Plan> {
  await readPoint.begun();
  await readPoint.latest();
  return planModel.rehearse((rehearsal) => planOf(platform.registry, rehearsal, planned, () => slices.next()));
}
