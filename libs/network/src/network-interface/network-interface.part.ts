import { AnyPrefix, AnyVirtualIp, type DomainPart } from '@weft/api';
import { networkInterfaceKind } from './network-interface.kind.ts';
import { networkInterfaceLoops } from './network-interface.loops.ts';
import { programmedReportsLedger } from './programmed-reports.ts';

export const networkInterfacePart: DomainPart = {
  kinds: [networkInterfaceKind],
  loops: networkInterfaceLoops,
  ledgers: [programmedReportsLedger],
  reads: [AnyPrefix, AnyVirtualIp],
};
