/** The network context: networks, interfaces, machines, hosts, namespaces; their address books, host numbers and MACs. */
import { abandonedClaims, type DomainModule, type KindModule, type ReservationModule, releaseAbandonedClaims } from '@weft/api';
import { addressBook } from './address-book/address-book.ts';
import { eventKind } from './event/event.kind.ts';
import { hostKind } from './host/host.kind.ts';
import { hostReactions } from './host/host.reactions.ts';
import { hostIndex } from './host-index/host-index.ts';
import { machineKind } from './machine/machine.kind.ts';
import { machineReactions } from './machine/machine.reactions.ts';
import { namespaceKind } from './namespace/namespace.kind.ts';
import { namespaceReactions } from './namespace/namespace.reactions.ts';
import { networkKind } from './network/network.kind.ts';
import { networkReactions } from './network/network.reactions.ts';
import { networkInterfaceKind } from './network-interface/network-interface.kind.ts';
import { networkInterfaceReactions } from './network-interface/network-interface.reactions.ts';
import { macBlocks } from './nic-mac/mac-blocks.ts';
import { nicMacs } from './nic-mac/nic-macs.ts';

const kinds: readonly KindModule[] = [namespaceKind, networkKind, networkInterfaceKind, machineKind, hostKind, eventKind];
const claims = [addressBook, hostIndex] as readonly ReservationModule[];

export const networkDomain: DomainModule = {
  context: 'network',
  kinds,
  reservations: [...claims, macBlocks as ReservationModule, nicMacs as ReservationModule],
  reactions: [
    ...networkReactions,
    ...networkInterfaceReactions,
    ...machineReactions,
    ...hostReactions,
    releaseAbandonedClaims(
      'network',
      kinds.map(({ kind }) => kind),
    ),
  ],
  reactionsToKinds: namespaceReactions,
  watches: [
    abandonedClaims('network', claims, [
      'NetworkInterfaceCreated.v1',
      'NetworkInterfaceAddressesChanged.v1',
      'HostCreated.v1',
      'HostUnderlayChanged.v1',
    ]),
  ],
};
