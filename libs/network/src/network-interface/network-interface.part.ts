import { AnyPrefix, AnyVirtualIp, type DomainPart, exclusiveOf, type Folded, nameText, specOf, statusOf } from '@weft/api';
import { networkInterfaceKind } from './network-interface.kind.ts';
import { networkInterfaceLoops } from './network-interface.loops.ts';
import { NetworkInterface, type NicTypes } from './network-interface.types.ts';
import { programmedReportsLedger } from './programmed-reports.ts';

function networkOf({ key: { namespace = '' }, object }: Folded<NicTypes>): string {
  return nameText({ namespace, name: specOf(object).networkRef?.name ?? '' });
}

export const networkInterfacePart: DomainPart = {
  kinds: [networkInterfaceKind],
  loops: networkInterfaceLoops,
  ledgers: [programmedReportsLedger],
  exclusives: [
    exclusiveOf(NetworkInterface, 'address of a Network', (nic) => (statusOf(nic.object).ips ?? []).map((ip) => `${networkOf(nic)} ${ip}`)),
    exclusiveOf(NetworkInterface, 'number of an interface', (nic) => {
      const { index } = nic.facts;
      return index === undefined ? [] : [`${networkOf(nic)} ${index}`];
    }),
  ],
  reads: [AnyPrefix, AnyVirtualIp],
};
