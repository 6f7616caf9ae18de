import type { ObjectKey } from '@weft/api';

export const networkKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Network', namespace, name });
export const nicKey = (namespace: string, name: string): ObjectKey => ({ kind: 'NetworkInterface', namespace, name });
export const machineKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Machine', namespace, name });
export const hostKey = (name: string): ObjectKey => ({ kind: 'Host', name });
export const namespaceKey = (name: string): ObjectKey => ({ kind: 'Namespace', name });

/** Address book of a network; it exists whether or not the network does (DESIGN 9.5). */
export const addressBookOf = (namespace: string, network: string): string => `AddressBook-${namespace}.${network}`;
/** A namespace holds no dot, a network's name may. */
export function networkOfBook(stream: string): { namespace: string; network: string } {
  const dot = stream.indexOf('.');
  return { namespace: stream.slice('AddressBook-'.length, dot), network: stream.slice(dot + 1) };
}

export const HOST_INDEX_STREAM = 'HostIndex-.hosts';
