/** The types of a LoadBalancerRouting: its events, its actions, what it holds. */
import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, LocalUidReference, type Members, ofModel } from '@weft/api';
import { type LoadBalancerRoutingFields, RoutingDestination } from './load-balancer-routing.model.ts';

const Target = Type.Object({
  uid: Type.String(),
  name: Type.String(),
  ips: Type.Array(Type.String()),
  providerID: Type.Optional(Type.String()),
});
const NetworkReference = Type.Object({ name: Type.String(), uid: Type.String() });

export const loadBalancerRoutingEvents = defineEvents({
  /** The balancer with this uid fills it from now on, in this Network. Whatever was written is gone; targets stay when the balancer is the same. */
  'LoadBalancerRoutingManaged.v1': Type.Object({ balancer: Type.String(), network: NetworkReference }),
  /** An interface is selected, or its addresses or its handle have changed. */
  'LoadBalancerTargetJoined.v1': Target,
  'LoadBalancerTargetLeft.v1': Type.Object({ uid: Type.String() }),
  /** It fails the checks of the balancer, as its host has seen: new flows go to others, as long as there are others. */
  'LoadBalancerTargetFailed.v1': Type.Object({ uid: Type.String() }),
  'LoadBalancerTargetRecovered.v1': Type.Object({ uid: Type.String() }),
  /** What somebody wrote, of a routing that no balancer fills (any more): all that it has from now on. */
  'LoadBalancerRoutingWritten.v1': Type.Object({
    networkRef: Type.Optional(ofModel(LocalUidReference)),
    destinations: Type.Optional(Type.Array(ofModel(RoutingDestination))),
  }),
});

export const loadBalancerRoutingPayloads = {
  /** The balancer with this uid fills it; makes the object when there is none. */
  Manage: Type.Object({ balancer: Type.String(), network: NetworkReference }),
  /** An interface is a target of the incarnation `uid`, as given. */
  SetTarget: Type.Object({ uid: Type.String(), target: Target }),
  DropTarget: Type.Object({ uid: Type.String(), target: Type.String() }),
  /** Sent by the hosts of targets, by uid of the interface. What belongs to another balancer, or to no target, changes nothing. */
  ReportHealth: Type.Object({ balancer: Type.String(), targets: Type.Array(Type.Object({ uid: Type.String(), healthy: Type.Boolean() })) }),
  /** Addresses of destinations that were written by name alone. */
  Complete: Type.Object({ uid: Type.String(), destinations: Type.Array(ofModel(RoutingDestination)) }),
};

/** So many targets of a balancer serve at most: the first ones by name (provider R-41). */
export const TARGETS_MAX = 1_000;

export type RoutingTarget = Readonly<{ name: string; ips: readonly string[]; providerID?: string }>;

export type LoadBalancerRoutingTypes = {
  spec: object;
  status: object;
  fields: LoadBalancerRoutingFields;
  facts: {
    /** uid of the balancer that fills it; absent: somebody else writes it. */
    balancer?: string;
    /** By uid of the interface. */
    targets: Members<RoutingTarget>;
    /** Those of them that fail their checks. */
    failed?: Members<true>;
  };
  events: DataOf<typeof loadBalancerRoutingEvents>;
  actions: DataOf<typeof loadBalancerRoutingPayloads>;
  index: never;
};
export const LoadBalancerRouting = kindRef<LoadBalancerRoutingTypes>('LoadBalancerRouting');
