/** Owner of Network, NetworkInterface, Machine, Host, Namespace and Event; projects the routing rows. */
import type { FactoryProvider } from '@nestjs/common';
import { projectionsOf } from '@weft/fabric';
import {
  CONTEXT_RUNTIME,
  type ContextRuntime,
  createService,
  type Listen,
  type Part,
  PLATFORM,
  type Platform,
  type RunningService,
} from '@weft/service';
import { HostHeartbeats } from './host-heartbeats.ts';

export const NETWORK_SERVICE = 'network-svc';

export const HOST_HEARTBEATS = Symbol('host heartbeats');

const heartbeats: FactoryProvider<Part> = {
  provide: HOST_HEARTBEATS,
  useFactory: (platform: Platform, { client, leases }: ContextRuntime) => new HostHeartbeats({ ...platform, client, leases }),
  inject: [PLATFORM, CONTEXT_RUNTIME],
};

export function createNetworkService(platform: Platform, options: Readonly<{ listen?: Listen }> = {}): Promise<RunningService> {
  return createService({
    name: NETWORK_SERVICE,
    context: 'network',
    platform,
    projections: projectionsOf('network'),
    parts: [heartbeats],
    ...options,
  });
}
