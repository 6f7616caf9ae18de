export { HostHeartbeats, type HostHeartbeatsOptions } from './host-heartbeats.ts';
export { createNetworkService, HOST_HEARTBEATS, NETWORK_SERVICE } from './network-svc.ts';
