/**
 * The Linux driver: router namespaces, tunnels, routes and guests' veth pairs of one host, where a host is a network namespace.
 *
 *   apply(change) -> put guards -> remove ports that are in the way -> each network: put, then remove -> remove guards
 *
 * Calls that share nothing are carried out beside each other, once it is known what there is.
 */
import { type Clock, systemClock, type Timer } from '@weft/api';
import type {
  Driver,
  DriverChange,
  DriverFault,
  ElementCount,
  GuardObject,
  HostIdentity,
  KernelObject,
  NftSection,
  OpenProbe,
  Probe,
  Prober,
  ProbeWatch,
} from '@weft/fabric';
import { FEATURES, type Feature, keyOf, routerScope, sameKernelObject, sharesOf, vniOfObject } from '@weft/fabric';
import { abreast } from './abreast.ts';
import { append } from './append.ts';
import { createKernelAccess } from './kernel/create-kernel-access.ts';
import type { AccessLimits, KernelAccess } from './kernel/kernel-access.ts';
import { TableWatch } from './kernel/table-watch.ts';
import { type KernelRead, KnownKernel } from './known-kernel.ts';
import { openLiveProbe } from './live/live-probe.ts';
import { canonicalAddress, portDevice, routerNamespace, VXLAN_DEVICE } from './objects/names.ts';
import { checked } from './objects/object-rules.ts';
import { createProber } from './probes/prober.ts';
import { elementCounts } from './read/element-counts.ts';
import type { PortTraces } from './read/traces.ts';
import { Turns } from './turns.ts';
import { type NetworkChange, NetworkWriter } from './write/network-writer.ts';
import type { Uplink } from './write/uplink.ts';

export type LinuxDriverOptions = Readonly<{
  identity: HostIdentity;
  /** Named namespace that stands for the host (WEFT_HOST_NETNS); absent: this process's own. */
  hostNetns?: string;
  /** MTU inside networks; absent: what the device of the underlay address leaves, at most 1500. */
  mtu?: number;
  /** Of an edge; absent: it has none, or somebody else gives the public side one. */
  uplink?: Uplink;
  /** Canonical addresses of resolvers that guests are told of over DHCP. */
  dns?: readonly string[];
  limits?: AccessLimits;
  /** The way to the kernel, closed with the driver; absent: one to `hostNetns`. */
  access?: KernelAccess;
  clock?: Clock;
  features?: readonly Feature[];
}>;

/** How long guests may be without answers when what gives them has died. */
const ANSWERS_LOOK_MS = 2_000;

/** The first `read` or `apply` probes the kernel; it throws a KernelUnfitError when this machine cannot do it. */
export function createLinuxDriver(options: LinuxDriverOptions): Driver {
  return new LinuxDriver(options);
}

class LinuxDriver implements Driver {
  readonly name = 'linux';
  readonly #access: KernelAccess;
  readonly #known: KnownKernel;
  readonly #guardWatch: TableWatch;
  readonly #prober: Prober;
  readonly #turns = new Turns();
  readonly #answersLook: Timer;
  #plainGone: Promise<unknown> = Promise.resolve();
  #guardIsLookedAt = false;

