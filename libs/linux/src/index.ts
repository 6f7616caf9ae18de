export { KernelUnfitError } from './kernel/probe.ts';
export { createLinuxDriver, type LinuxDriverOptions } from './linux.driver.ts';
export { portDevice, routerNamespace } from './objects/names.ts';
export { createSimulatedDriver, type SimulatedDriverOptions, SimulatedKernel } from './simulated.driver.ts';
