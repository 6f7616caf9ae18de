export type { EventBus } from './bus-source.ts';
export type { EventFilter, WeftEvent } from './cloud-event.ts';
export { WeftRefusedError } from './gateway.ts';
export { type NatsOptions, natsBus } from './nats-bus.ts';
export { subscribe } from './subscribe.ts';
export type { SubscribeOptions, WeftSubscription } from './subscription.ts';
export type { Timers } from './timers.ts';
