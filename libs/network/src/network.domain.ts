/** The network context: networks, interfaces, machines, hosts, namespaces; their address books and host numbers. Each has a folder. */
import { domainOf } from '@weft/api';
import { addressBookPart } from './address-book/address-book.part.ts';
import { eventPart } from './event/event.part.ts';
import { hostPart } from './host/host.part.ts';
import { hostIndexPart } from './host-index/host-index.part.ts';
import { machinePart } from './machine/machine.part.ts';
import { namespacePart } from './namespace/namespace.part.ts';
import { networkPart } from './network/network.part.ts';
import { networkInterfacePart } from './network-interface/network-interface.part.ts';

export const networkDomain = domainOf('network', [
  addressBookPart,
  hostIndexPart,
  namespacePart,
  networkPart,
  networkInterfacePart,
  machinePart,
  hostPart,
  eventPart,
]);
