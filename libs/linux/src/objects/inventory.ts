/**
 * What a driver believes the kernel holds, kept so that a change costs as much as the change: whole objects, parts of objects, and who refers to
 * whom. Never the truth: a read replaces it, a failure makes a part of it unknown.
 */
import {
  deviceOf,
  type EntryObject,
  isBucketed,
  type KernelObject,
  keyOf,
  ObjectMap,
  type PortObject,
  routerScope,
  vniOfObject,
  wireDevice,
} from '@weft/fabric';
import type { Suspect } from '../read/traces.ts';
import { portDevice } from './names.ts';

export class Inventory {
  readonly #objects = new ObjectMap(isBucketed);
  readonly #suspects = new Map<string, Suspect>();
  readonly #byVni = new Map<number, Set<string>>();
  readonly #routesVia = new Map<string, number>();
  readonly #addresses = new Map<string, string>();
  readonly #devices = new Map<string, string>();
  readonly #guests = new Map<string, string>();

  get objects(): ObjectMap {
    return this.#objects;
  }
  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#suspects;
  }
  get isEmpty(): boolean {
    return this.#objects.size + this.#suspects.size === 0;
  }
  get vnis(): Iterable<number> {
    return new Set([...this.#byVni.keys(), ...this.#objects.networksOfBuckets]);
  }
  has(key: string): boolean {
    return this.#objects.has(key);
  }
  get(key: string): KernelObject | undefined {
    return this.#objects.get(key);
  }
  suspect(key: string): Suspect | undefined {
    return this.#suspects.get(key);
  }
  /** Keys, whole or not, within one network. */
  *keysOf(vni: number): Iterable<string> {
    yield* this.#byVni.get(vni) ?? [];
    yield* this.#objects.bucketKeysOf(vni);
  }
  /** The network in which this key is known: that of a port follows from no key. */
  vniOf(key: string): number | undefined {
    const object = this.#objects.get(key);
    if (object !== undefined) return vniOfObject(object);
    return this.#suspects.get(key)?.vni;
  }
  *entriesOf(vni: number): Iterable<EntryObject> {
    for (const key of this.keysOf(vni)) {
      const object = this.#objects.get(key);
      if (object?.kind === 'entry') yield object;
    }
  }
  /** The whole port that holds an address, or a range, here. */
  portOfAddress(vni: number, address: string): string | undefined {
    return this.#addresses.get(`${vni}/${address}`);
  }
  portOfDevice(vni: number, device: string): string | undefined {
    return this.#devices.get(`${vni}/${device}`);
  }
  portOfNetns(netns: string): string | undefined {
    return this.#guests.get(netns);
  }
  /** How many objects, whole or not, need the one with this key. */
  usersOf(key: string): number {
    const [kind, vni] = key.split('/');
    if (kind === 'peer') return this.#routesVia.get(key) ?? 0;
    if (kind !== 'router') return 0;
    const members = this.#byVni.get(Number(vni));
    const buckets = this.#objects.bucketsOf(Number(vni));
    return buckets + (members === undefined ? 0 : members.size - (members.has(key) ? 1 : 0));
  }

  put(object: KernelObject): void {
    if (this.#objects.isBucket(object)) {
      this.#objects.put(object);
      return;
    }
    const key = keyOf(object);
    if (this.#objects.has(key) || this.#suspects.has(key)) this.drop(key);
    this.#objects.put(object);
    const vni = vniOfObject(object);
    if (vni !== undefined) this.#join(vni, key);
    if (object.kind === 'route') this.#count(`peer/${object.vni}/${object.hostIndex}`, 1);
    if (object.kind === 'port') this.#indexPort(object, key);
  }

  putSuspect(key: string, suspect: Suspect): void {
    this.drop(key);
    this.#suspects.set(key, suspect);
    if (suspect.vni !== undefined) this.#join(suspect.vni, key);
  }

  drop(key: string): void {
    const object = this.#objects.get(key);
    const vni = this.vniOf(key);
    this.#objects.delete(key);
    this.#suspects.delete(key);
    if (vni !== undefined) this.#leave(vni, key);
    if (object?.kind === 'route') this.#count(`peer/${object.vni}/${object.hostIndex}`, -1);
    if (object?.kind === 'port') this.#forgetPort(object, key);
  }

  /** With the wires to it in other networks, and what is on these. */
  dropNetwork(vni: number): void {
    for (const key of [...this.keysOf(vni)]) this.drop(key);
    for (const other of this.#byVni.keys()) {
      if (!this.#objects.has(`entry/${routerScope(other)}/wires/${vni}`)) continue;
      for (const entry of [...this.entriesOf(other)])
        if (deviceOf(entry) === wireDevice(vni) || (entry.section === 'wires' && entry.key === String(vni))) this.drop(keyOf(entry));
    }
  }

  #indexPort(port: PortObject, key: string): void {
    for (const address of destinationsOfPort(port)) this.#addresses.set(`${port.vni}/${address}`, key);
    this.#devices.set(`${port.vni}/${portDevice(port.nic)}`, key);
    if (port.netns !== '') this.#guests.set(port.netns, key);
  }

  #forgetPort(port: PortObject, key: string): void {
    const release = (index: Map<string, string>, at: string): void => {
      if (index.get(at) === key) index.delete(at);
    };
    for (const address of destinationsOfPort(port)) release(this.#addresses, `${port.vni}/${address}`);
    release(this.#devices, `${port.vni}/${portDevice(port.nic)}`);
    release(this.#guests, port.netns);
  }

  #join(vni: number, key: string): void {
    const members = this.#byVni.get(vni);
    if (members === undefined) this.#byVni.set(vni, new Set([key]));
    else members.add(key);
  }

  #leave(vni: number, key: string): void {
    const members = this.#byVni.get(vni);
    members?.delete(key);
    if (members?.size === 0) this.#byVni.delete(vni);
  }

  #count(peer: string, by: number): void {
    const count = (this.#routesVia.get(peer) ?? 0) + by;
    if (count === 0) this.#routesVia.delete(peer);
    else this.#routesVia.set(peer, count);
  }
}

function destinationsOfPort({ ips, prefixes = [] }: PortObject): readonly string[] {
  return [...ips, ...prefixes];
}
