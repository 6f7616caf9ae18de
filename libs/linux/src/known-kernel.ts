/**
 * What is known of the kernel of one host, from the last read and the writes since, so that a small change reads nothing and writes only what
 * differs. After a failure the network concerned is unknown, and is read again before the next change to it. A read runs beside writes: for what
 * is being written meanwhile the writes' results count, not the read's.
 */
import { readdir } from 'node:fs/promises';
import type { Timers } from '@weft/api';
import {
  type DriverChange,
  type DriverFault,
  type Feature,
  type HostIdentity,
  type KernelObject,
  type KernelState,
  keyOf,
  type NftSection,
  OVERLAY_MTU_MIN,
  overlayMtu,
  PUBLIC_VNI,
  type Section,
  sameKernelObject,
  sectionsOf,
  vniOfKey,
} from '@weft/fabric';
import { abreast } from './abreast.ts';
import { GuestAnswers } from './answers/guest-answers.ts';
import type { KernelAccess } from './kernel/kernel-access.ts';
import { probeKernel, type Shapes } from './kernel/probe.ts';
import { LIVE_TABLE } from './live/live-probe.ts';
import { type BaseTable, publicTable, routerTable } from './objects/base-tables.ts';
import { Inventory } from './objects/inventory.ts';
import { NETNS_DIRECTORY, parseLabel, portDevice, routerNamespace, vniOfNamespace } from './objects/names.ts';
import { dumpGuest, dumpRouter, type GuestDump } from './read/dump.ts';
import { readHost } from './read/host-reader.ts';
import { ABSENT_ROUTER, deadRouter, type Recognised, recogniseRouter, straysIn } from './read/recognise-router.ts';
import { RouteSorter } from './read/route-sorter.ts';
import { type PortTraces, tracesOfPort } from './read/traces.ts';
import { GuestNamespaces } from './write/guest-namespaces.ts';
import { UnderlayGuard } from './write/underlay-guard.ts';
import type { Uplink } from './write/uplink.ts';

export type HostPlace = Readonly<{
  /** Its underlay address is canonical. */
  identity: HostIdentity;
  hostNetns?: string;
  mtu?: number;
  uplink?: Uplink;
  /** Resolvers that guests are told of. */
  dns?: readonly string[];
  timers: Timers;
  features: readonly Feature[];
}>;

/** Objects that are whole, and why the others are not, by their keys. */
export type KernelRead = Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>;

const WHOLE_TABLE = { how: 'none', doomed: [] } as const;

/** What the trials showed, by host and features: the same for all drivers on this machine. */
const fit = new Map<string, Promise<Shapes>>();

export class KnownKernel {
  readonly inventory = new Inventory();
  readonly access: KernelAccess;
  readonly guard: UnderlayGuard;
  readonly guests: GuestNamespaces;
  readonly answers: GuestAnswers;
  readonly identity: HostIdentity;
  readonly timers: Timers;
  readonly sections: ReadonlyMap<string, Section>;
  readonly #table: BaseTable;
  /** Of the public side. */
  readonly #publicTable: BaseTable;
  readonly #frames: BaseTable;
  readonly #place: HostPlace;
  /** Networks whose state is not known since something failed there. */
  readonly #stale = new Set<number>();
  readonly #spared = new Set<readonly number[]>();
  #mtu = 0;
  #complete = false;
  #reading: Promise<unknown> = Promise.resolve();
  /** What is being written. */
  readonly #writing = new Set<DriverChange>();
  /** Keys that were being written, or were written, since the read under way began. */
  #touched: Set<string> | undefined;

  constructor(access: KernelAccess, place: HostPlace) {
    this.access = access;
    this.identity = place.identity;
    this.timers = place.timers;
    this.#place = place;
    this.guard = new UnderlayGuard(access, place.identity);
    this.guests = new GuestNamespaces(place.identity.index);
    this.answers = new GuestAnswers({ hostIndex: place.identity.index, dns: place.dns ?? [], timers: place.timers });
    this.sections = sectionsOf(place.features);
    this.#table = routerTable(place.features);
    this.#publicTable = publicTable(place.features, 'inet');
    this.#frames = publicTable(place.features, 'netdev');
  }

