/** Names of objects and streams of this context. */
import type { KindRef, KindTypes, NameIn, ObjectKey } from '@weft/api';
import { Host } from './host/host.types.ts';
import { Machine } from './machine/machine.types.ts';
import { Namespace } from './namespace/namespace.types.ts';
import { Network } from './network/network.types.ts';
import { NetworkInterface } from './network-interface/network-interface.types.ts';

const keyIn = <T extends KindTypes>({ kind }: KindRef<T>, { namespace, name }: NameIn): ObjectKey =>
  namespace === undefined ? { kind, name } : { kind, namespace, name };

export const networkKey = (namespace: string, name: string): ObjectKey => keyIn(Network, { namespace, name });
export const nicKey = (namespace: string, name: string): ObjectKey => keyIn(NetworkInterface, { namespace, name });
export const machineKey = (namespace: string, name: string): ObjectKey => keyIn(Machine, { namespace, name });
export const hostKey = (name: string): ObjectKey => keyIn(Host, { name });
export const namespaceKey = (name: string): ObjectKey => keyIn(Namespace, { name });

/** The address book of a network. It may exist without the network (DESIGN 9.5). */
export const addressBookOf = (namespace: string, network: string): string => `AddressBook-${namespace}.${network}`;
/** A namespace holds no dot, a network's name may. */
export function networkOfBook(stream: string): { namespace: string; network: string } {
  const dot = stream.indexOf('.');
  return { namespace: stream.slice('AddressBook-'.length, dot), network: stream.slice(dot + 1) };
}

export const HOST_INDEX_STREAM = 'HostIndex-.hosts';
