/** The types of a NATGateway: its events, its actions, what is known beside the object. */
import { Type } from '@sinclair/typebox';
import {
  AddressFamily,
  anyJson,
  type ConditionFact,
  type DataOf,
  defineEvents,
  kindRef,
  type PublicAddressActions,
  type PublicAddressEvents,
  type PublicAddressFacts,
  publicAddressEvents,
  publicAddressPayloads,
} from '@weft/api';
import type { NatGatewaySpec, NatGatewayStatus } from './nat-gateway.model.ts';

export const natGatewayEvents = defineEvents({
  ...publicAddressEvents,
  'NATGatewayTypeChanged.v1': Type.Object({ type: Type.Optional(Type.String()) }),
  'NATGatewayFamilyChanged.v1': Type.Object({ ipFamily: Type.Optional(Type.String()) }),
  'NATGatewayPortsChanged.v1': Type.Object({ portsPerNetworkInterface: Type.Optional(Type.Integer()) }),
});

export const natGatewayPayloads = {
  ...publicAddressPayloads,
  /**
   * The incarnation `uid` wants addresses in exactly these slots. One that it holds is given up only when it is in `dropped`: nothing uses it since that
   * request, nor will.
   */
  WantAddresses: Type.Object({
    uid: Type.String(),
    slots: Type.Record(Type.String(), AddressFamily),
    dropped: Type.Record(Type.String(), Type.Integer()),
  }),
  /** Sets these conditions and removes the others of `REPORTED`. */
  Report: Type.Object({ uid: Type.String(), conditions: Type.Array(anyJson<ConditionFact>()) }),
  /** Adds the finalizer that keeps a gateway while hosts may forward for its addresses. */
  Protect: Type.Object({}),
  /** Removes that finalizer, if the gateway has no addresses (any more). */
  Unprotect: Type.Object({}),
};

export type NatGatewayTypes = {
  spec: NatGatewaySpec;
  status: NatGatewayStatus;
  facts: PublicAddressFacts;
  events: DataOf<typeof natGatewayEvents> & PublicAddressEvents;
  actions: DataOf<typeof natGatewayPayloads> & PublicAddressActions;
  /** `network`: `<namespace>/<network>`. `serves`: `<namespace>/<network> <family>`. */
  index: 'network' | 'serves';
};
export const NatGateway = kindRef<NatGatewayTypes>('NATGateway');