  /** MTU inside networks; 0 before the first read. */
  get mtu(): number {
    return this.#mtu;
  }

  /** What the router of a network has in `nft`, and what only the public side has. */
  tablesOf(vni: number): Readonly<{ table: BaseTable; frames?: BaseTable; uplink?: Uplink | undefined }> {
    return vni === PUBLIC_VNI ? { table: this.#publicTable, frames: this.#frames, uplink: this.#place.uplink } : { table: this.#table };
  }

  read(): Promise<KernelRead> {
    return this.#queueRead(() => this.#readAll());
  }

  /** Everything was read once, and nothing has ended unexpectedly since. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** Nothing is left but the guard. */
  get isBare(): boolean {
    return this.inventory.isEmpty && this.guard.isThere;
  }

  /** Reads what is not known of the host and these networks: everything the first time, then where something failed. */
  async refresh(vnis: Iterable<number>): Promise<void> {
    if (!this.#complete) await this.read();
    const stale = this.#stale.size === 0 ? [] : [...new Set(vnis)].filter((vni) => this.#stale.has(vni));
    if (stale.length === 0 && !this.guard.isStale) return;
    await this.#queueRead(async () => {
      const shapes = await this.#probed();
      if (this.guard.isStale) await this.#readHost(shapes);
      for (const vni of stale) {
        await this.access.forget(routerNamespace(this.identity.index, vni));
        await this.#readNetwork(vni, shapes);
        this.#stale.delete(vni);
      }
    });
  }

  /** A write ended unexpectedly: nothing is certain any more. */
  forget(): void {
    this.#complete = false;
  }

  /** From here to `endWriting` reads leave these keys as they are known, also a read that is under way at the end. */
  beginWriting(change: DriverChange): void {
    this.#writing.add(change);
    if (this.#touched !== undefined) touch(this.#touched, change);
  }

  endWriting(change: DriverChange): void {
    this.#writing.delete(change);
  }

  /** What is in this network has to be read again. */
  doubt(vni: number): void {
    this.#stale.add(vni);
  }

  /** After a refusal by the kernel it is not known how much was written. */
  failed({ key, what }: DriverFault): void {
    if (what !== 'kernel') return;
    if (key.startsWith('guard/')) this.guard.doubt();
    const vni = this.vniOfKey(key);
    if (vni !== undefined) this.#stale.add(vni);
  }

  get uplink(): Uplink | undefined {
    return this.#place.uplink;
  }

  /** The table of live probes is no stray in these networks until the returned function is called. */
  readonly sparing = (vnis: readonly number[]): (() => void) => {
    const spared = [...vnis];
    this.#spared.add(spared);
    return () => void this.#spared.delete(spared);
  };

  #setsOf(vni: number) {
    const isThere = ({ isPublic }: NftSection): boolean => (isPublic === true) === (vni === PUBLIC_VNI);
    return [...this.sections.values()].filter((section) => section.kind === 'nft' && isThere(section)) as readonly NftSection[];
  }

  /** Its network; undefined: none, or it follows neither from the key nor from what is known. */
  vniOfKey(key: string): number | undefined {
    return this.inventory.vniOf(key) ?? vniOfKey(key);
  }

  knows(key: string): boolean {
    return this.inventory.has(key) || this.inventory.suspect(key) !== undefined;
  }

  portTraces(key: string): PortTraces | undefined {
    const object = this.inventory.get(key);
    if (object?.kind === 'port') return tracesOfPort(object);
    const suspect = this.inventory.suspect(key);
    return suspect?.kind === 'port' ? suspect.traces : undefined;
  }

  settlePut(objects: readonly KernelObject[], faults: ReadonlyMap<string, string>): readonly DriverFault[] {
    const failed: DriverFault[] = [];
    for (const object of objects) {
      const key = keyOf(object);
      const detail = faults.get(key);
      if (detail === undefined) this.inventory.put(object);
      else failed.push({ key, what: 'kernel', detail });
    }
    return failed;
  }

