/**
 * The packet evaluator: says what the fabric does with one packet, and why. A pure function of rows.
 *
 * It reads the same kernel objects that `compile` gives to the drivers, one host at a time and only the hosts that the packet meets, and follows
 * them as the kernel does (linux-dataplane 3, 4.9): the guest's port, source check, route of the router, tunnel, guard, reverse path check and
 * route of the receiver. Each step names the position of the row that decided it.
 */
import type { JsonObject } from '@weft/api';
import ipaddr from 'ipaddr.js';
import { compile, type HostTables } from '../compile/compile.ts';
import type { HostIdentity, KernelObject, KernelState, PortObject } from '../kernel/kernel-objects.ts';
import {
  decodeEndpointRow,
  decodeHostRow,
  decodePlacementRow,
  endpointsTable,
  hostsTable,
  parseTable,
  placementsTable,
} from '../rows/rows.codec.ts';
import type { HostRow, PlacementRow } from '../rows/rows.ts';
import { GATEWAYS } from './gateways.ts';

/** What leaves a guest. Addresses in any spelling. */
export type Packet = Readonly<{
  /** NIC uid. */
  from: string;
  src: string;
  dst: string;
  /** Source MAC; absent: the NIC's own. */
  mac?: string;
  /** 1 to 255, as it leaves the guest; default 64. Each router reduces it by one. */
  hopLimit?: number;
}>;

export type DropReason =
  /** It is no packet: an address does not parse, or source and destination are of different families. */
  | 'Malformed'
  /** The NIC is on no host, or that host is unknown. */
  | 'NotPlaced'
  /** The link of the sender or of the receiver is held back until isolation is complete. */
  | 'LinkDown'
  /** The source is not an address of the NIC, or not with this MAC. */
  | 'SourceNotOwned'
  | 'NoRoute'
  | 'HopLimitExceeded'
  /** The receiving host does not know the sending one. */
  | 'NotAdmittedByGuard'
  /** The receiving host has no router for that network. */
  | 'NoRouter'
  /** An answer to the source would not take the way that the packet came. */
  | 'ReversePath';

/** `position`: that of the row behind what was found; absent when nothing was found. */
export type Step = Readonly<{
  at: 'guest' | 'anti-spoof' | 'route' | 'tunnel' | 'guard' | 'reverse-path' | 'deliver' | 'gateway' | 'drop';
  host: string;
  detail: string;
  position?: string;
}>;

export type Verdict =
  | Readonly<{ outcome: 'delivered'; to: string; steps: readonly Step[] }>
  /** Answered by the router itself. */
  | Readonly<{ outcome: 'gateway'; steps: readonly Step[] }>
  | Readonly<{ outcome: 'dropped'; reason: DropReason; steps: readonly Step[] }>;

export type FabricModel = Readonly<{
  /** Tables by name, with rows as they come over the bus. Rows of an unknown shape count as absent. */
  tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;
  /** Default: every link is up, as it is once all projectors have reported. */
  isUp?: (placement: PlacementRow) => boolean;
}>;

export interface Evaluator {
  /** O(rows of a host) when a host is met for the first time, else O(1). */
  evaluate(packet: Packet): Verdict;
}

type HostView = Readonly<{ identity: HostIdentity; state: KernelState; portOfAddress: ReadonlyMap<string, PortObject> }>;

