/**
 * Writes the objects of one network in the order in which they need each other, and records what is known from then on.
 *
 *   put: router, peers, routes, ports      remove: routes, ports, peers, router
 */
import { type DriverFault, type KernelObject, keyOf, type PeerObject, type PortObject, type RouteObject } from '@weft/fabric';
import type { KnownKernel } from '../known-kernel.ts';
import { missingReference, stillReferenced } from '../objects/object-rules.ts';
import { ABSENT_ROUTER } from '../read/recognise-router.ts';
import type { PeerSuspect, PortTraces } from '../read/traces.ts';
import { erasePorts, type PortWriterContext, writePorts } from './port-writer.ts';
import { erasePeers, eraseRoutes, writePeers, writeRoutes } from './remote-writer.ts';
import { eraseRouter, type RouterWriterContext, relabelRouter, writeRouter } from './router-writer.ts';

export class NetworkWriter {
  readonly #vni: number;
  readonly #known: KnownKernel;

  constructor(vni: number, known: KnownKernel) {
    this.#vni = vni;
    this.#known = known;
  }

  async put(put: readonly KernelObject[]): Promise<readonly DriverFault[]> {
    const faults: DriverFault[] = [];
    const router = put.find((object) => object.kind === 'router');
    if (router !== undefined) {
      const fault = await this.#putRouter(router);
      if (fault !== undefined) faults.push(fault);
    }
    const peers = this.#admitted(put, 'peer', faults);
    faults.push(...(await this.#putPeers(peers)));
    const routes = this.#admitted(put, 'route', faults);
    faults.push(...(await this.#putRoutes(routes)));
    const ports = this.#admitted(put, 'port', faults);
    faults.push(...(await this.#putPorts(ports)));
    return faults;
  }

  async remove(keys: readonly string[]): Promise<readonly DriverFault[]> {
    const routerKey = `router/${this.#vni}`;
    if (keys.includes(routerKey)) {
      const going = new Set(keys);
      const staying = [...this.#known.inventory.keysOf(this.#vni)].filter((key) => !going.has(key));
      if (staying.length === 0) return this.#eraseNetwork(routerKey);
    }
    const of = (kind: string): readonly string[] => keys.filter((key) => key.startsWith(`${kind}/`));
    const faults: DriverFault[] = [...(await this.#removeRoutes(of('route')))];
    const ports = new Map(of('port').flatMap((key) => [[key, this.#known.portTraces(key)!] as const]));
    if (ports.size > 0) faults.push(...(await this.erasePorts(ports)));
    faults.push(...(await this.#removePeers(of('peer'))));
    if (keys.includes(routerKey)) faults.push(stillReferenced(routerKey, this.#known.inventory)!);
    return faults;
  }

  async erasePorts(ports: ReadonlyMap<string, PortTraces>): Promise<readonly DriverFault[]> {
    const faults = await erasePorts(this.#context, ports);
    for (const key of ports.keys()) if (!faults.has(key)) this.#known.inventory.drop(key);
    if (faults.size > 0) this.#known.doubt(this.#vni);
    return [...faults].map(([key, detail]) => ({ key, what: 'kernel', detail }));
  }

  get #context(): PortWriterContext & RouterWriterContext {
    const { access, timers, identity, mtu } = this.#known;
    return { access, timers, identity, mtu, vni: this.#vni };
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

  async #putRouter(router: Extract<KernelObject, { kind: 'router' }>): Promise<DriverFault | undefined> {
    const key = keyOf(router);
    const guard = await this.#known.guard.ensure();
    if (guard !== undefined) return { key, ...guard };
    const suspect = this.#known.inventory.suspect(key);
    if (this.#known.inventory.has(key)) {
      const detail = await relabelRouter(this.#context, router);
      if (detail !== undefined) return { key, what: 'kernel', detail };
    } else {
      const traces = suspect?.kind === 'router' ? suspect.traces : ABSENT_ROUTER;
      const fault = await writeRouter(this.#context, router, traces);
      if (fault !== undefined) {
        this.#known.doubt(this.#vni);
        return { key, ...fault };
      }
    }
    this.#known.inventory.put(router);
    return undefined;
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
    const faults = await writePorts(this.#context, puts);
    for (const port of ports) if (!faults.has(keyOf(port))) this.#known.inventory.put(port);
    if ([...faults.values()].some(({ what }) => what === 'kernel')) this.#known.doubt(this.#vni);
    return [...faults.values()];
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
    const detail = await eraseRouter(this.#context, this.#vni, state, devices);
    if (detail !== undefined) {
      this.#known.doubt(this.#vni);
      return keys.map((key) => ({ key, what: 'kernel', detail }));
    }
    this.#known.inventory.dropNetwork(this.#vni);
    return [];
  }

  async #removeRoutes(keys: readonly string[]): Promise<readonly DriverFault[]> {
    const takenOver = (address: string): boolean => this.#known.inventory.portOfAddress(this.#vni, address) !== undefined;
    return this.#known.settleRemoved(keys, await eraseRoutes(this.#context, keys, takenOver));
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
