/** For packet tests: NICs on the hosts of a lab, the rows that there would be of them, and what `compile` has each host's driver hold for these. */
import {
  compile,
  type Driver,
  type EndpointRow,
  edgesTable,
  type HostIdentity,
  type HostRow,
  type KernelState,
  keyOf,
  type MemberRow,
  type PlacementRow,
  type PortObject,
  PUBLIC_VNI,
  peeringsTable,
  policiesTable,
  portDevice,
  type Row,
  sameKernelObject,
  type TableName,
} from '@weft/fabric';
import { createLinuxDriver, routerNamespace } from '@weft/linux';
import type { Guest } from './connectivity.ts';
import { Inside } from './inside.ts';
import type { Internet } from './internet.ts';
import type { LabHost, Netlab } from './netlab.ts';
import { linksSettled, must } from './run.ts';

export type LabNic = Guest & Readonly<{ host: LabHost; port: PortObject }>;

export class LabWorld {
  readonly nics: LabNic[] = [];
  readonly drivers = new Map<LabHost, Driver>();
  readonly tables = new Map<TableName, Map<string, Row>>();
  /** Of the underlay, as hosts say it; absent: they say nothing. */
  readonly mtus = new Map<LabHost, number>();
  readonly #lab: Netlab;
  /** Hosts that know each other. */
  readonly hosts: readonly LabHost[];
  readonly #internet: Internet | undefined;
  #position = 100;

  /** With an internet, the hosts that are on it are edges. */
  constructor(lab: Netlab, hosts: readonly LabHost[] = lab.hosts, internet?: Internet) {
    this.#lab = lab;
    this.hosts = hosts;
    this.#internet = internet;
    for (const { name } of internet?.edges ?? []) this.table(edgesTable).set(name, { host: name, position: '1', because: [] });
    for (const host of hosts) this.drivers.set(host, this.driverOn(host));
  }

