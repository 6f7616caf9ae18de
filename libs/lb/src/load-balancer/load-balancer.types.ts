/** The types of a LoadBalancer: its events, its actions, what is known beside the object. */
import { Type } from '@sinclair/typebox';
import {
  anyJson,
  type ConditionFact,
  type DataOf,
  defineEvents,
  IpSource,
  kindRef,
  LabelSelectorModel,
  ofModel,
  type PublicAddressFacts,
  publicAddressEvents,
  publicAddressPayloads,
} from '@weft/api';
import { LoadBalancerPort, type LoadBalancerSpec, type LoadBalancerStatus, LoadBalancerVirtualIp } from './load-balancer.model.ts';

export const loadBalancerEvents = defineEvents({
  ...publicAddressEvents,
  /** A field that was removed is absent from the data. */
  'LoadBalancerTypeChanged.v1': Type.Object({ type: Type.Optional(Type.String()) }),
  'LoadBalancerFamiliesChanged.v1': Type.Object({ ipFamilies: Type.Optional(Type.Array(Type.String())) }),
  'LoadBalancerAddressSourcesChanged.v1': Type.Object({ ips: Type.Optional(Type.Array(ofModel(IpSource))) }),
  'LoadBalancerVirtualIPsChanged.v1': Type.Object({ virtualIPs: Type.Optional(Type.Array(ofModel(LoadBalancerVirtualIp))) }),
  'LoadBalancerSelectorChanged.v1': Type.Object({ networkInterfaceSelector: Type.Optional(ofModel(LabelSelectorModel)) }),
  'LoadBalancerPortsChanged.v1': Type.Object({ ports: Type.Optional(Type.Array(ofModel(LoadBalancerPort))) }),
  /** These are its addresses from now on. */
  'LoadBalancerAddressed.v1': Type.Object({ ips: Type.Array(Type.String()) }),
});

export const loadBalancerPayloads = {
  ...publicAddressPayloads,
  /** The addresses of the incarnation `uid`, and what is to be said of it. */
  Report: Type.Object({ uid: Type.String(), ips: Type.Array(Type.String()), conditions: Type.Array(anyJson<ConditionFact>()) }),
};

export type LoadBalancerTypes = {
  spec: LoadBalancerSpec;
  status: LoadBalancerStatus;
  facts: PublicAddressFacts;
  events: DataOf<typeof loadBalancerEvents>;
  actions: DataOf<typeof loadBalancerPayloads>;
  /** `anchor`: where its selector is found (`anchorsOf`). */
  index: 'network' | 'virtualIP' | 'anchor' | 'ephemeralPrefixes';
};
export const LoadBalancer = kindRef<LoadBalancerTypes>('LoadBalancer');
