/**
 * Control loops of NetworkInterfaces: one settles which machine holds an interface and where it is placed, the other makes it Available when its host
 * reports its port to be up. What it has of Prefixes and VirtualIPs: `prefixes.loops.ts`, `virtual-ip.loops.ts`.
 */
import { act, isDeleting, type Loop, loopOver, loopOverRecords, nameFrom, specOf, uidOf, type View } from '@weft/api';
import { readinessOfHost } from '../host/host.views.ts';
import { Machine } from '../machine/machine.types.ts';
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
  provider: 'weft',
  owed: (nic, facts) => {
    const settlement = settle(nic, facts);
    return settlement === undefined ? [] : [act(NetworkInterface, nic.key, 'Settle', settlement)];
  },
});

/** Which machine holds an interface; nothing while it is being deleted. */
const holderOf: View<NicTypes, Readonly<{ uid: string; machine: string; machineUid: string }>> = {
  kind: NetworkInterface,
  name: 'held-by-machine',
  facets: () => ['created', 'deletion', 'machine'],
  of: (nic) => {
    const { machineRef } = specOf(nic.object);
    if (machineRef === undefined || isDeleting(nic)) return undefined;
    return { uid: nic.object.metadata.uid, machine: machineRef.name ?? '', machineUid: machineRef.uid ?? '' };
  },
};
const uidOfMachine = uidOf(Machine);

/** An outside agent gives an interface to its machine, and may be away when that one goes (resources 3.4). */
const releaseInterfaces: Loop = {
  name: 'release-interfaces',
  context: 'network',
  provider: 'external',
  over: { kind: NetworkInterface.kind },
  owed: (key, facts) => {
    const nic = nameFrom(key);
    const held = facts.see(holderOf, nic);
    if (held === undefined || facts.see(uidOfMachine, { ...nic, name: held.machine }) === held.machineUid) return [];
    return [act(NetworkInterface, nic, 'Release', { uid: held.uid, machine: held.machineUid })];
  },
};

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
  provider: 'weft',
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
  releaseInterfaces,
  programmedInterfaces,
  takeAddresses,
  showHostHealth,
  showVirtualIps,
];