  driverOn(host: LabHost): Driver {
    const isEdge = this.#internet?.edges.includes(host) === true;
    return createLinuxDriver({
      identity: this.identityOf(host),
      hostNetns: host.netns,
      ...(isEdge && { uplink: this.#internet?.uplinkOf(host) }),
    });
  }

  add(name: string, host: LabHost, vni: number, last: number): LabNic {
    const { uid, netns } = this.#lab.nic();
    const ips = [`10.0.0.${last}`, `fd10::${last}`];
    const mac = `02:00:00:00:${vni % 97 < 16 ? '0' : ''}${(vni % 97).toString(16)}:${last.toString(16).padStart(2, '0')}`;
    const port: PortObject = { kind: 'port', vni, nic: uid, mac, ips, netns, position: String(this.#position++), up: true };
    const nic = { name, netns, network: vni, ips, host, port };
    this.nics.push(nic);
    this.select(nic);
    return nic;
  }

  /** As `add`, with a TAP device that root may open. Its `netns` is that of a machine, which has nothing of Weft (`start`). */
  async addMachine(name: string, host: LabHost, vni: number, last: number, more: Partial<PortObject> = {}): Promise<LabNic> {
    const nic = this.add(name, host, vni, last);
    const port: PortObject = { ...nic.port, netns: '', tap: '0', ...more };
    const machine = { ...nic, port, ips: port.ips, netns: await this.#lab.namespace(name) };
    this.nics.splice(this.nics.indexOf(nic), 1, machine);
    return machine;
  }

  /** Starts a machine: its namespace gets a device `eth0`, up, with the MAC of the NIC and no address. It runs until the helper ends. */
  async start({ netns, host, port }: LabNic): Promise<Inside> {
    const router = routerNamespace(host.index, port.vni);
    const helper = Inside.helper(router, 'machine', portDevice(port.nic), netns);
    await helper.answer('ready');
    await must(netns, ['ip', '-batch', '-'], `link set lo up\nlink set eth0 address ${port.mac}\nlink set eth0 up\n`);
    for (const end of [router, netns]) await linksSettled(end);
    return helper;
  }

  change(nic: LabNic, more: Partial<PortObject>): LabNic {
    const port = { ...nic.port, ...more, position: String(this.#position++) };
    const changed = { ...nic, port, ips: port.ips };
    this.nics.splice(this.nics.indexOf(nic), 1, changed);
    this.select(changed);
    return changed;
  }

  remove(nic: LabNic): void {
    this.nics.splice(this.nics.indexOf(nic), 1);
    this.table(policiesTable(nic.port.vni)).delete(`member/${nic.port.nic}`);
  }

  /** The networks see each other: of each, the other one sees what lies in one of these ranges; all, without. */
  peer(one: number, other: number, exposes: Readonly<{ one?: readonly string[]; other?: readonly string[] }> = {}): void {
    this.#expose(one, other, exposes.other);
    this.#expose(other, one, exposes.one);
  }

  part(one: number, other: number): void {
    this.table(peeringsTable(one)).delete(String(other));
    this.table(peeringsTable(other)).delete(String(one));
  }

  #expose(seeing: number, vni: number, prefixes: readonly string[] | undefined): void {
    const row = {
      vni,
      network: `default/n${vni}`,
      ...(prefixes && { prefixes: [...prefixes] }),
      position: String(this.#position++),
      because: [],
    };
    this.table(peeringsTable(seeing)).set(String(vni), row);
  }

  /** What policies of its network select a NIC as; of one that nobody said anything about: nothing, so that it is open. */
  select(nic: LabNic, selected: Partial<Pick<MemberRow, 'targets' | 'groups'>> = {}): void {
    const { nic: uid, vni, ips, prefixes = [] } = nic.port;
    const ranges = [...ips.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`), ...prefixes];
    const position = String(this.#position++);
    const row: MemberRow = {
      ...{ kind: 'NetworkInterface', uid, name: nic.name, prefixes: ranges, position, because: [] },
      ...{ targets: [...(selected.targets ?? [])], groups: [...(selected.groups ?? [])] },
    };
    this.table(policiesTable(vni)).set(`member/${uid}`, row);
  }

  /** The public address stands for that of the NIC, of its family; for none, without a NIC. */
  virtualIp(ip: string, nic: LabNic | undefined): void {
    const [uid] = [`vip-${ip}`];
    for (const [table, rows] of this.tables) if (table.startsWith('virtual-ips.')) rows.delete(uid);
    const address = nic?.ips.find((each) => each.includes(':') === ip.includes(':'));
    if (nic === undefined || address === undefined) return;
    const { vni, nic: of } = nic.port;
    const row = { virtualIp: uid, ip, nic: of, address, position: String(this.#position++), because: [] };
    this.table(`virtual-ips.${vni}`).set(uid, row);
    this.table(`virtual-ips.${PUBLIC_VNI}`).set(uid, { ...row, vni, host: nic.host.name });
  }

  /** The NIC has these ports of a public address. `draining`: for flows that run; `pending`: not yet. */
  slot(ip: string, first: number, count: number, nic: LabNic | undefined, state?: 'draining' | 'pending'): void {
    const rows = this.table('nat');
    const key = `${ip} ${first}`;
    const address = nic?.ips.find((each) => each.includes(':') === ip.includes(':'));
    if (nic === undefined || address === undefined) return void rows.delete(key);
    const { vni, nic: of } = nic.port;
    const row = { public: ip, first, last: first + count - 1, nic: of, ip: address, vni, host: nic.host.name };
    rows.set(key, { ...row, ...(state && { [state]: true }), position: String(this.#position++), because: [] });
  }

  memberOf({ port }: LabNic): MemberRow {
    return this.table(policiesTable(port.vni)).get(`member/${port.nic}`) as MemberRow;
  }

  /** Rows that features read, of all hosts alike. */
  table(name: TableName): Map<string, Row> {
    const rows = this.tables.get(name) ?? new Map<string, Row>();
    this.tables.set(name, rows);
    return rows;
  }

  identityOf({ name, index, underlay }: LabHost): HostIdentity {
    return { host: name, index, underlay };
  }

  wanted(host: LabHost): KernelState {
    const because: string[] = [];
    const hosts = new Map<string, HostRow>(
      this.hosts.map((each) => {
        const [{ name, index, underlay }, mtu] = [each, this.mtus.get(each)];
        return [name, { host: name, index, underlay, ...(mtu !== undefined && { mtu }), position: '1', because }];
      }),
    );
    const placements = new Map<string, PlacementRow>();
    const endpoints = new Map<number, Map<string, EndpointRow>>();
    for (const { name, host: at, port } of this.nics) {
      const { nic, mac, vni, netns, position, tap, answers } = port;
      const common = { nic, mac, ips: [...port.ips], ...(port.prefixes && { prefixes: [...port.prefixes] }), because };
      const rows = endpoints.get(vni) ?? new Map<string, EndpointRow>();
      endpoints.set(vni, rows.set(nic, { ...common, host: at.name, position: '4' }));
      if (at !== host) continue;
      const where = {
        namespace: 'default',
        name,
        network: `n${vni}`,
        vni,
        ...(tap === undefined ? { netns } : { tap }),
        ...(answers && { answers }),
        placedAt: '2',
        heldAt: '2',
        position,
      };
      placements.set(nic, { ...common, ...where });
    }
    const up = new Set(this.nics.flatMap(({ port }) => (port.up ? [port.nic] : [])));
    const isEdge = this.tables.get(edgesTable)?.has(host.name) === true;
    const others = isEdge ? this.tables : new Map([...this.tables].filter(([table]) => !table.endsWith(`.${PUBLIC_VNI}`)));
    return compile(this.identityOf(host), { hosts, placements, endpoints, others }, ({ nic }) => up.has(nic));
  }

  /** As `settle`, without a look at what came of it: large tables cost a second to read. */
  async apply(hosts: readonly LabHost[] = this.hosts): Promise<void> {
    for (const host of hosts) {
      const driver = this.drivers.get(host)!;
      const { objects, partial } = await driver.read();
      const wanted = this.wanted(host);
      const put = [...wanted.values()].filter((object) => !sameKernelObject(object, objects.get(keyOf(object))));
      const remove = [...objects.values()].filter((object) => !wanted.has(keyOf(object)));
      const { failed } = await driver.apply({ put, remove });
      if (failed.length > 0) throw new Error(`${host.name}: ${JSON.stringify(failed)}; partial before: ${JSON.stringify([...partial])}`);
    }
  }

  /** Reads, compares and applies, as an agent does. Rejects when something failed, or when the kernel is not as wanted then. */
  async settle(hosts: readonly LabHost[] = this.hosts): Promise<void> {
    await this.apply(hosts);
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
