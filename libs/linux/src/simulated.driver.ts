/**
 * A driver for a simulated kernel, held to the same contract as the Linux one: it refuses what that one refuses (missing references,
 * nonsense, somebody else's guest), keeps what a kernel keeps (no position of peers and routes), and breaks on demand. The kernel is an object of
 * its own, so that a driver can be closed and another one adopt what it left.
 */
import {
  asCarried,
  type Driver,
  type DriverChange,
  type DriverFault,
  type ElementCount,
  type EntryObject,
  FEATURES,
  type Feature,
  type HostIdentity,
  type KernelObject,
  type KernelState,
  keyOf,
  type Probe,
  type Section,
  sameKernelObject,
  sectionsOf,
  TABLE_SECTIONS,
} from '@weft/fabric';
import { append } from './append.ts';
import { GroupedInventory } from './objects/grouped-inventory.ts';
import { canonicalAddress, portDevice } from './objects/names.ts';
import { checked, missingReference, overlapFault, stillReferenced } from './objects/object-rules.ts';
import { ABSENT_ROUTER } from './read/recognise-router.ts';
import { type Suspect, tracesOfPort } from './read/traces.ts';
import { endedBy } from './write/entry-writer.ts';

/** What outlives the driver. */
export class SimulatedKernel {
  readonly inventory = new GroupedInventory();
  /** Addresses whose tracked flows were ended, one after the other. */
  readonly ended: string[] = [];
  readonly #refusals = new Map<string, string>();
  #writes = 0;
  #readFault: string | undefined;
  /** The device that has the underlay address; undefined: somebody has taken it away. */
  underlay: Readonly<{ device: string; mtu: number; up: boolean }> | undefined = { device: 'simulated', mtu: 1_500, up: true };

  /** Packets that elements have counted, by key: no packet comes by, so tests say it. */
  readonly counted = new Map<string, number>();

  /** Addresses of interfaces that answer no check. */
  readonly deaf = new Set<string>();

  /** Objects written or removed so far. */
  get writes(): number {
    return this.#writes;
  }
  get objects(): KernelState {
    return this.inventory.objects;
  }

  /** From now on every write to this object is refused, and leaves it half done; until the returned function is called. */
  refuse(key: string, detail = 'refused by the test'): () => void {
    this.#refusals.set(key, detail);
    return () => void this.#refusals.delete(key);
  }

  /** From now on it cannot be read; until the returned function is called. */
  failReads(detail: string): () => void {
    this.#readFault = detail;
    return () => {
      this.#readFault = undefined;
    };
  }

  get readFault(): string | undefined {
    return this.#readFault;
  }

  /** Somebody removes an object by hand. */
  lose(key: string): void {
    this.inventory.drop(key);
  }

  /** Somebody damages an object by hand: from now on it is only partly there. */
  damage(key: string, reason = 'damaged by the test'): void {
    const object = this.inventory.get(key);
    if (object !== undefined) this.inventory.putSuspect(key, partOf(object, reason));
  }

  put(object: KernelObject): string | undefined {
    const key = keyOf(object);
    this.#writes++;
    const refusal = this.#refusals.get(key);
    if (refusal === undefined) this.inventory.put(asCarried(object));
    else if (object.kind === 'route' || object.kind === 'entry') this.inventory.drop(key);
    else this.inventory.putSuspect(key, partOf(object, refusal));
    return refusal;
  }

  remove(key: string): string | undefined {
    this.#writes++;
    const refusal = this.#refusals.get(key);
    if (refusal === undefined) this.inventory.drop(key);
    return refusal;
  }

  refusalOf(key: string): string | undefined {
    return this.#refusals.get(key);
  }
}

function partOf(object: KernelObject, reason: string): Suspect {
  switch (object.kind) {
    case 'router':
      return { kind: 'router', vni: object.vni, reason, traces: { ...ABSENT_ROUTER, namespace: 'alive' } };
    case 'port':
      return { kind: 'port', vni: object.vni, reason, traces: tracesOfPort(object) };
    case 'peer':
      return { kind: 'peer', vni: object.vni, reason, ip: [], bridge: [] };
    case 'route':
      return { kind: 'route', vni: object.vni, reason };
    case 'entry':
      throw new Error('an entry is there or not');
    case 'guard':
      return { kind: 'guard', vni: undefined, reason };
  }
}

export type SimulatedDriverOptions = Readonly<{
  identity: HostIdentity;
  /** Absent: an empty one of its own. */
  kernel?: SimulatedKernel;
  features?: readonly Feature[];
}>;

export function createSimulatedDriver(options: SimulatedDriverOptions): Driver & Readonly<{ kernel: SimulatedKernel }> {
  return new SimulatedDriver(options);
}

