/**
 * The incremental compiler: row changes in, changes of kernel objects out, at a cost that grows with the change.
 *
 * Rows are kept in indexes; a change marks the keys of the objects that read what it changed; each marked object is then made anew from the indexes
 * and compared with what there was. So an object depends on the present rows only, and the result is that of `compile`.
 *
 *   host row          -> its guard; its peers (one per network that it has endpoints in); its routes too, when its number changed
 *   placement row     -> its port, the router of its network, routes of its addresses; the first and the last of a network: all of that network
 *   endpoint row      -> the peer of its host, the routes of its addresses
 */
import { type HostIdentity, type KernelObject, type KernelState, keyOf } from '../kernel/kernel-objects.ts';
import type { ProjectedRow } from '../routing/routing.projection.ts';
import { decodeEndpointRow, decodeHostRow, decodePlacementRow, parseTable } from '../rows/rows.codec.ts';
import type { EndpointRow, HostRow, PlacementRow } from '../rows/rows.ts';
import { guardObject, hostOf, isOwn, later, nicOf, peerObject, portObject, routeObject, routerObject, winner } from './compile.rules.ts';

/** A key is in one of both, never in both. */
export type KernelChange = Readonly<{ put: readonly KernelObject[]; remove: readonly KernelObject[] }>;

export interface Compiler {
  readonly state: KernelState;
  /** Placements whose link is down, by NIC uid. */
  readonly down: ReadonlyMap<string, PlacementRow>;
  /** Networks with a placement here: those whose endpoints this host needs. */
  networks(): Iterable<number>;
  /** Changes of one table, in order. Tables and rows that are not understood count as absent. */
  applyRows(table: string, changes: readonly ProjectedRow[]): KernelChange;
  /** The table is no longer followed: as if all its rows were removed. */
  forget(table: string): KernelChange;
  /** Lets the links of these NICs come up; it lasts as long as their placement (same network, same `placedAt`). A repeat changes nothing. */
  raise(nics: Iterable<string>): KernelChange;
  /** For `compile`: what was raised. */
  isUp(placement: PlacementRow): boolean;
}

type Net = {
  readonly placements: Set<string>;
  /** `heldAt` of the placements -> how many say so; one, but for an instant. */
  readonly heldAts: Map<string, number>;
  /** Address -> how many placements have it. */
  readonly local: Map<string, number>;
  readonly endpoints: Map<string, EndpointRow>;
  readonly nicsOfHost: Map<string, Set<string>>;
  readonly nicsOfAddress: Map<string, Set<string>>;
};

