/**
 * Control loops of NetworkInterfaces: one settles which machine holds an interface and where it is placed, the other makes it Available when its host
 * reports its port to be up. What it has of Prefixes and VirtualIPs: `prefixes.loops.ts`, `virtual-ip.loops.ts`.
 */
import { act, type Loop, loopOver, loopOverRecords, type View } from '@weft/api';
import { readinessOfHost } from '../host/host.views.ts';
import { ephemeralPrefixes, ephemeralVirtualIp } from './ephemeral-children.ts';
import { showHostHealth } from './host-health.loops.ts';
import { NetworkInterface, type NicTypes } from './network-interface.types.ts';
import { takeAddresses } from './prefixes.loops.ts';
import { bringsUp, type Port, programmedReports, waitingPort } from './programmed-reports.ts';
import { settle } from './settle.ts';
import { showVirtualIps } from './virtual-ip.loops.ts';

const settleInterfaces = loopOver(NetworkInterface, {
  name: 'settle-interfaces',
  context: 'network',
  owed: (nic, facts) => {
    const settlement = settle(nic, facts);
    return settlement === undefined ? [] : [act(NetworkInterface, nic.key, 'Settle', settlement)];
  },
});

/** An interface that waits for the report of its host. */
const waiting: View<NicTypes, Port & Readonly<{ namespace: string; name: string }>> = {
  kind: NetworkInterface,
  name: 'waiting-port',
  of: (nic) => {
    const port = waitingPort(nic);
    return port && { namespace: nic.key.namespace ?? '', name: nic.key.name, ...port };
  },
};

const programmedInterfaces = loopOverRecords(programmedReports, {
  name: 'programmed-interfaces',
  context: 'network',
  owed: (reports, uid, facts) => {
    for (const port of facts.seeAll(waiting, 'uid', uid)) {
      const { host } = port;
      const report = reports[host];
      if (report === undefined || !bringsUp({ host, position: report.position }, port)) continue;
      // The host that reported may have ended, and another one of its name may be there. One that is not Ready makes nothing Available.
      const readiness = facts.see(readinessOfHost, { name: host });
      if (readiness?.uid !== report.hostUid || !readiness.ready) continue;
      return [act(NetworkInterface, port, 'Programmed', { uid, host, position: report.position })];
    }
    return [];
  },
});

export const networkInterfaceLoops: readonly Loop[] = [
  ...ephemeralPrefixes.loops,
  ...ephemeralVirtualIp.loops,
  settleInterfaces,
  programmedInterfaces,
  takeAddresses,
  showHostHealth,
  showVirtualIps,
];
