/**
 * What contexts may see of kinds that belong to another one (ADR 26). The owner's folder declares the whole kind; these are the parts that others may
 * rest on: a change here is a change of what crosses. Everything is read only.
 */
import { kindRef } from '../kind/kind-types.ts';
import type { LabelSelectorModel } from '../selectors/label-selector.model.ts';
import type { PrefixTemplateSpec } from '../templates/prefix-template.model.ts';

type Seen<S, T, F, I extends string> = {
  spec: S;
  status: T;
  facts: F;
  events: Record<never, never>;
  actions: Record<never, never>;
  index: I;
};
/** Its living objects are the namespaces that there are. */
export const AnyNamespace = kindRef('Namespace');

type NameRef = Readonly<{ name?: string }>;
type UidRef = Readonly<{ name?: string; uid?: string }>;
/** Part of an object that is made from an inline template. */
type Ephemeral = Readonly<{ ephemeral?: object }>;

/** `network`: `<namespace>/<network>`. `virtualIP`: `<namespace>/<name>` of the VirtualIP that it names or has inline. */
export type SeenNetworkInterface = Seen<
  Readonly<{
    networkRef?: NameRef;
    machineRef?: UidRef;
    providerID?: string;
    ipFamilies?: readonly string[];
    ips?: readonly (Readonly<{ value?: string }> & Ephemeral)[];
    prefixes?: readonly (Readonly<{ value?: string }> & Ephemeral)[];
    virtualIP?: Readonly<{ virtualIPRef?: NameRef }> & Ephemeral;
  }>,
  Readonly<{ state?: string; ips?: readonly string[]; prefixes?: readonly string[]; virtualIP?: string }>,
  Readonly<{ placement?: Readonly<{ host: string }> }>,
  'uid' | 'network' | 'host' | 'virtualIP'
>;
export const AnyNetworkInterface = kindRef<SeenNetworkInterface>('NetworkInterface');

/** `target`: uid of the object that holds it (`spec.targetRef`). `address`: the public one that it has. */
export type SeenVirtualIp = Seen<
  Readonly<{ type?: string; ipFamily?: string; targetRef?: UidRef }>,
  Readonly<{ ip?: string }>,
  object,
  'target' | 'address'
>;
export const AnyVirtualIp = kindRef<SeenVirtualIp>('VirtualIP');

export type SeenPrefix = Seen<Readonly<PrefixTemplateSpec>, Readonly<{ phase?: string }>, object, never>;
export const AnyPrefix = kindRef<SeenPrefix>('Prefix');

/** `network`: `<namespace>/<network>`. `virtualIP`: `<namespace>/<name>` of each VirtualIP that it names. */
export type SeenLoadBalancer = Seen<
  Readonly<{
    type?: string;
    networkRef?: NameRef;
    ipFamilies?: readonly string[];
    ips?: readonly (Readonly<{ value?: string }> & Ephemeral)[];
    networkInterfaceSelector?: LabelSelectorModel;
    virtualIPs?: readonly Readonly<{ virtualIPRef?: NameRef }>[];
  }>,
  Readonly<{ ips?: readonly string[] }>,
  object,
  'network' | 'virtualIP'
>;
export const AnyLoadBalancer = kindRef<SeenLoadBalancer>('LoadBalancer');

/** `network`: `<namespace>/<network>`. */
export type SeenNatGateway = Seen<Readonly<{ networkRef?: NameRef; ipFamily?: string }>, object, object, 'network'>;
export const AnyNatGateway = kindRef<SeenNatGateway>('NATGateway');