export function createCompiler(identity: HostIdentity): Compiler {
  const state = new Map<string, KernelObject>();
  const hosts = new Map<string, HostRow>();
  const hostsOfIndex = new Map<number, Set<string>>();
  const hostsOfUnderlay = new Map<string, Set<string>>();
  const netsOfHost = new Map<string, Set<number>>();
  const placements = new Map<string, PlacementRow>();
  const down = new Map<string, PlacementRow>();
  const raised = new Map<string, string>();
  const nets = new Map<number, Net>();

  // ---- What each object is, from the indexes ----

  function routerOf(vni: number): KernelObject | undefined {
    let heldAt: string | undefined;
    for (const each of nets.get(vni)?.heldAts.keys() ?? []) if (heldAt === undefined || later(each, heldAt)) heldAt = each;
    return heldAt === undefined ? undefined : routerObject(vni, heldAt);
  }

  function portOf(nic: string): KernelObject | undefined {
    const row = placements.get(nic);
    return row && portObject(row, isUp(row));
  }

  function peerOf(vni: number, index: number): KernelObject | undefined {
    const net = nets.get(vni);
    const host = hostAt(index);
    if (net === undefined || net.placements.size === 0 || host === undefined || !net.nicsOfHost.has(host.host)) return undefined;
    return peerObject(identity, vni, host);
  }

  function routeOf(vni: number, address: string): KernelObject | undefined {
    const net = nets.get(vni);
    if (net === undefined || net.placements.size === 0 || net.local.has(address)) return undefined;
    const claims = [...(net.nicsOfAddress.get(address) ?? [])].map((nic) => net.endpoints.get(nic)!);
    const endpoint = winner(claims, nicOf);
    const host = endpoint && remote(endpoint.host);
    return host && routeObject(vni, address, host, endpoint);
  }

  function guardOf(underlay: string): KernelObject | undefined {
    const host = winner(rowsOf(hostsOfUnderlay.get(underlay)), hostOf);
    return host && guardObject(underlay, host.position);
  }

  function rowsOf(names: Iterable<string> | undefined): HostRow[] {
    return [...(names ?? [])].map((name) => hosts.get(name)!);
  }
  function hostAt(index: number): HostRow | undefined {
    return winner(rowsOf(hostsOfIndex.get(index)), hostOf);
  }
  function remote(name: string): HostRow | undefined {
    const row = hosts.get(name);
    return row && hostAt(row.index) === row ? row : undefined;
  }
  function isUp(row: PlacementRow): boolean {
    return raised.get(row.nic) === placementId(row);
  }

  // ---- What a change marks ----

  function setHost(name: string, next: HostRow | undefined, dirty: Dirty): void {
    const known = next !== undefined && !isOwn(identity, next) ? next : undefined;
    const before = hosts.get(name);
    // Hosts that share a number with the old or the new row may gain or lose it.
    const touched = new Map<string, HostRow | undefined>();
    const note = (names: Iterable<string>): void => {
      for (const each of names) if (!touched.has(each)) touched.set(each, remote(each));
    };
    note([name]);
    if (before !== undefined) note(hostsOfIndex.get(before.index) ?? []);
    if (known !== undefined) note(hostsOfIndex.get(known.index) ?? []);

    if (before !== undefined) {
      drop(hostsOfIndex, before.index, name);
      drop(hostsOfUnderlay, before.underlay, name);
      dirty.guard(before.underlay);
    }
    if (known === undefined) hosts.delete(name);
    else {
      hosts.set(name, known);
      add(hostsOfIndex, known.index, name);
      add(hostsOfUnderlay, known.underlay, name);
      dirty.guard(known.underlay);
    }
    for (const [each, was] of touched) {
      const is = remote(each);
      if (was === is) continue;
      for (const vni of netsOfHost.get(each) ?? []) {
        if (was !== undefined) dirty.peer(vni, was.index);
        if (is !== undefined) dirty.peer(vni, is.index);
        if (was?.index !== is?.index) dirtyRoutesOf(vni, each, dirty);
      }
    }
  }

  function setPlacement(nic: string, next: PlacementRow | undefined, dirty: Dirty): void {
    const before = placements.get(nic);
    if (before !== undefined) {
      const net = netOf(before.vni);
      net.placements.delete(nic);
      count(net.heldAts, before.heldAt, -1);
      for (const address of before.ips) count(net.local, address, -1);
    }
    if (next === undefined) placements.delete(nic);
    else {
      const net = netOf(next.vni);
      placements.set(nic, next);
      net.placements.add(nic);
      count(net.heldAts, next.heldAt, 1);
      for (const address of next.ips) count(net.local, address, 1);
    }
    if (next === undefined || !isUp(next)) raised.delete(nic);
    if (next === undefined || isUp(next)) down.delete(nic);
    else down.set(nic, next);

    dirty.port(nic);
    for (const vni of new Set([before?.vni, next?.vni])) {
      if (vni === undefined) continue;
      const size = netOf(vni).placements.size;
      const was = size + (before?.vni === vni ? 1 : 0) - (next?.vni === vni ? 1 : 0);
      dirty.router(vni);
      if ((was === 0) !== (size === 0)) dirtyNet(vni, dirty);
      else for (const address of new Set([...(before?.ips ?? []), ...(next?.ips ?? [])])) dirty.route(vni, address);
      tidy(vni);
    }
  }

  function setEndpoint(vni: number, nic: string, next: EndpointRow | undefined, dirty: Dirty): void {
    const net = netOf(vni);
    const before = net.endpoints.get(nic);
    if (before !== undefined) {
      net.endpoints.delete(nic);
      drop(net.nicsOfHost, before.host, nic);
      if (!net.nicsOfHost.has(before.host)) drop(netsOfHost, before.host, vni);
      for (const address of before.ips) drop(net.nicsOfAddress, address, nic);
    }
    if (next !== undefined) {
      net.endpoints.set(nic, next);
      add(net.nicsOfHost, next.host, nic);
      add(netsOfHost, next.host, vni);
      for (const address of next.ips) add(net.nicsOfAddress, address, nic);
    }
    if (net.placements.size > 0) {
      for (const row of [before, next]) {
        if (row === undefined) continue;
        const host = remote(row.host);
        if (host !== undefined) dirty.peer(vni, host.index);
        for (const address of row.ips) dirty.route(vni, address);
      }
    }
    tidy(vni);
  }

  function dirtyRoutesOf(vni: number, host: string, dirty: Dirty): void {
    const net = netOf(vni);
    if (net.placements.size === 0) return;
    for (const nic of net.nicsOfHost.get(host) ?? []) for (const address of net.endpoints.get(nic)!.ips) dirty.route(vni, address);
  }

  function dirtyNet(vni: number, dirty: Dirty): void {
    const net = netOf(vni);
    for (const name of net.nicsOfHost.keys()) {
      const host = remote(name);
      if (host !== undefined) dirty.peer(vni, host.index);
    }
    for (const address of net.nicsOfAddress.keys()) dirty.route(vni, address);
  }

  function netOf(vni: number): Net {
    let net = nets.get(vni);
    if (net === undefined) {
      net = {
        placements: new Set(),
        heldAts: new Map(),
        local: new Map(),
        endpoints: new Map(),
        nicsOfHost: new Map(),
        nicsOfAddress: new Map(),
      };
      nets.set(vni, net);
    }
    return net;
  }
  function tidy(vni: number): void {
    const net = nets.get(vni);
    if (net?.placements.size === 0 && net.endpoints.size === 0) nets.delete(vni);
  }

  // ---- From marks to changes ----

  class Dirty {
    private readonly makers = new Map<string, () => KernelObject | undefined>();
    guard(underlay: string): void {
      this.makers.set(`guard/${underlay}`, () => guardOf(underlay));
    }
    router(vni: number): void {
      this.makers.set(`router/${vni}`, () => routerOf(vni));
    }
    port(nic: string): void {
      this.makers.set(`port/${nic}`, () => portOf(nic));
    }
    peer(vni: number, index: number): void {
      this.makers.set(`peer/${vni}/${index}`, () => peerOf(vni, index));
    }
    route(vni: number, address: string): void {
      this.makers.set(`route/${vni}/${address}`, () => routeOf(vni, address));
    }
    settle(): KernelChange {
      const put: KernelObject[] = [];
      const remove: KernelObject[] = [];
      for (const [key, make] of this.makers) {
        const before = state.get(key);
        const after = make();
        if (after === undefined) {
          if (before === undefined) continue;
          state.delete(key);
          remove.push(before);
        } else if (!sameObject(before, after)) {
          if (keyOf(after) !== key) throw new Error(`compile: object ${keyOf(after)} made for ${key}`);
          state.set(key, after);
          put.push(after);
        }
      }
      return { put, remove };
    }
  }

  function applyRows(name: string, changes: readonly ProjectedRow[]): KernelChange {
    const table = parseTable(name);
    const dirty = new Dirty();
    for (const { key, row } of changes) {
      if (table?.kind === 'hosts') setHost(key, decodeHostRow(row), dirty);
      else if (table?.kind === 'placements' && table.host === identity.host) setPlacement(key, decodePlacementRow(row), dirty);
      else if (table?.kind === 'endpoints') setEndpoint(table.vni, key, decodeEndpointRow(row), dirty);
    }
    return dirty.settle();
  }

  return {
    state,
    down,
    *networks() {
      for (const [vni, net] of nets) if (net.placements.size > 0) yield vni;
    },
    applyRows,
    forget(name) {
      const table = parseTable(name);
      const rows = table?.kind === 'hosts' ? hosts : table?.kind === 'placements' ? placements : table && nets.get(table.vni)?.endpoints;
      return applyRows(
        name,
        [...(rows?.keys() ?? [])].map((key) => ({ key, row: undefined })),
      );
    },
    raise(nics) {
      const dirty = new Dirty();
      for (const nic of nics) {
        const row = down.get(nic);
        if (row === undefined) continue;
        raised.set(nic, placementId(row));
        down.delete(nic);
        dirty.port(nic);
      }
      return dirty.settle();
    },
    isUp,
  };
}

/** One stay of a NIC in one network on this host. */
function placementId(row: PlacementRow): string {
  return `${row.vni}/${row.placedAt}`;
}

/** Every field, the position too. Objects are flat: scalars and one list of strings, made by the same functions in the same order of fields. */
function sameObject(a: KernelObject | undefined, b: KernelObject): boolean {
  return a !== undefined && a.position === b.position && JSON.stringify(a) === JSON.stringify(b);
}

function add<K, V>(index: Map<K, Set<V>>, key: K, member: V): void {
  const members = index.get(key);
  if (members === undefined) index.set(key, new Set([member]));
  else members.add(member);
}

function drop<K, V>(index: Map<K, Set<V>>, key: K, member: V): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}

function count(counts: Map<string, number>, key: string, by: number): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
