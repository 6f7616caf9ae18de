/**
 * The Linux driver: router namespaces, tunnels, routes and guests' veth pairs of one host, where a host is a network namespace.
 *
 *   apply(change) -> guards in -> per network: router, peers, routes, ports in; ports, routes, peers, router out -> guards out
 *
 * What the kernel holds is known from the last read and the applies since (the inventory), so a small change reads nothing and writes only what
 * differs. After a failure the network concerned counts as unknown and is read again before the next change to it. A read runs beside applies:
 * what they touch meanwhile is theirs to tell.
 */
import { readdir } from 'node:fs/promises';
import { inParallel } from '@weft/api';
import type {
  Driver,
  DriverChange,
  DriverFault,
  GuardObject,
  HostIdentity,
  KernelObject,
  KernelState,
  PeerObject,
  PortObject,
  RouteObject,
} from '@weft/fabric';
import { keyOf, sameKernelObject } from '@weft/fabric';
import { type AccessLimits, createKernelAccess, type KernelAccess } from './kernel/kernel-access.ts';
import { probeKernel, type Shapes } from './kernel/probe.ts';
import { Inventory } from './objects/inventory.ts';
import { canonicalAddress, NETNS_DIRECTORY, parseLabel, portDevice, routerNamespace, vniOfNamespace } from './objects/names.ts';
import { checked, missingReference, stillReferenced } from './objects/object-rules.ts';
import { dumpGuest, dumpRouter, type GuestDump } from './read/dump.ts';
import { overlayMtu, readHost } from './read/host-reader.ts';
import { ABSENT_ROUTER, deadRouter, type Recognised, recogniseRouter } from './read/recognise-router.ts';
import { RouteSorter } from './read/route-sorter.ts';
import { type PeerSuspect, type PortTraces, tracesOfPort } from './read/traces.ts';
import { erasePorts, type PortWriterContext, writePorts } from './write/port-writer.ts';
import { erasePeers, eraseRoutes, writePeers, writeRoutes } from './write/remote-writer.ts';
import { eraseRouter, relabelRouter, writeRouter } from './write/router-writer.ts';
import { UnderlayGuard } from './write/underlay-guard.ts';

export type LinuxDriverLog = Readonly<{
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}>;

export type LinuxDriverOptions = Readonly<{
  identity: HostIdentity;
  /** Named namespace that stands for the host (WEFT_HOST_NETNS); absent: this process's own. */
  hostNetns?: string;
  /** MTU inside networks; absent: what the device of the underlay address leaves, at most 1500. */
  mtu?: number;
  log?: LinuxDriverLog;
  limits?: AccessLimits;
  /** The way to the kernel, closed with the driver; absent: one to `hostNetns`. */
  access?: KernelAccess;
}>;

/** Networks, and guests within one, worked on at the same time: bounded by the CPUs rather than by the kernel. */
const ABREAST = 2;

/** The first `read` or `apply` probes the kernel; it throws a KernelUnfitError when this machine cannot do it. */
export function createLinuxDriver(options: LinuxDriverOptions): Driver {
  return new LinuxDriver(options);
}

/** What the trials showed: of the machine and the host, not of a driver. */
const fit = new Map<string, Promise<Shapes>>();

class LinuxDriver implements Driver {
  readonly name = 'linux';
  readonly #identity: HostIdentity;
  readonly #options: LinuxDriverOptions;
  readonly #access: KernelAccess;
  readonly #guard: UnderlayGuard;
  readonly #inventory = new Inventory();
  /** Networks whose state is not known since something failed there. */
  readonly #stale = new Set<number>();
  #mtu = 0;
  #everRead = false;
  #applying: Promise<unknown> = Promise.resolve();
  #reading: Promise<unknown> = Promise.resolve();
  /** Keys that the apply under way writes. */
  #writing: ReadonlySet<string> = new Set();
  /** Keys that were being written, or were written, since the read under way began. */
  #touched: Set<string> | undefined;

