/**
 * Holds what agents do to their kernels, at each object, to what the log says: nothing goes that is wanted, nothing comes before what it needs, and no address is sent to two
 * holders.
 */
import { type Append, conditionOf, type Folded, type FoldView } from '@weft/api';
import { type KernelObject, keyOf, type PortObject, PUBLIC_VNI } from '@weft/fabric';
import type { WorldFabric } from '@weft/testing';
import type { SimHost } from './sim-host.ts';
import { mustStay, Wishes } from './wishes.ts';

/** Repairs of a kernel take a while. */
const REPAIRED_MS = 60_000;
/** No host lags for so long: its agent was started again, and given all rows. */
const LAG_MS_MAX = 40_000;
/** What was decided of a host rests on a state of it that is not older. */
const SEEN_MS = 10_000;
const NAMED_MAX = 3;

export type KernelJudgeOptions = Readonly<{
  fold: Pick<FoldView, 'get'>;
  fabric: WorldFabric;
  fail: (what: string) => void;
  nowMs: () => number;
  hosts: () => readonly SimHost[];
}>;

export class KernelJudge {
  readonly #fold: Pick<FoldView, 'get'>;
  readonly #fabric: WorldFabric;
  readonly #fail: (what: string) => void;
  readonly #nowMs: () => number;
  readonly #hosts: () => readonly SimHost[];
  readonly #wishes: Wishes;
  /** When each append was made. */
  readonly #madeMs = new Map<bigint, number>();
  /** Since when a host is Ready. */
  readonly #readyMs = new Map<string, number>();
  /** Address on a host, by VNI and number of the host -> the interface that had it there last. */
  readonly #ports = new Map<string, string>();

  constructor({ fold, fabric, fail, nowMs, hosts }: KernelJudgeOptions) {
    this.#fold = fold;
    this.#fabric = fabric;
    this.#fail = fail;
    this.#nowMs = nowMs;
    this.#hosts = hosts;
    this.#wishes = new Wishes(fabric);
  }

  /** To be called with each append, after the fold and the rows have taken it. */
  take({ position, events }: Append, after: Folded | undefined): void {
    this.#madeMs.set(position, this.#nowMs());
    if (after?.key.kind === 'Host') this.#hostChanged(after);
    this.#wishes.note(position);
    for (const { type, data } of events) {
      if (type === 'VniRested.v1') this.#vniRested(Number(data['vni']));
    }
  }

  #hostChanged({ key: { name }, status, object }: Folded): void {
    const isReady = status === 'live' && conditionOf(object, 'Ready')?.status === 'True';
    if (!isReady) this.#readyMs.delete(name);
    else if (!this.#readyMs.has(name)) this.#readyMs.set(name, this.#nowMs());
  }

