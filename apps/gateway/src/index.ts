export { checkConfig, type GatewayConfig, gatewayConfig, gatewayDefaults } from './config.ts';
export type { CommandSender } from './context.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export { ResourceView } from './model/resource-view.ts';
export { ReadPoint } from './resources/read-point.ts';
