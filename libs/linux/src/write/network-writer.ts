/**
 * Writes the objects of one network in the order in which they need each other, and records what is known from then on.
 *
 *   change: router with all elements that come and go, wires, peers, neighbours, routes, ports; then what goes of routes, ports, neighbours, peers, wires, router
 */
import {
  type DriverFault,
  type EntryObject,
  type KernelObject,
  keyOf,
  type PeerObject,
  type PortObject,
  partsOfEntryKey,
  type RouteObject,
  type Section,
  type TableSection,
} from '@weft/fabric';
import { append } from '../append.ts';
import type { KnownKernel } from '../known-kernel.ts';
import { portDevice, routerNamespace } from '../objects/names.ts';
import { missingReference, stillReferenced } from '../objects/object-rules.ts';
import { ABSENT_ROUTER } from '../read/recognise-router.ts';
import type { PeerSuspect, PortTraces } from '../read/traces.ts';
import { clearConntrack } from './conntrack.ts';
import { elementSteps, inSteps } from './element-steps.ts';
import { type ElementChange, elementStatements, endedBy, eraseEntries, writeEntries, writeWires } from './entry-writer.ts';
import { erasePorts, type PortWriterContext, writePorts } from './port-writer.ts';
import { erasePeers, eraseRoutes, writePeers, writeRoutes } from './remote-writer.ts';
import { eraseRouter, type RouterWriterContext, relabelRouter, writeRouter } from './router-writer.ts';

/** What is to be put, and the keys of what is to be removed. */
export type NetworkChange = Readonly<{ put: readonly KernelObject[]; remove: readonly string[] }>;

export class NetworkWriter {
  readonly #vni: number;
  readonly #known: KnownKernel;

  constructor(vni: number, known: KnownKernel) {
    this.#vni = vni;
    this.#known = known;
  }