  constructor({ identity, hostNetns, mtu, uplink, dns, limits, access, clock = systemClock, features = FEATURES }: LinuxDriverOptions) {
    const underlay = canonicalAddress(identity.underlay);
    if (underlay === undefined) throw new Error(`underlay address ${identity.underlay} is no address`);
    const host = hostNetns === undefined ? {} : { hostNetns };
    this.#access = access ?? createKernelAccess({ ...host, clock, ...(limits === undefined ? {} : { limits }) });
    this.#prober = createProber(identity.index);
    this.#known = new KnownKernel(this.#access, {
      identity: { ...identity, underlay },
      timers: clock,
      features,
      ...host,
      ...(mtu === undefined ? {} : { mtu }),
      ...(uplink && { uplink }),
      ...(dns && { dns }),
    });
    this.#answersLook = clock.every(ANSWERS_LOOK_MS, () => this.#lookAtAnswers(), { background: true });
    this.#guardWatch = new TableWatch({
      ...host,
      table: this.#known.guard.table.name,
      timers: clock,
      onChange: () => this.#guardChanged(),
    });
  }

  read(): Promise<KernelRead> {
    return this.#known.read();
  }

  probe(probe: Probe): Promise<boolean | undefined> {
    return this.#prober.probe(probe);
  }

  openProbe(watch: ProbeWatch): Promise<OpenProbe> {
    const { inventory, identity, sparing } = this.#known;
    return openLiveProbe(
      {
        access: this.#access,
        hostIndex: identity.index,
        portOf: (nic) => {
          const port = inventory.get(`port/${nic}`);
          return port?.kind === 'port' ? port : undefined;
        },
        uplink: this.#known.uplink?.device,
        hasRouter: (vni) => inventory.has(`router/${vni}`),
        spare: (vnis) => sparing(vnis),
      },
      watch,
    );
  }

  async counts(vnis: Iterable<number>): Promise<ReadonlyMap<string, ElementCount>> {
    const sections = [...this.#known.sections.values()].filter((section) => section.kind === 'nft' && section.counts === true);
    const counts = new Map<string, ElementCount>();
    await abreast([...vnis], async (vni) => {
      const found = await elementCounts(this.#access, this.#known.identity.index, vni, sections as readonly NftSection[]);
      for (const [key, count] of found) counts.set(key, count);
    });
    return counts;
  }

  async apply(change: DriverChange): Promise<Readonly<{ failed: readonly DriverFault[] }>> {
    const failed = await this.#turns.take(this.#sharesOf(change), () => this.#applyInTurn(change));
    // Without a router there is no tunnel to guard.
    if (this.#known.isBare) await this.#turns.take(undefined, async () => void (this.#known.isBare && (await this.#known.guard.drop())));
    return { failed };
  }

  async #applyInTurn(change: DriverChange): Promise<readonly DriverFault[]> {
    try {
      await this.#known.refresh(this.#vnisOf(change));
      this.#known.beginWriting(change);
      return await this.#apply(change);
    } catch (error) {
      this.#known.forget(); // It is not known how much was written.
      throw error;
    } finally {
      this.#known.endWriting(change);
    }
  }

  /** Undefined while it is not known what there is. */
  #sharesOf({ put, remove }: DriverChange): ReadonlySet<string> | undefined {
    if (!this.#known.isComplete) return undefined;
    const shares = new Set<string>();
    for (const objects of [put, remove]) {
      for (const object of objects) {
        for (const share of sharesOf(object)) shares.add(share);
        if (object.kind !== 'port') continue;
        const traces = this.#known.portTraces(keyOf(object));
        if (traces !== undefined) shares.add(routerScope(traces.vni));
        if (traces?.netns !== undefined) shares.add(`guest/${traces.netns}`);
      }
    }
    return shares;
  }

  *#vnisOf({ put, remove }: DriverChange): Iterable<number> {
    for (const objects of [put, remove]) {
      for (const object of objects) {
        const vni = this.#known.vniOfKey(keyOf(object)) ?? vniOfObject(object);
        if (vni !== undefined) yield vni;
      }
    }
  }

  /** Waits for what is under way, then ends the helpers. The kernel keeps what it holds. */
  async close(): Promise<void> {
    this.#guardWatch.close();
    this.#answersLook.cancel();
    await Promise.all([this.#turns.idle(), this.#known.idle()]);
    await Promise.all([this.#access.close(), this.#prober.close()]);
  }

  /** Without it whoever reaches this host is inside every network, so nobody waits for the next read. */
  #guardChanged(): void {
    if (this.#guardIsLookedAt) return;
    this.#guardIsLookedAt = true;
    const repair = this.#turns.take(['host'], async () => {
      this.#guardIsLookedAt = false;
      const { inventory, guard } = this.#known;
      if (guard.state !== 'ok') return; // Not made yet, dropped, or known to be broken.
      const guards = [...inventory.objects.values()].filter((object) => object.kind === 'guard');
      guard.doubt();
      await this.#known.refresh([]);
      const missing = guards.filter((each) => !inventory.has(keyOf(each)));
      if (missing.length > 0) await this.#putGuards(missing);
      else await guard.ensure();
    });
    repair.catch(() => {});
  }

  /** Starts again what answered guests and has died. What keeps it from starting is found by the next read, as a part that is missing. */
  #lookAtAnswers(): void {
    const { answers } = this.#known;
    for (const vni of answers.vnis) this.#turns.take([routerScope(vni)], () => answers.revive(vni)).catch(() => {});
  }

  async #apply({ put, remove }: DriverChange): Promise<readonly DriverFault[]> {
    const { guard } = this.#known;
    const faults: DriverFault[] = [];
    const wanted = this.#differing(put, faults);
    const putKeys = new Set(remove.length === 0 ? [] : put.map(keyOf));
    const unwanted = new Set(remove.map(keyOf).filter((key) => !putKeys.has(key) && this.#known.knows(key)));

    const leaving = this.#guestsOf(remove);

    append(faults, await this.#putGuards(wanted.filter((object) => object.kind === 'guard')));
    if (guard.state === 'ok') this.#guardWatch.start();
    for (const [vni, ports] of groupBy(this.#inTheWay(wanted, unwanted), ([, traces]) => traces.vni)) {
      append(faults, await new NetworkWriter(vni, this.#known).erasePorts(new Map(ports)));
    }
    await this.#erasePlainTunnels(wanted);
    const networks = [...this.#byNetwork(wanted, unwanted)].map(([vni, change]) => ({
      writer: new NetworkWriter(vni, this.#known),
      change,
    }));
    await abreast(networks, async (network) => {
      network.change = await network.writer.begin(network.change, faults);
    });
    await abreast(networks, ({ writer, change }) => writer.finish(change, faults));
    append(faults, await this.#removeGuards([...unwanted].filter((key) => key.startsWith('guard/'))));
    await this.#eraseGuests(leaving, put);
    for (const fault of faults) this.#known.failed(fault);
    return faults;
  }

  /** By the keys of these ports, as far as they are known. */
  #guestsOf(objects: readonly KernelObject[]): ReadonlyMap<string, string> {
    const guests = new Map<string, string>();
    for (const object of objects) {
      if (object.kind !== 'port') continue;
      const netns = this.#known.portTraces(keyOf(object))?.netns ?? object.netns;
      if (netns !== '') guests.set(keyOf(object), netns);
    }
    return guests;
  }

  /** But for those whose port is there still, and those that another one has, or is to have. */
  async #eraseGuests(guests: ReadonlyMap<string, string>, put: readonly KernelObject[]): Promise<void> {
    const { inventory, guests: made } = this.#known;
    const wanted = new Set(put.flatMap((object) => (object.kind === 'port' ? [object.netns] : [])));
    const left = [...guests].filter(([key, netns]) => !this.#known.knows(key) && !wanted.has(netns));
    await made.erase(
      this.#access,
      [...new Set(left.map(([, netns]) => netns))].filter((netns) => inventory.portOfNetns(netns) === undefined),
    );
  }

  /** Those that can be programmed and differ from what is there. */
  #differing(put: readonly KernelObject[], faults: DriverFault[]): readonly KernelObject[] {
    const wanted = new Map<string, KernelObject>();
    for (const object of put) {
      const result = checked(object, this.#known.identity, this.#known.sections);
      if ('what' in result) {
        faults.push(result);
        continue;
      }
      const key = keyOf(result);
      if (!sameKernelObject(result, this.#known.inventory.get(key))) wanted.set(key, result);
    }
    return [...wanted.values()];
  }

  #byNetwork(wanted: readonly KernelObject[], unwanted: Iterable<string>): ReadonlyMap<number, NetworkChange> {
    const networks = new Map<number, { put: KernelObject[]; remove: string[] }>();
    const network = (vni: number) => {
      const found = networks.get(vni) ?? { put: [], remove: [] };
      networks.set(vni, found);
      return found;
    };
    for (const object of wanted) {
      const vni = vniOfObject(object);
      if (vni !== undefined) network(vni).put.push(object);
    }
    for (const key of unwanted) {
      const vni = this.#known.inventory.vniOf(key);
      if (vni !== undefined) network(vni).remove.push(key);
    }
    return networks;
  }

  /** Ports that must go before others come: those that move to another network, and those that leave a guest or a name to another NIC. */
  #inTheWay(put: readonly KernelObject[], unwanted: ReadonlySet<string>): readonly (readonly [string, PortTraces])[] {
    const early = new Map<string, PortTraces>();
    for (const object of put) {
      if (object.kind !== 'port') continue;
      const key = keyOf(object);
      const traces = this.#known.portTraces(key);
      if (traces !== undefined && traces.vni !== object.vni) early.set(key, traces);
      for (const tenant of [
        this.#known.inventory.portOfNetns(object.netns),
        this.#known.inventory.portOfDevice(object.vni, portDevice(object.nic)),
      ]) {
        if (tenant !== undefined && tenant !== key && unwanted.has(tenant)) early.set(tenant, this.#known.portTraces(tenant)!);
      }
    }
    return [...early];
  }

  /** A host with tunnels of a former version: the first one that is made anew takes all of them down. */
  async #erasePlainTunnels(wanted: readonly KernelObject[]): Promise<void> {
    if (wanted.some(({ kind }) => kind === 'router')) this.#plainGone = this.#plainGone.catch(() => {}).then(() => this.#eraseAllPlain());
    await this.#plainGone;
  }

  async #eraseAllPlain(): Promise<void> {
    const { identity, inventory } = this.#known;
    for (const [key, suspect] of [...inventory.suspects]) {
      if (suspect.kind !== 'router' || suspect.traces.tunnel !== 'plain' || suspect.vni === undefined) continue;
      await this.#access.ip(routerNamespace(identity.index, suspect.vni), [`link del ${VXLAN_DEVICE}`]);
      inventory.putSuspect(key, { ...suspect, traces: { ...suspect.traces, tunnel: 'absent' } });
    }
  }

  async #putGuards(guards: readonly GuardObject[]): Promise<readonly DriverFault[]> {
    if (guards.length === 0) return [];
    const faults = await this.#known.guard.put(guards);
    if (faults.length === 0) for (const guard of guards) this.#known.inventory.put(guard);
    return faults;
  }

  async #removeGuards(keys: readonly string[]): Promise<readonly DriverFault[]> {
    if (keys.length === 0) return [];
    const detail = await this.#known.guard.remove(keys.map((key) => key.slice('guard/'.length)));
    return this.#known.settleRemoved(keys, new Map(detail === undefined ? [] : keys.map((key) => [key, detail])));
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