  /** A number is given to another network only when no host that is left forwards under it (provider R-2). */
  #vniRested(vni: number): void {
    for (const host of this.#hosts()) {
      const index = this.#indexOf(host);
      const left =
        index === undefined ? [] : [...host.kernel(index).objects.values()].filter((object) => 'vni' in object && object.vni === vni);
      if (left.length > 0)
        this.#fail(`VNI ${vni} has rested, host ${host.name} still holds ${left.map(keyOf).slice(0, NAMED_MAX).join(', ')}`);
    }
  }

  #indexOf({ name }: SimHost): number | undefined {
    const state = this.#fold.get({ kind: 'Host', name });
    return state?.status === 'live' ? (state.object.status?.['index'] as number | undefined) : undefined;
  }

  #wasTampered(host: SimHost, object: KernelObject): boolean {
    return this.#nowMs() - host.tamperedMs(object) < REPAIRED_MS;
  }

  /** Called right before an agent puts an object into its kernel. */
  judgePut(host: SimHost, index: number, object: KernelObject): void {
    if (object.kind !== 'port') return;
    for (const ip of object.ips) this.#ports.set(`${object.vni}/${ip}/${index}`, object.nic);
    const before = host.kernel(index).objects.get(keyOf(object));
    const wasUp = before?.kind === 'port' && before.up && before.vni === object.vni;
    if (!object.up || index !== this.#indexOf(host)) return;
    if (!wasUp) this.#judgeLink(host, index, object);
    for (const other of this.#hosts()) if (other !== host) this.#judgeAddresses(host, other, object);
  }

  /** A link comes up only behind everything that its packets need, as of the position at which it was placed. */
  #judgeLink(host: SimHost, index: number, port: PortObject): void {
    if (this.#wasTampered(host, port)) return;
    const { objects } = host.kernel(index);
    for (const need of this.#fabric.kernelOf(host.name)?.values() ?? []) {
      if (need.kind === 'port' || !('vni' in need) || need.vni !== port.vni) continue;
      const since = this.#wishes.of(host.name, keyOf(need))?.since;
      if (since === undefined || since > BigInt(port.position) || objects.has(keyOf(need))) continue;
      this.#fail(`host ${host.name}: the link of ${port.nic} (${port.position}) comes up before ${keyOf(need)} (wanted since ${since})`);
    }
  }

  /** When an address goes to another interface, hosts that are Ready send nothing to its former holder any more (DESIGN 3). */
  #judgeAddresses(host: SimHost, other: SimHost, port: PortObject): void {
    const index = this.#indexOf(other);
    const readyMs = this.#readyMs.get(other.name);
    const placedMs = this.#madeMs.get(BigInt(port.position));
    if (index === undefined || readyMs === undefined || placedMs === undefined || this.#wasTampered(other, port)) return;
    if (readyMs > placedMs - SEEN_MS) return;
    const { objects } = other.kernel(index);
    for (const ip of port.ips) {
      const route = objects.get(`route/${port.vni}/${ip}`);
      const at = route?.kind === 'route' ? route.hostIndex : index;
      const holder = this.#ports.get(`${port.vni}/${ip}/${at}`);
      const isThere =
        route !== undefined || [...objects.values()].some((each) => each.kind === 'port' && each.vni === port.vni && each.ips.includes(ip));
      if (isThere && holder !== undefined && holder !== port.nic)
        this.#fail(`host ${host.name}: ${port.nic} comes up with ${ip}, which host ${other.name} still sends to ${holder}`);
    }
  }

  /** Called right before an agent removes an object: what was wanted all the time stays, whatever happens above (DESIGN 1, idea 5). */
  judgeRemove(host: SimHost, index: number, key: string): void {
    const object = host.kernel(index).objects.get(key);
    if (object === undefined || index !== this.#indexOf(host) || this.#wasTampered(host, object)) return;
    const wish = this.#wishes.of(host.name, key);
    const wishedMs = wish && this.#madeMs.get(wish.asItIs);
    if (wish === undefined || wishedMs === undefined || !mustStay(object, wish.object)) return;
    if (isOfPublicSide(object) && !this.#carriesAny(host, index)) return;
    const isOther = this.#wishes.wasOther(host.name, key);
    // Nothing ever said that it has to go, or not after the row that it was made of. An entry is made of rows of several tables: its position says less.
    const isOfThisWish = !isOther || (object.kind !== 'entry' && BigInt(object.position) >= wish.since);
    if (isOfThisWish || this.#nowMs() - wishedMs > LAG_MS_MAX)
      this.#fail(`host ${host.name} removes ${key}, which is wanted since ${wish.asItIs}`);
  }

  /**
   * Whether the public side of a host holds anything that is wanted there. It is made for the first public object of the host and goes with the last one.
   * An agent may hear that one ends before it hears of the next, since their rows are in different tables: then the side may go, for nothing needs it.
   */
  #carriesAny(host: SimHost, index: number): boolean {
    return [...host.kernel(index).objects].some(([key, object]) => {
      const wish = 'vni' in object && object.vni === PUBLIC_VNI && !isOfPublicSide(object) ? this.#wishes.of(host.name, key) : undefined;
      return wish !== undefined && mustStay(object, wish.object);
    });
  }
}

/** The router of public packets and its tunnels, which no row asks for by itself. */
function isOfPublicSide(object: KernelObject): boolean {
  return (object.kind === 'router' || object.kind === 'peer') && object.vni === PUBLIC_VNI;
}