/** The model must not change while the evaluator is in use. */
export function createEvaluator({ tables, isUp = () => true }: FabricModel): Evaluator {
  const views = new Map<string, HostView | undefined>();
  const hosts = rowsOf(hostsTable, decodeHostRow);
  const hostNameOf = new Map([...hosts.values()].map((row) => [row.index, row.host]));
  let placedOn: Map<string, string> | undefined;

  function rowsOf<R>(table: string, decode: (row: JsonObject) => R | undefined): ReadonlyMap<string, R> {
    const rows = new Map<string, R>();
    for (const [key, row] of tables.get(table) ?? []) {
      const decoded = decode(row);
      if (decoded !== undefined) rows.set(key, decoded);
    }
    return rows;
  }

  /** The host of a NIC, searched in all placements. */
  function hostOf(nic: string): string | undefined {
    if (placedOn === undefined) {
      placedOn = new Map();
      for (const [table, rows] of tables) {
        const parsed = parseTable(table);
        if (parsed?.kind === 'placements') for (const uid of rows.keys()) placedOn.set(uid, parsed.host);
      }
    }
    return placedOn.get(nic);
  }

  function viewOf(name: string): HostView | undefined {
    if (views.has(name)) return views.get(name);
    const host = hosts.get(name);
    const view = host && look(host);
    views.set(name, view);
    return view;
  }

  function look({ host, index, underlay }: HostRow): HostView {
    const identity = { host, index, underlay };
    const placements = rowsOf(placementsTable(host), decodePlacementRow);
    const vnis = new Set([...placements.values()].map((row) => row.vni));
    const endpoints = new Map([...vnis].map((vni) => [vni, rowsOf(endpointsTable(vni), decodeEndpointRow)]));
    const hostTables: HostTables = { hosts, placements, endpoints };
    const state = compile(identity, hostTables, isUp);
    const portOfAddress = new Map<string, PortObject>();
    for (const object of state.values()) {
      if (object.kind === 'port') for (const address of object.ips) portOfAddress.set(`${object.vni} ${address}`, object);
    }
    return { identity, state, portOfAddress };
  }

  return {
    evaluate(packet) {
      const steps: Step[] = [];
      const step = (at: Step['at'], host: string, detail: string, position?: string): void => {
        steps.push({ at, host, detail, ...(position === undefined ? {} : { position }) });
      };
      const drop = (reason: DropReason, host: string, detail: string): Verdict => {
        step('drop', host, detail);
        return { outcome: 'dropped', reason, steps };
      };

      const name = hostOf(packet.from);
      const sender = name === undefined ? undefined : viewOf(name);
      const port = sender && find(sender.state, 'port', packet.from);
      if (name === undefined || sender === undefined || port === undefined) {
        return drop('NotPlaced', name ?? '', `no known host has NIC ${packet.from}`);
      }
      step('guest', name, `NIC ${port.nic} in network ${port.vni}`, port.position);
      if (!port.up) return drop('LinkDown', name, 'the link is down until isolation is complete');
      const [src, dst] = [canonical(packet.src), canonical(packet.dst)];
      if (src === undefined || dst === undefined || src.includes(':') !== dst.includes(':')) {
        return drop('Malformed', name, `${packet.src} to ${packet.dst} is no pair of addresses of one family`);
      }
      if ((packet.mac ?? port.mac).toLowerCase() !== port.mac || !port.ips.includes(src)) {
        return drop('SourceNotOwned', name, `${src} at ${packet.mac ?? port.mac} is not an address of this NIC`);
      }
      step('anti-spoof', name, `${src} at ${port.mac} is its own`, port.position);
      if (GATEWAYS.has(dst)) {
        step('gateway', name, `${dst} is the router`);
        return { outcome: 'gateway', steps };
      }

      let hopsLeft = (packet.hopLimit ?? 64) - 1;
      if (hopsLeft < 1) return drop('HopLimitExceeded', name, 'the router took the last hop');
      const here = sender.portOfAddress.get(`${port.vni} ${dst}`);
      if (here !== undefined) return deliver(sender, here);

      const route = find(sender.state, 'route', `${port.vni}/${dst}`);
      if (route === undefined) return drop('NoRoute', name, `network ${port.vni} has no route to ${dst} here`);
      step('route', name, `${dst} is on host ${route.hostIndex}`, route.position);
      const peer = find(sender.state, 'peer', `${port.vni}/${route.hostIndex}`);
      const far = hostNameOf.get(route.hostIndex);
      const receiver = far === undefined ? undefined : viewOf(far);
      if (peer === undefined || far === undefined || receiver === undefined)
        return drop('NoRoute', name, `host ${route.hostIndex} is not known`);
      step('tunnel', name, `VXLAN ${port.vni} to ${peer.underlay}`, peer.position);

      const guard = find(receiver.state, 'guard', sender.identity.underlay);
      if (guard === undefined) return drop('NotAdmittedByGuard', far, `${sender.identity.underlay} is no host known here`);
      step('guard', far, `${sender.identity.underlay} is a known host`, guard.position);
      if (find(receiver.state, 'router', `${port.vni}`) === undefined)
        return drop('NoRouter', far, `network ${port.vni} is not on this host`);
      const back = find(receiver.state, 'route', `${port.vni}/${src}`);
      if (back === undefined) return drop('ReversePath', far, `${src} is not behind the tunnel`);
      step('reverse-path', far, `${src} is behind the tunnel`, back.position);
      hopsLeft -= 1;
      if (hopsLeft < 1) return drop('HopLimitExceeded', far, 'the second router took the last hop');
      const there = receiver.portOfAddress.get(`${port.vni} ${dst}`);
      if (there === undefined) return drop('NoRoute', far, `${dst} is not on this host`);
      return deliver(receiver, there);

      function deliver({ identity }: HostView, target: PortObject): Verdict {
        step('route', identity.host, `${dst} is local`, target.position);
        if (!target.up) return drop('LinkDown', identity.host, 'the link of the receiver is down until isolation is complete');
        step('deliver', identity.host, `to NIC ${target.nic}`, target.position);
        return { outcome: 'delivered', to: target.nic, steps };
      }
    },
  };
}

export function evaluate(model: FabricModel, packet: Packet): Verdict {
  return createEvaluator(model).evaluate(packet);
}

type OfKind<K extends KernelObject['kind']> = Extract<KernelObject, { kind: K }>;

function find<K extends KernelObject['kind']>(state: KernelState, kind: K, key: string): OfKind<K> | undefined {
  const object = state.get(`${kind}/${key}`);
  return object !== undefined && isOfKind(object, kind) ? object : undefined;
}

function isOfKind<K extends KernelObject['kind']>(object: KernelObject, kind: K): object is OfKind<K> {
  return object.kind === kind;
}

function canonical(address: string): string | undefined {
  return ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address) ? ipaddr.parse(address).toString() : undefined;
}
