/** For packet tests: NICs on the hosts of a lab, and what each host's driver must hold for them. A plain stand-in for `compile`. */
import type { Driver, KernelObject, KernelState, PortObject } from '@weft/fabric';
import { keyOf, sameKernelObject } from '@weft/fabric';
import { createLinuxDriver } from '@weft/linux';
import type { Guest } from './connectivity.ts';
import type { LabHost, Netlab } from './netlab.ts';

export type LabNic = Guest & Readonly<{ host: LabHost; port: PortObject }>;

export class LabWorld {
  readonly nics: LabNic[] = [];
  readonly drivers = new Map<LabHost, Driver>();
  readonly #lab: Netlab;
  /** Hosts that know each other. */
  readonly hosts: readonly LabHost[];
  #position = 100;

  constructor(lab: Netlab, hosts: readonly LabHost[] = lab.hosts) {
    this.#lab = lab;
    this.hosts = hosts;
    for (const host of hosts) this.drivers.set(host, this.driverOn(host));
  }

  driverOn(host: LabHost): Driver {
    return createLinuxDriver({ identity: { host: host.name, index: host.index, underlay: host.underlay }, hostNetns: host.netns });
  }

  add(name: string, host: LabHost, vni: number, last: number): LabNic {
    const { uid, netns } = this.#lab.nic();
    const ips = [`10.0.0.${last}`, `fd10::${last}`];
    const mac = `02:00:00:00:${vni % 97 < 16 ? '0' : ''}${(vni % 97).toString(16)}:${last.toString(16).padStart(2, '0')}`;
    const port: PortObject = { kind: 'port', vni, nic: uid, mac, ips, netns, position: String(this.#position++), up: true };
    const nic = { name, netns, network: vni, ips, host, port };
    this.nics.push(nic);
    return nic;
  }

  change(nic: LabNic, more: Partial<PortObject>): LabNic {
    const port = { ...nic.port, ...more, position: String(this.#position++) };
    const changed = { ...nic, port, ips: port.ips };
    this.nics.splice(this.nics.indexOf(nic), 1, changed);
    return changed;
  }

  remove(nic: LabNic): void {
    this.nics.splice(this.nics.indexOf(nic), 1);
  }

  wanted(host: LabHost): KernelState {
    const objects: KernelObject[] = [];
    const others = this.hosts.filter((each) => each !== host);
    for (const each of others) objects.push({ kind: 'guard', underlay: each.underlay, position: '1' });
    for (const vni of new Set(this.nics.filter((nic) => nic.host === host).map((nic) => nic.port.vni))) {
      objects.push({ kind: 'router', vni, position: '2' });
      for (const nic of this.nics.filter((each) => each.port.vni === vni)) {
        const { index: hostIndex, underlay } = nic.host;
        if (nic.host === host) objects.push(nic.port);
        else {
          objects.push({ kind: 'peer', vni, hostIndex, underlay, position: '3' });
          for (const address of nic.port.ips) objects.push({ kind: 'route', vni, address, hostIndex, position: '4' });
        }
      }
    }
    return new Map(objects.map((object) => [keyOf(object), object]));
  }

  /** Reads, compares and applies, as an agent does. Rejects when something failed, or when the kernel is not as wanted then. */
  async settle(hosts: readonly LabHost[] = this.hosts): Promise<void> {
    for (const host of hosts) {
      const driver = this.drivers.get(host)!;
      const { objects, partial } = await driver.read();
      const wanted = this.wanted(host);
      const put = [...wanted.values()].filter((object) => !sameKernelObject(object, objects.get(keyOf(object))));
      const remove = [...objects.values()].filter((object) => !wanted.has(keyOf(object)));
      const { failed } = await driver.apply({ put, remove });
      if (failed.length > 0) throw new Error(`${host.name}: ${JSON.stringify(failed)}; partial before: ${JSON.stringify([...partial])}`);
    }
    for (const host of hosts) await this.verify(host);
  }

  /** Rejects unless a fresh driver reads exactly what is wanted. */
  async verify(host: LabHost): Promise<void> {
    const driver = this.driverOn(host);
    const { objects, partial } = await driver.read().finally(() => driver.close());
    const wanted = this.wanted(host);
    const wrong = [...new Set([...objects.keys(), ...wanted.keys()])].filter((key) => !sameKernelObject(wanted.get(key), objects.get(key)));
    if (wrong.length + partial.size > 0)
      throw new Error(`${host.name} differs: ${wrong.join(', ')}; partial: ${JSON.stringify([...partial])}`);
  }

  async close(): Promise<void> {
    await Promise.all([...this.drivers.values()].map((driver) => driver.close()));
  }
}
