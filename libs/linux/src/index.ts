export { createLinuxDriver } from './linux.driver.ts';
export { crc32c } from './live/crc32c.ts';
export { foundIn, frameOf, type Sent } from './live/frames.ts';
export { routerNamespace } from './objects/names.ts';
export { createSimulatedDriver, SimulatedKernel } from './simulated.driver.ts';
export type { Uplink } from './write/uplink.ts';
