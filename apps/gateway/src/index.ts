export { checkConfig, type GatewayConfig, gatewayConfig, gatewayDefaults } from './config.ts';
export type { CommandSender } from './context.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