  settleRemoved(keys: readonly string[], faults: ReadonlyMap<string, string>): readonly DriverFault[] {
    const failed: DriverFault[] = [];
    for (const key of keys) {
      const detail = faults.get(key);
      if (detail === undefined) this.inventory.drop(key);
      else failed.push({ key, what: 'kernel', detail });
    }
    return failed;
  }

  /** Resolves when no read is under way. */
  async idle(): Promise<void> {
    await this.#reading;
  }

  #queueRead<T>(read: () => Promise<T>): Promise<T> {
    const result = this.#reading.then(async () => {
      this.#touched = new Set();
      for (const change of this.#writing) touch(this.#touched, change);
      try {
        return await read();
      } finally {
        this.#touched = undefined;
      }
    });
    this.#reading = result.catch(() => {});
    return result;
  }

  async #readAll(): Promise<KernelRead> {
    const shapes = await this.#probed();
    await this.#readHost(shapes);
    const namespaces = await readdir(NETNS_DIRECTORY).catch(() => [] as string[]);
    const found = namespaces.flatMap((name) => vniOfNamespace(this.identity.index, name) ?? []);
    await abreast(found, (vni) => this.#readNetwork(vni, shapes));
    const there = new Set(found);
    for (const vni of [...this.inventory.vnis]) if (!there.has(vni)) await this.#vanished(vni);
    if (!this.#complete) await this.answers.sweep(there);
    this.#complete = true;
    return {
      objects: this.inventory.objects.copy(),
      partial: new Map([...this.inventory.suspects].map(([key, { reason }]) => [key, reason])),
    };
  }

  #probed(): Promise<Shapes> {
    // The host's namespace is entered by the trial, so what works there may not work in another.
    const place = `${this.#place.hostNetns ?? ''}|${this.identity.index}|${this.#place.features.map(({ name }) => name).join()}`;
    const probe = fit.get(place) ?? probeKernel(this.access, [this.#table, this.guard.table, this.#publicTable, this.#frames]);
    fit.set(place, probe);
    probe.catch(() => fit.delete(place)); // What was missing may be installed meanwhile.
    return probe;
  }

  async #readHost(shapes: Shapes): Promise<void> {
    const read = await readHost(this.access, this.identity, this.guard.table, shapes.guard);
    const { guards, underlayMtu } = read;
    const mtu = this.#place.mtu ?? (underlayMtu && overlayMtu(this.identity.underlay, underlayMtu));
    if (mtu === undefined) throw new Error(`underlay address ${this.identity.underlay} is on no device of this host`);
    if (mtu < OVERLAY_MTU_MIN)
      throw new Error(`an MTU of ${mtu} inside networks is too small for IPv6: the underlay must carry at least 1350 bytes`);
    this.#mtu = mtu;
    if ([...(this.#touched ?? [])].some((key) => key.startsWith('guard/'))) return;
    this.guard.learn(read);
    const found = new Set(guards.map(keyOf));
    for (const key of [...this.inventory.objects.keys(), ...this.inventory.suspects.keys()]) {
      if (key.startsWith('guard/') && !found.has(key)) this.inventory.drop(key);
    }
    const whole = read.guard === 'ok';
    for (const object of guards) {
      if (whole) this.inventory.put(object);
      else this.inventory.putSuspect(keyOf(object), { kind: 'guard', vni: undefined, reason: 'the rules of the underlay guard differ' });
    }
  }

  /** What looks like a stray is looked at again before anybody deletes it: it may be half of what is being made, or of a listing that began anew. */
  async #readNetwork(vni: number, shapes: Shapes): Promise<void> {
    const namespace = routerNamespace(this.identity.index, vni);
    const first = await this.#look(vni, shapes);
    const strays = first === undefined ? [] : straysIn(first);
    const recognised = strays.length === 0 ? first : await this.#look(vni, shapes, new Set(strays));
    if (recognised === undefined) {
      this.#merge(vni, { objects: new Map(), suspects: new Map([[`router/${vni}`, deadRouter(vni)]]) });
      return;
    }
    this.#unguarded(vni, recognised);
    if (recognised.suspects.size > 0) await this.access.forget(namespace);
    this.#merge(vni, recognised);
  }

  async #look(vni: number, shapes: Shapes, confirms?: ReadonlySet<string>): Promise<Recognised | undefined> {
    const isPublic = vni === PUBLIC_VNI;
    const routes = new RouteSorter(vni);
    const dump = await dumpRouter(this.access, routerNamespace(this.identity.index, vni), isPublic, (route, isHere) =>
      routes.take(route, isHere),
    );
    if (dump === undefined) return undefined;
    const names = dump.links.flatMap((link) => (link.ifname.startsWith('g') ? (parseLabel(link.ifalias)?.['netns'] ?? []) : []));
    const guests = new Map<string, GuestDump | undefined>();
    await abreast([...new Set(names)], async (netns) => {
      const guest = await dumpGuest(this.access, netns);
      guests.set(netns, guest);
      this.guests.learn(netns, guest);
    });
    const { identity, answers } = this;
    const context = {
      told: await answers.told(vni),
      textOf: answers.textOf.bind(answers),
      ...{ identity, vni, mtu: this.#mtu, sections: this.#setsOf(vni), ...(confirms && { confirms }) },
      spared: [...this.#spared].some((vnis) => vnis.includes(vni)) ? [LIVE_TABLE] : [],
      ...(isPublic ? { shape: shapes.public, frames: shapes.frames, uplink: this.#place.uplink } : { shape: shapes.router }),
    };
    return recogniseRouter(context, dump, routes, guests);
  }

  /** Somebody removed its namespace. Our own helpers would keep it, and its tunnel, alive. */
  async #vanished(vni: number): Promise<void> {
    await this.answers.stop(vni);
    await this.access.forget(routerNamespace(this.identity.index, vni));
    this.#merge(vni, { objects: new Map(), suspects: new Map() });
  }

  /** A router without the underlay guard is open to whoever reaches the host: it does not count as whole. */
  #unguarded(vni: number, { objects, suspects }: Recognised): void {
    const key = `router/${vni}`;
    if (this.guard.state === 'ok' || !objects.delete(key)) return;
    const traces = {
      ...ABSENT_ROUTER,
      namespace: 'alive',
      sysctlsWrong: false,
      tunnel: 'ok',
      table: WHOLE_TABLE,
      frames: WHOLE_TABLE,
    } as const;
    suspects.set(key, { kind: 'router', vni, reason: 'the underlay guard is missing or differs', traces });
  }

  /** Takes over what was read of a network, but for what applies wrote meanwhile. */
  #merge(vni: number, { objects, suspects }: Recognised): void {
    const touched = this.#touched ?? new Set();
    for (const key of [...this.inventory.keysOf(vni)]) {
      if (!touched.has(key) && !objects.has(key) && !suspects.has(key)) this.inventory.drop(key);
    }
    for (const [key, object] of objects) {
      if (!touched.has(key) && !(sameKernelObject(object, this.inventory.get(key)) && (object.kind === 'route' || object.kind === 'entry')))
        this.inventory.put(object);
    }
    const devices = new Set([...touched].flatMap((key) => (key.startsWith('port/') ? portDevice(key.slice('port/'.length)) : [])));
    for (const [key, suspect] of suspects) {
      // A device without a label yet is that of a port which is being made: it has another key only until then.
      const isKnown =
        suspect.kind === 'port' && key.includes('@') && (devices.has(suspect.traces.device) || this.#owns(vni, suspect.traces.device));
      if (!touched.has(key) && !isKnown) this.inventory.putSuspect(key, suspect);
    }
  }

  #owns(vni: number, device: string): boolean {
    return this.inventory.portOfDevice(vni, device) !== undefined;
  }
}

function touch(touched: Set<string>, { put, remove }: DriverChange): void {
  for (const objects of [put, remove]) for (const object of objects) touched.add(keyOf(object));
}
