export { createLinuxDriver } from './linux.driver.ts';
export { routerNamespace } from './objects/names.ts';
export { createSimulatedDriver, SimulatedKernel } from './simulated.driver.ts';
export type { Uplink } from './write/uplink.ts';