  /** First for all networks: routers with their elements. Gives what is left to do. */
  async begin(change: NetworkChange, faults: DriverFault[]): Promise<NetworkChange> {
    const routerKey = `router/${this.#vni}`;
    if (!change.remove.includes(routerKey) || !this.#isAll(change.remove)) return this.#putRouterAndElements(change, faults);
    append(faults, await this.#eraseNetwork(routerKey));
    return { put: change.put, remove: [] };
  }

  /** Then all the rest, which may refer to routers of other networks. */
  async finish({ put, remove }: NetworkChange, faults: DriverFault[]): Promise<void> {
    append(faults, await this.#put(put));
    append(faults, await this.#remove(remove));
  }

  #isAll(unwanted: readonly string[]): boolean {
    const going = new Set(unwanted);
    for (const key of this.#known.inventory.keysOf(this.#vni)) if (!going.has(key)) return false;
    return true;
  }

  /** All elements in one transaction, with the table where it has to be repaired; or in steps where that is better. Gives what is left to do. */
  async #putRouterAndElements({ put, remove }: NetworkChange, faults: DriverFault[]): Promise<NetworkChange> {
    const { inventory, access, identity } = this.#known;
    const going: EntryObject[] = [];
    const coming: EntryObject[] = [];
    const left = remove.filter((key) => {
      const object = inventory.get(key);
      if (object?.kind !== 'entry' || !this.#isElement(object)) return true;
      going.push(object);
      return false;
    });
    const rest = put.filter((object) => {
      if (object.kind !== 'entry' || !this.#isElement(object)) return true;
      coming.push(object);
      return false;
    });
    const changing = coming.map((object) => inventory.get(keyOf(object))).filter((object) => object?.kind === 'entry');
    const gone = [...going, ...changing];
    const { sections } = this.#known;
    const { table, frames } = this.#context;
    const statements = elementStatements({ remove: gone, put: coming }, sections, table);
    const ofFrames = frames === undefined ? [] : elementStatements({ remove: gone, put: coming }, sections, frames);
    const router = put.find((object) => object.kind === 'router');
    const written = router !== undefined && (await this.#putRouter(router, statements, ofFrames, faults));
    const keys = { put: coming.map(keyOf), remove: going.map(keyOf) };
    let detail: string | undefined;
    if (!inventory.has(`router/${this.#vni}`)) detail = 'its router is not whole';
    else if (!written) detail = await inSteps(elementSteps({ remove: gone, put: coming }, sections), (step) => this.#transact(step));
    const ended = detail === undefined ? endedBy(gone, sections) : [];
    if (ended.length > 0) await clearConntrack(access, routerNamespace(identity.index, this.#vni), ended);
    const refusals = new Map(detail === undefined ? [] : [...keys.put, ...keys.remove].map((key) => [key, detail]));
    const missing = coming.map((object) => missingReference(object, inventory)).filter((fault) => fault !== undefined);
    const refused = missing.length > 0 ? missing : this.#known.settlePut(coming, refusals);
    append(faults, refused);
    append(faults, this.#known.settleRemoved(keys.remove, refusals));
    return { put: rest, remove: left };
  }

  async #transact(change: ElementChange): Promise<string | undefined> {
    const { access, identity, sections } = this.#known;
    const { table, frames } = this.#context;
    const statements = [table, frames].flatMap((each) => (each === undefined ? [] : elementStatements(change, sections, each)));
    return statements.length === 0 ? undefined : access.nft(routerNamespace(identity.index, this.#vni), statements.join('; '));
  }

  async #put(put: readonly KernelObject[]): Promise<readonly DriverFault[]> {
    const faults: DriverFault[] = [];
    await this.#putEntries('wires', put, faults, (wires) => writeWires(this.#context, wires, this.#known.mtu));
    const peers = this.#admitted(put, 'peer', faults);
    append(faults, await this.#putPeers(peers));
    for (const kind of ['tunnels', 'neighbours'] as const) await this.#putEntries(kind, put, faults);
    const routes = this.#admitted(put, 'route', faults);
    append(faults, await this.#putRoutes(routes));
    await this.#putEntries('routes', put, faults);
    await this.#putEntries('here_routes', put, faults);
    const ports = this.#admitted(put, 'port', faults);
    append(faults, await this.#putPorts(ports));
    return faults;
  }

  async #putEntries(
    kind: TableSection['kind'],
    put: readonly KernelObject[],
    faults: DriverFault[],
    write = (entries: readonly EntryObject[]) => writeEntries(this.#context, kind, entries),
  ): Promise<void> {
    const entries = this.#admitted(
      put.filter((object) => object.kind === 'entry' && this.#kindOf(object.section) === kind),
      'entry',
      faults,
    );
    if (entries.length > 0) append(faults, this.#known.settlePut(entries, await write(entries)));
  }

  async #remove(keys: readonly string[]): Promise<readonly DriverFault[]> {
    const routerKey = `router/${this.#vni}`;
    const of = (kind: string): readonly string[] => keys.filter((key) => key.startsWith(`${kind}/`));
    const faults: DriverFault[] = [];
    for (const kind of ['here_routes', 'routes'] as const) await this.#removeEntries(kind, keys, faults);
    append(faults, await this.#removeRoutes(of('route')));
    const ports = new Map(of('port').flatMap((key) => [[key, this.#known.portTraces(key)!] as const]));
    if (ports.size > 0) append(faults, await this.erasePorts(ports));
    for (const kind of ['neighbours', 'tunnels', 'wires'] as const) await this.#removeEntries(kind, keys, faults);
    append(faults, await this.#removePeers(of('peer')));
    if (keys.includes(routerKey)) faults.push(stillReferenced(routerKey, this.#known.inventory)!);
    return faults;
  }

  async #removeEntries(kind: TableSection['kind'], keys: readonly string[], faults: DriverFault[]): Promise<void> {
    const entries = keys.flatMap((key) => {
      const parts = partsOfEntryKey(key);
      if (parts === undefined || this.#kindOf(parts.section) !== kind) return [];
      const object = this.#known.inventory.get(key);
      if (object?.kind === 'entry') return [object];
      // It went with the router at the other end of its wire; or it is a part of one, which only a wire can be, whose key says all.
      if (!this.#known.knows(key)) return [];
      return [{ ...parts, kind: 'entry' as const, value: '', position: '', owner: '' }];
    });
    const refusals = await eraseEntries(this.#context, kind, entries);
    append(faults, this.#known.settleRemoved(entries.map(keyOf), refusals));
  }

  #kindOf(section: string): Section['kind'] | undefined {
    return this.#known.sections.get(section)?.kind;
  }

  #isElement({ section }: EntryObject): boolean {
    return this.#kindOf(section) === 'nft';
  }

  /** But for a device that a whole port has by now: what named it was not known yet. */
  async erasePorts(ports: ReadonlyMap<string, PortTraces>): Promise<readonly DriverFault[]> {
    const ownerOf = (device: string) => this.#known.inventory.portOfDevice(this.#vni, device);
    const doomed = new Map([...ports].filter(([key, { device }]) => [key, undefined].includes(ownerOf(device))));
    await this.#known.answers.change(
      this.#vni,
      this.#known.mtu,
      [],
      [...doomed.values()].map(({ device }) => device),
    );
    const faults = await erasePorts(this.#context, doomed);
    for (const key of ports.keys()) if (!faults.has(key)) this.#known.inventory.drop(key);
    if (faults.size > 0) this.#known.doubt(this.#vni);
    return [...faults].map(([key, detail]) => ({ key, what: 'kernel', detail }));
  }

  get #context(): PortWriterContext & RouterWriterContext {
    const { access, timers, identity, mtu, guests } = this.#known;
    return { access, timers, identity, mtu, guests, vni: this.#vni, ...this.#known.tablesOf(this.#vni) };
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
      const fault = missingReference(object, this.#known.inventory);
      if (fault === undefined) admitted.push(object as Extract<KernelObject, { kind: K }>);
      else faults.push(fault);
    }
    return admitted;
  }

  /** True when the elements are written as well. */
  async #putRouter(
    router: Extract<KernelObject, { kind: 'router' }>,
    elements: readonly string[],
    ofFrames: readonly string[],
    faults: DriverFault[],
  ): Promise<boolean> {
    const key = keyOf(router);
    const guard = await this.#known.guard.ensure();
    if (guard !== undefined) {
      faults.push({ key, ...guard });
      return false;
    }
    if (this.#known.inventory.has(key)) {
      const detail = await relabelRouter(this.#context, router);
      if (detail === undefined) this.#known.inventory.put(router);
      else faults.push({ key, what: 'kernel', detail });
      return false;
    }
    const suspect = this.#known.inventory.suspect(key);
    const traces = suspect?.kind === 'router' ? suspect.traces : ABSENT_ROUTER;
    let fault = await writeRouter(this.#context, router, traces, elements, ofFrames);
    const atElements = fault?.atElements === true;
    // A router without them lets nothing through that they would allow; one that is not there stops more.
    if (atElements) fault = await writeRouter(this.#context, router, traces, []);
    if (fault === undefined) this.#known.inventory.put(router);
    else {
      this.#known.doubt(this.#vni);
      faults.push({ key, what: fault.what, detail: fault.detail });
    }
    return fault === undefined && !atElements;
  }

  async #putPeers(peers: readonly PeerObject[]): Promise<readonly DriverFault[]> {
    const suspectOf = (key: string) => {
      const suspect = this.#known.inventory.suspect(key);
      return suspect?.kind === 'peer' ? suspect : undefined;
    };
    return this.#known.settlePut(peers, await writePeers(this.#context, peers, suspectOf));
  }

  async #putRoutes(routes: readonly RouteObject[]): Promise<readonly DriverFault[]> {
    return this.#known.settlePut(routes, await writeRoutes(this.#context, routes));
  }

  async #putPorts(ports: readonly PortObject[]): Promise<readonly DriverFault[]> {
    if (ports.length === 0) return [];
    const puts = ports.map((port) => ({ port, traces: this.#known.portTraces(keyOf(port)) }));
    const faults = new Map(await writePorts(this.#context, puts));
    for (const [key, detail] of await this.#answer(ports.filter((port) => !faults.has(keyOf(port)))))
      faults.set(key, { key, what: 'kernel', detail });
    for (const port of ports) if (!faults.has(keyOf(port))) this.#known.inventory.put(port);
    if ([...faults.values()].some(({ what }) => what === 'kernel')) this.#known.doubt(this.#vni);
    return [...faults.values()];
  }

  /** Guests of these ports get answers, or none any more. */
  async #answer(ports: readonly PortObject[]): Promise<ReadonlyMap<string, string>> {
    const answered = ports.filter(({ answers, up }) => answers && up);
    const told = answered.map(({ nic, mac, ips }) => ({ device: portDevice(nic), mac, ips }));
    const silent = ports.filter((port) => !answered.includes(port)).map(({ nic }) => portDevice(nic));
    const detail = await this.#known.answers.change(this.#vni, this.#known.mtu, told, silent);
    return new Map(detail === undefined ? [] : answered.map((port) => [keyOf(port), detail]));
  }

  /** Everything in a namespace ends with it. */
  async #eraseNetwork(routerKey: string): Promise<readonly DriverFault[]> {
    const keys = [...this.#known.inventory.keysOf(this.#vni)];
    const devices = keys.flatMap((key) => {
      const traces = this.#known.portTraces(key);
      return traces?.exists ? [traces.device] : [];
    });
    const suspect = this.#known.inventory.suspect(routerKey);
    const state = suspect?.kind === 'router' ? suspect.traces.namespace : 'alive';
    await this.#known.answers.stop(this.#vni);
    const detail = await eraseRouter(this.#context, this.#vni, state, devices);
    if (detail !== undefined) {
      this.#known.doubt(this.#vni);
      return keys.map((key) => ({ key, what: 'kernel', detail }));
    }
    this.#known.inventory.dropNetwork(this.#vni);
    return [];
  }

  async #removeRoutes(keys: readonly string[]): Promise<readonly DriverFault[]> {
    const routes = keys.map((key) => this.#known.inventory.get(key)).filter((object) => object?.kind === 'route');
    return this.#known.settleRemoved(keys, await eraseRoutes(this.#context, routes));
  }

  async #removePeers(keys: readonly string[]): Promise<readonly DriverFault[]> {
    const failed: DriverFault[] = [];
    const going = new Map<string, PeerObject | PeerSuspect>();
    for (const key of keys) {
      const users = stillReferenced(key, this.#known.inventory);
      const found = this.#known.inventory.suspect(key) ?? this.#known.inventory.get(key);
      if (users !== undefined) failed.push(users);
      else if (found?.kind === 'peer') going.set(key, found);
    }
    const refusals = await erasePeers(this.#context, going);
    return [...failed, ...this.#known.settleRemoved([...going.keys()], refusals)];
  }
}
