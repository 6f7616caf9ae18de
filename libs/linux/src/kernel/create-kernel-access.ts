import { systemClock } from '@weft/api';
import { ACCESS_LIMITS, type AccessOptions, type KernelAccess } from './kernel-access.ts';
import { nativeAccess } from './native/native-access.ts';
import { toolAccess } from './tool-access.ts';

/** Through a child process of its own where one can be had, else through the tools (ADR 44). */
export function createKernelAccess(options: AccessOptions = {}): KernelAccess {
  const { hostNetns, limits = ACCESS_LIMITS, clock = systemClock } = options;
  return nativeAccess(toolAccess(options), { ...(hostNetns !== undefined && { hostNetns }), callMsMax: limits.callMsMax, timers: clock });
}