  constructor(options: LinuxDriverOptions) {
    this.#options = options;
    const underlay = canonicalAddress(options.identity.underlay);
    if (underlay === undefined) throw new Error(`underlay address ${options.identity.underlay} is no address`);
    this.#identity = { ...options.identity, underlay };
    this.#access =
      options.access ??
      createKernelAccess({
        ...(options.hostNetns === undefined ? {} : { hostNetns: options.hostNetns }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
      });
    this.#guard = new UnderlayGuard(this.#access, this.#identity);
  }

  read(): Promise<Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>> {
    return this.#queueRead(() => this.#readAll());
  }

  apply(change: DriverChange): Promise<Readonly<{ failed: readonly DriverFault[] }>> {
    const result = this.#applying.then(async () => {
      if (!this.#everRead) await this.#queueRead(() => this.#readAll());
      try {
        return { failed: await this.#apply(change) };
      } catch (error) {
        this.#everRead = false; // Nobody knows how far it came.
        throw error;
      } finally {
        this.#writing = new Set();
      }
    });
    this.#applying = result.catch(() => {});
    return result;
  }

  /** Waits for what is under way, then ends the helpers. The kernel keeps what it holds. */
  async close(): Promise<void> {
    await Promise.all([this.#applying, this.#reading]);
    await this.#access.close();
  }

  // ---- reading ----

  #queueRead<T>(read: () => Promise<T>): Promise<T> {
    const result = this.#reading.then(async () => {
      this.#touched = new Set(this.#writing);
      try {
        return await read();
      } finally {
        this.#touched = undefined;
      }
    });
    this.#reading = result.catch(() => {});
    return result;
  }

