/** The kinds of this context with their shape, defaults and rules only. */
import { bareKinds } from '@weft/testing';
import { hostKind } from '../host/host.kind.ts';
import { machineKind } from '../machine/machine.kind.ts';
import { networkKind } from '../network/network.kind.ts';
import { networkInterfaceKind } from '../network-interface/network-interface.kind.ts';

export type KindUnderTest = 'Network' | 'NetworkInterface' | 'Machine' | 'Host';

export const { created, replaced } = bareKinds<KindUnderTest>([networkKind, networkInterfaceKind, machineKind, hostKind]);
export { causesOf, causeText, type Outcome, objectOf } from '@weft/testing';