/** Keys begin so, those that others refer to first. */
const ORDER: readonly RegExp[] = [
  ...[/^guard\//, /^router\//, /^peer\//, /^route\//],
  ...TABLE_SECTIONS.map(({ name }) => new RegExp(`^entry/[^/]*/${name}/`)),
  /^port\//,
];

class SimulatedDriver implements Driver {
  readonly name = 'simulated';
  readonly kernel: SimulatedKernel;
  readonly #identity: HostIdentity;
  readonly #sections: ReadonlyMap<string, Section>;
  #closed = false;

  constructor({ identity, kernel, features = FEATURES }: SimulatedDriverOptions) {
    const underlay = canonicalAddress(identity.underlay);
    if (underlay === undefined) throw new Error(`underlay address ${identity.underlay} is no address`);
    this.#identity = { ...identity, underlay };
    this.kernel = kernel ?? new SimulatedKernel();
    this.#sections = sectionsOf(features);
  }

  async read(): Promise<Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>> {
    this.#check();
    if (this.kernel.readFault !== undefined) throw new Error(this.kernel.readFault);
    const { objects, suspects } = this.kernel.inventory;
    return { objects: objects.copy(), partial: new Map([...suspects].map(([key, { reason }]) => [key, reason])) };
  }

  async apply({ put, remove }: DriverChange): Promise<Readonly<{ failed: readonly DriverFault[] }>> {
    this.#check();
    const { inventory } = this.kernel;
    const failed: DriverFault[] = [];
    const wanted: KernelObject[] = [];
    for (const object of put) {
      const result = checked(object, this.#identity, this.#sections);
      if ('what' in result) failed.push(result);
      else if (!sameKernelObject(result, inventory.get(keyOf(result)))) wanted.push(result);
    }
    const keysPut = new Set(put.map(keyOf));
    const known = (key: string): boolean => inventory.has(key) || inventory.suspect(key) !== undefined;
    const unwanted = new Set(remove.map(keyOf).filter((key) => !keysPut.has(key) && known(key)));
    const erase = (key: string): void => {
      unwanted.delete(key);
      if (!known(key)) return;
      const detail = this.kernel.remove(key);
      if (detail !== undefined) failed.push({ key, what: 'kernel', detail });
    };

    for (const object of wanted) for (const key of this.#inTheWay(object, unwanted)) erase(key);
    for (const router of wanted) if (router.kind === 'router') this.#put(router, failed);
    append(failed, this.#transact(wanted, unwanted));
    for (const place of ORDER) {
      for (const object of wanted) if (place.test(keyOf(object)) && object.kind !== 'router') this.#put(object, failed);
    }
    for (const place of [...ORDER].reverse()) {
      for (const key of [...unwanted]) {
        if (!place.test(key)) continue;
        const users = stillReferenced(key, inventory);
        if (users === undefined) erase(key);
        else failed.push(users);
      }
    }
    return { failed };
  }

  #put(object: KernelObject, failed: DriverFault[]): void {
    const missing = missingReference(object, this.kernel.inventory);
    const detail = missing === undefined ? this.kernel.put(object) : undefined;
    if (missing !== undefined) failed.push(missing);
    if (detail !== undefined) failed.push({ key: keyOf(object), what: 'kernel', detail });
  }

  /** Elements of sets and maps: those of one router all or not at all. */
  #transact(wanted: readonly KernelObject[], unwanted: Set<string>): readonly DriverFault[] {
    const { inventory } = this.kernel;
    const failed: DriverFault[] = [];
    const isElement = (object: KernelObject | undefined): object is EntryObject =>
      object?.kind === 'entry' && this.#sections.get(object.section)?.kind === 'nft';
    const scopes = new Map<string, { put: EntryObject[]; remove: EntryObject[] }>();
    const scopeOf = ({ scope }: EntryObject) => {
      const found = scopes.get(scope) ?? { put: [], remove: [] };
      scopes.set(scope, found);
      return found;
    };
    for (const object of wanted) {
      if (!isElement(object)) continue;
      const missing = missingReference(object, inventory);
      if (missing === undefined) scopeOf(object).put.push(object);
      else failed.push(missing);
    }
    for (const key of [...unwanted]) {
      const object = inventory.get(key);
      if (!isElement(object)) continue;
      scopeOf(object).remove.push(object);
      unwanted.delete(key);
    }
    for (const { put, remove } of scopes.values()) {
      const before = [...put, ...remove].map((object) => inventory.get(keyOf(object)));
      for (const object of remove) inventory.drop(keyOf(object));
      let detail: string | undefined;
      for (const object of put) {
        detail ??= overlapFault(object, this.#sections, inventory.near(object))?.detail ?? this.kernel.refusalOf(keyOf(object));
        if (detail === undefined) this.kernel.put(object);
      }
      for (const object of remove) detail ??= this.kernel.remove(keyOf(object));
      if (detail === undefined) {
        const gone = before.filter((object) => object?.kind === 'entry');
        this.kernel.ended.push(...endedBy(gone, this.#sections));
        continue;
      }
      const all = [...put, ...remove];
      all.forEach((object, at) => {
        const was = before[at];
        inventory.drop(keyOf(object));
        if (was !== undefined) inventory.put(was);
      });
      for (const object of all) failed.push({ key: keyOf(object), what: 'kernel', detail });
    }
    return failed;
  }

  /** A port that moves to another network, and the unwanted tenant of a guest or device name that is wanted. */
  #inTheWay(object: KernelObject, unwanted: ReadonlySet<string>): readonly string[] {
    if (object.kind !== 'port') return [];
    const { inventory } = this.kernel;
    const key = keyOf(object);
    const vni = inventory.vniOf(key);
    const tenants = [inventory.portOfNetns(object.netns), inventory.portOfDevice(object.vni, portDevice(object.nic))];
    const unwantedTenants = tenants.filter((each) => each !== undefined).filter((each) => each !== key && unwanted.has(each));
    return vni !== undefined && vni !== object.vni ? [key, ...unwantedTenants] : unwantedTenants;
  }

  async counts(vnis: Iterable<number>): Promise<ReadonlyMap<string, ElementCount>> {
    const counts = new Map<string, ElementCount>();
    for (const vni of vnis) {
      for (const entry of this.kernel.inventory.entriesOf(vni)) {
        const section = this.#sections.get(entry.section);
        if (section?.kind !== 'nft' || section.counts !== true) continue;
        counts.set(keyOf(entry), { value: entry.value, packets: this.kernel.counted.get(keyOf(entry)) ?? 0 });
      }
    }
    return counts;
  }

  async probe({ ip }: Probe): Promise<boolean> {
    return !this.kernel.deaf.has(ip);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(): void {
    if (this.#closed) throw new Error('the driver is closed');
  }
}