  async #readAll(): Promise<Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>> {
    const shapes = await this.#probed();
    await this.#readHost(shapes);
    const namespaces = await readdir(NETNS_DIRECTORY).catch(() => [] as string[]);
    const found = namespaces.flatMap((name) => vniOfNamespace(this.#identity.index, name) ?? []);
    await inParallel(found, ABREAST, (vni) => this.#readNetwork(vni, shapes));
    const there = new Set(found);
    for (const vni of [...this.#inventory.vnis]) if (!there.has(vni)) await this.#vanished(vni);
    this.#everRead = true;
    return {
      objects: new Map(this.#inventory.objects),
      partial: new Map([...this.#inventory.suspects].map(([key, { reason }]) => [key, reason])),
    };
  }

  #probed(): Promise<Shapes> {
    // The host's namespace is entered by the trial, so what fits there says nothing about another.
    const place = `${this.#options.hostNetns ?? ''}|${this.#identity.index}`;
    const probe = fit.get(place) ?? probeKernel(this.#access, this.#guard.table);
    fit.set(place, probe);
    probe.catch(() => fit.delete(place)); // What was missing may be installed meanwhile.
    return probe;
  }

  async #readHost(shapes: Shapes): Promise<void> {
    const read = await readHost(this.#access, this.#identity, this.#guard.table, shapes.guard);
    const { guards, underlayMtu } = read;
    const mtu = this.#options.mtu ?? (underlayMtu && overlayMtu(this.#identity.underlay, underlayMtu));
    if (mtu === undefined) throw new Error(`underlay address ${this.#identity.underlay} is on no device of this host`);
    if (mtu < 1280) throw new Error(`an MTU of ${mtu} inside networks is too small for IPv6: the underlay must carry at least 1350 bytes`);
    this.#mtu = mtu;
    if ([...(this.#touched ?? [])].some((key) => key.startsWith('guard/'))) return;
    this.#guard.learn(read);
    const found = new Set(guards.map(keyOf));
    for (const key of [...this.#inventory.objects.keys(), ...this.#inventory.suspects.keys()]) {
      if (key.startsWith('guard/') && !found.has(key)) this.#inventory.drop(key);
    }
    const whole = read.guard === 'ok';
    for (const object of guards) {
      if (whole) this.#inventory.put(object);
      else this.#inventory.putSuspect(keyOf(object), { kind: 'guard', vni: undefined, reason: 'the rules of the underlay guard differ' });
    }
  }

  async #readNetwork(vni: number, shapes: Shapes): Promise<void> {
    const namespace = routerNamespace(this.#identity.index, vni);
    const routes = new RouteSorter(vni);
    const dump = await dumpRouter(this.#access, namespace, (route) => routes.take(route));
    if (dump === undefined) {
      this.#merge(vni, { objects: new Map(), suspects: new Map([[`router/${vni}`, deadRouter(vni)]]) });
      return;
    }
    const names = dump.links.flatMap((link) => (link.ifname.startsWith('g') ? (parseLabel(link.ifalias)?.['netns'] ?? []) : []));
    const guests = new Map<string, GuestDump | undefined>();
    await inParallel([...new Set(names)], ABREAST, async (netns) => {
      guests.set(netns, await dumpGuest(this.#access, netns));
    });
    const context = { identity: this.#identity, vni, mtu: this.#mtu, shape: shapes.router };
    const recognised = recogniseRouter(context, dump, routes, guests);
    this.#unguarded(vni, recognised);
    if (recognised.suspects.size > 0) await this.#access.forget(namespace);
    this.#merge(vni, recognised);
  }

  /** Somebody removed its namespace. Our own helpers would keep it, and its tunnel, alive. */
  async #vanished(vni: number): Promise<void> {
    await this.#access.forget(routerNamespace(this.#identity.index, vni));
    this.#merge(vni, { objects: new Map(), suspects: new Map() });
  }

  /** A router without the underlay guard is open to whoever reaches the host: it does not count as whole. */
  #unguarded(vni: number, { objects, suspects }: Recognised): void {
    const key = `router/${vni}`;
    if (this.#guard.state === 'ok' || !objects.delete(key)) return;
    const traces = { ...ABSENT_ROUTER, namespace: 'alive', sysctlsWrong: false, tunnel: 'ok', table: 'ok' } as const;
    suspects.set(key, { kind: 'router', vni, reason: 'the underlay guard is missing or differs', traces });
  }

  /** Takes over what was read of a network, but for what applies wrote meanwhile. */
  #merge(vni: number, { objects, suspects }: Recognised): void {
    const touched = this.#touched ?? new Set();
    for (const key of [...this.#inventory.keysOf(vni)]) {
      if (!touched.has(key) && !objects.has(key) && !suspects.has(key)) this.#inventory.drop(key);
    }
    for (const [key, object] of objects) {
      if (!touched.has(key) && !(sameKernelObject(object, this.#inventory.get(key)) && object.kind === 'route'))
        this.#inventory.put(object);
    }
    for (const [key, suspect] of suspects) if (!touched.has(key)) this.#inventory.putSuspect(key, suspect);
  }

  // ---- writing ----

  async #apply({ put, remove }: DriverChange): Promise<readonly DriverFault[]> {
    await this.#refresh();
    const faults: DriverFault[] = [];
    const wanted = new Map<string, KernelObject>();
    for (const object of put) {
      const result = checked(object, this.#identity);
      if ('what' in result) faults.push(result);
      else if (!sameKernelObject(result, this.#inventory.get(keyOf(result)))) wanted.set(keyOf(result), result);
    }
    const putKeys = new Set(put.map(keyOf));
    const unwanted = new Set(remove.map(keyOf).filter((key) => !putKeys.has(key) && this.#known(key)));
    this.#writing = new Set([...wanted.keys(), ...unwanted]);
    for (const key of this.#writing) this.#touched?.add(key);

    const objects = [...wanted.values()];
    faults.push(...(await this.#putGuards(objects.filter((object) => object.kind === 'guard'))));
    const early = this.#inTheWay(objects, unwanted);
    for (const [vni, ports] of groupBy(early, ([, traces]) => traces.vni)) faults.push(...(await this.#erasePorts(vni, new Map(ports))));

    const networks = new Map<number, { put: KernelObject[]; remove: string[] }>();
    const network = (vni: number) => {
      const found = networks.get(vni) ?? { put: [], remove: [] };
      networks.set(vni, found);
      return found;
    };
    for (const object of objects) if (object.kind !== 'guard') network(object.vni).put.push(object);
    for (const key of unwanted) {
      const vni = this.#inventory.vniOf(key);
      if (vni !== undefined) network(vni).remove.push(key);
    }
    await inParallel([...networks], ABREAST, async ([vni, each]) => {
      faults.push(...(await this.#putMembers(vni, each.put)), ...(await this.#removeMembers(vni, each.remove)));
    });
    faults.push(...(await this.#removeGuards([...unwanted].filter((key) => key.startsWith('guard/')))));
    if (this.#inventory.isEmpty) await this.#guard.drop();
    for (const fault of faults) this.#failed(fault);
    return faults;
  }

  async #putGuards(guards: readonly GuardObject[]): Promise<readonly DriverFault[]> {
    if (guards.length === 0) return [];
    const faults = await this.#guard.put(guards);
    if (faults.length === 0) for (const guard of guards) this.#inventory.put(guard);
    return faults;
  }

  async #removeGuards(keys: readonly string[]): Promise<readonly DriverFault[]> {
    if (keys.length === 0) return [];
    const detail = await this.#guard.remove(keys.map((key) => key.slice('guard/'.length)));
    return this.#dropped(keys, new Map(detail === undefined ? [] : keys.map((key) => [key, detail])));
  }

  #known(key: string): boolean {
    return this.#inventory.has(key) || this.#inventory.suspect(key) !== undefined;
  }

  /** After a refusal by the kernel nobody knows how far it got. */
  #failed({ key, what }: DriverFault): void {
    if (what !== 'kernel') return;
    if (key.startsWith('guard/')) this.#guard.doubt();
    const vni = this.#inventory.vniOf(key) ?? this.#vniOfKey(key);
    if (vni !== undefined) this.#stale.add(vni);
  }

  #vniOfKey(key: string): number | undefined {
    const [kind, vni] = key.split('/');
    return kind === 'router' || kind === 'peer' || kind === 'route' ? Number(vni) : undefined;
  }

  async #refresh(): Promise<void> {
    const stale = [...this.#stale];
    if (stale.length === 0 && this.#guard.state !== 'unknown') return;
    await this.#queueRead(async () => {
      const shapes = await this.#probed();
      if (this.#guard.state === 'unknown') await this.#readHost(shapes);
      for (const vni of stale) {
        await this.#access.forget(routerNamespace(this.#identity.index, vni));
        await this.#readNetwork(vni, shapes);
        this.#stale.delete(vni);
      }
    });
  }

  /** Ports that must go before others come: those that move to another network, and those that leave a guest or a name to another NIC. */
  #inTheWay(put: readonly KernelObject[], unwanted: ReadonlySet<string>): readonly (readonly [string, PortTraces])[] {
    const early = new Map<string, PortTraces>();
    for (const object of put) {
      if (object.kind !== 'port') continue;
      const key = keyOf(object);
      const traces = this.#portTraces(key);
      if (traces !== undefined && traces.vni !== object.vni) early.set(key, traces);
      for (const tenant of [this.#inventory.portOfNetns(object.netns), this.#inventory.portOfDevice(object.vni, portDevice(object.nic))]) {
        if (tenant !== undefined && tenant !== key && unwanted.has(tenant)) early.set(tenant, this.#portTraces(tenant)!);
      }
    }
    return [...early];
  }

  #portTraces(key: string): PortTraces | undefined {
    const object = this.#inventory.get(key);
    if (object?.kind === 'port') return tracesOfPort(object);
    const suspect = this.#inventory.suspect(key);
    return suspect?.kind === 'port' ? suspect.traces : undefined;
  }

  async #putMembers(vni: number, put: readonly KernelObject[]): Promise<readonly DriverFault[]> {
    const faults: DriverFault[] = [];
    const router = put.find((object) => object.kind === 'router');
    if (router !== undefined) {
      const fault = await this.#putRouter(router);
      if (fault !== undefined) faults.push(fault);
    }
    const peers = this.#admitted(put, 'peer', faults);
    faults.push(...(await this.#putPeers(vni, peers)));
    const routes = this.#admitted(put, 'route', faults);
    faults.push(...(await this.#putRoutes(vni, routes)));
    const ports = this.#admitted(put, 'port', faults);
    faults.push(...(await this.#putPorts(vni, ports)));
    return faults;
  }

  /** Those of one kind whose references are there; the others become faults. */
  #admitted<K extends KernelObject['kind']>(
    put: readonly KernelObject[],
    kind: K,
    faults: DriverFault[],
  ): Extract<KernelObject, { kind: K }>[] {
    const admitted: Extract<KernelObject, { kind: K }>[] = [];
    for (const object of put) {
      if (object.kind !== kind) continue;
      const fault = missingReference(object, this.#inventory);
      if (fault === undefined) admitted.push(object as Extract<KernelObject, { kind: K }>);
      else faults.push(fault);
    }
    return admitted;
  }

  get #context() {
    return { access: this.#access, identity: this.#identity, mtu: this.#mtu };
  }
  #portContext(vni: number): PortWriterContext {
    return { ...this.#context, vni };
  }

  async #putRouter(router: Extract<KernelObject, { kind: 'router' }>): Promise<DriverFault | undefined> {
    const key = keyOf(router);
    const guard = await this.#guard.ensure();
    if (guard !== undefined) return { key, ...guard };
    const suspect = this.#inventory.suspect(key);
    if (this.#inventory.has(key)) {
      const detail = await relabelRouter(this.#context, router);
      if (detail !== undefined) return { key, what: 'kernel', detail };
    } else {
      const traces = suspect?.kind === 'router' ? suspect.traces : ABSENT_ROUTER;
      const fault = await writeRouter(this.#context, router, traces);
      if (fault !== undefined) {
        this.#stale.add(router.vni);
        return { key, ...fault };
      }
    }
    this.#inventory.put(router);
    return undefined;
  }

  async #putPeers(vni: number, peers: readonly PeerObject[]): Promise<readonly DriverFault[]> {
    const suspectOf = (key: string) => {
      const suspect = this.#inventory.suspect(key);
      return suspect?.kind === 'peer' ? suspect : undefined;
    };
    return this.#settle(peers, await writePeers({ ...this.#context, vni }, peers, suspectOf));
  }

  async #putRoutes(vni: number, routes: readonly RouteObject[]): Promise<readonly DriverFault[]> {
    return this.#settle(routes, await writeRoutes({ ...this.#context, vni }, routes));
  }

  async #putPorts(vni: number, ports: readonly PortObject[]): Promise<readonly DriverFault[]> {
    if (ports.length === 0) return [];
    const puts = ports.map((port) => ({ port, traces: this.#portTraces(keyOf(port)) }));
    const faults = await writePorts(this.#portContext(vni), puts);
    for (const port of ports) if (!faults.has(keyOf(port))) this.#inventory.put(port);
    if ([...faults.values()].some(({ what }) => what === 'kernel')) this.#stale.add(vni);
    return [...faults.values()];
  }

  #settle(objects: readonly KernelObject[], faults: ReadonlyMap<string, string>): readonly DriverFault[] {
    const failed: DriverFault[] = [];
    for (const object of objects) {
      const key = keyOf(object);
      const detail = faults.get(key);
      if (detail === undefined) this.#inventory.put(object);
      else failed.push({ key, what: 'kernel', detail });
    }
    return failed;
  }

  async #removeMembers(vni: number, keys: readonly string[]): Promise<readonly DriverFault[]> {
    const routerKey = `router/${vni}`;
    if (keys.includes(routerKey)) {
      const going = new Set(keys);
      const staying = [...this.#inventory.keysOf(vni)].filter((key) => !going.has(key));
      if (staying.length === 0) return this.#eraseNetwork(vni, routerKey);
    }
    const of = (kind: string): readonly string[] => keys.filter((key) => key.startsWith(`${kind}/`));
    const faults: DriverFault[] = [...(await this.#removeRoutes(vni, of('route')))];
    const ports = new Map(of('port').flatMap((key) => [[key, this.#portTraces(key)!] as const]));
    if (ports.size > 0) faults.push(...(await this.#erasePorts(vni, ports)));
    faults.push(...(await this.#removePeers(vni, of('peer'))));
    if (keys.includes(routerKey)) faults.push(stillReferenced(routerKey, this.#inventory)!);
    return faults;
  }

  /** The namespace takes its members along. */
  async #eraseNetwork(vni: number, routerKey: string): Promise<readonly DriverFault[]> {
    const keys = [...this.#inventory.keysOf(vni)];
    const devices = keys.flatMap((key) => {
      const traces = this.#portTraces(key);
      return traces?.exists ? [traces.device] : [];
    });
    const suspect = this.#inventory.suspect(routerKey);
    const state = suspect?.kind === 'router' ? suspect.traces.namespace : 'alive';
    const detail = await eraseRouter(this.#context, vni, state, devices);
    if (detail !== undefined) {
      this.#stale.add(vni);
      return keys.map((key) => ({ key, what: 'kernel', detail }));
    }
    this.#inventory.dropNetwork(vni);
    return [];
  }

  async #erasePorts(vni: number, ports: ReadonlyMap<string, PortTraces>): Promise<readonly DriverFault[]> {
    const faults = await erasePorts(this.#portContext(vni), ports);
    for (const key of ports.keys()) if (!faults.has(key)) this.#inventory.drop(key);
    if (faults.size > 0) this.#stale.add(vni);
    return [...faults].map(([key, detail]) => ({ key, what: 'kernel', detail }));
  }

  async #removeRoutes(vni: number, keys: readonly string[]): Promise<readonly DriverFault[]> {
    const takenOver = (address: string): boolean => this.#inventory.portOfAddress(vni, address) !== undefined;
    return this.#dropped(keys, await eraseRoutes({ ...this.#context, vni }, keys, takenOver));
  }

  async #removePeers(vni: number, keys: readonly string[]): Promise<readonly DriverFault[]> {
    const failed: DriverFault[] = [];
    const going = new Map<string, PeerObject | PeerSuspect>();
    for (const key of keys) {
      const users = stillReferenced(key, this.#inventory);
      const found = this.#inventory.suspect(key) ?? this.#inventory.get(key);
      if (users !== undefined) failed.push(users);
      else if (found?.kind === 'peer') going.set(key, found);
    }
    const refusals = await erasePeers({ ...this.#context, vni }, going);
    return [...failed, ...this.#dropped([...going.keys()], refusals)];
  }

  #dropped(keys: readonly string[], faults: ReadonlyMap<string, string>): readonly DriverFault[] {
    const failed: DriverFault[] = [];
    for (const key of keys) {
      const detail = faults.get(key);
      if (detail === undefined) this.#inventory.drop(key);
      else failed.push({ key, what: 'kernel', detail });
    }
    return failed;
  }
}

function groupBy<K, V>(values: Iterable<V>, keyOfValue: (value: V) => K): ReadonlyMap<K, readonly V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOfValue(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
