/** The kernels of a lab's hosts, programmed from rows as agents program them, and what became of packets in them. */
import type { JsonObject } from '@weft/api';
import {
  Compiler,
  type Driver,
  type KernelObject,
  keyOf,
  PUBLIC_VNI,
  type RowTables,
  sameKernelObject,
  tablesFollowedBy,
  UPLINK_DEVICE,
} from '@weft/fabric';
import { createLinuxDriver, foundIn, frameOf, type Sent } from '@weft/linux';
import { Internet } from '../netlab/internet.ts';
import { type LabHost, Netlab } from '../netlab/netlab.ts';
import { must, run } from '../netlab/run.ts';
import { until } from '../waiting.ts';
import { RawSocket } from './raw-sockets.ts';
import type { Guest } from './topology.ts';

/** Frames between two looks at what has come: less than any queue of the kernel holds. */
const BURST = 20;
/** What has not arrived after so many looks is sent again. */
const AGAIN_LOOKS = 100;

/** What kernels have done with a packet. */
export type Fate = {
  /** Where it arrived, and with which addresses: `<uid> <src> <dst>`, `internet <src> <dst>`. */
  readonly guests: Set<string>;
  /** Routers that it has come to: `<host> <vni>`. */
  readonly routers: Set<string>;
  /** Where an echo reply to it arrived, and with which addresses: `<uid> <src> <dst>`. */
  readonly echoes: Set<string>;
};

export class Kernels {
  readonly lab: Netlab;
  readonly internet: Internet;
  /** How often each packet of the last `send` was sent. */
  readonly sends = new Map<number, number>();
  readonly #drivers = new Map<LabHost, Driver>();

  private constructor(lab: Netlab, internet: Internet) {
    this.lab = lab;
    this.internet = internet;
    for (const host of lab.hosts) {
      const identity = { host: host.name, index: host.index, underlay: host.underlay };
      const isEdge = internet.edges.includes(host);
      this.#drivers.set(host, createLinuxDriver({ identity, hostNetns: host.netns, ...(isEdge && { uplink: internet.uplinkOf(host) }) }));
    }
  }

  /** The first host has an uplink. */
  static async start(hosts: number): Promise<Kernels> {
    const lab = await Netlab.create({ hosts });
    return new Kernels(lab, await Internet.create(lab, lab.hosts.slice(0, 1)));
  }

  /** Brings all kernels to what these rows say, of which each host has those that it follows. Rejects when one of them refuses something. */
  async program(tables: RowTables): Promise<void> {
    const all = new Map([...tables].map(([table, rows]) => [table, { rows }]));
    const changes = await Promise.all(
      [...this.#drivers].map(async ([{ name, index, underlay }, driver]) => {
        const compiler = new Compiler({ host: name, index, underlay });
        for (const { table } of tablesFollowedBy(name, all)) {
          const rows = tables.get(table) ?? new Map<string, JsonObject>();
          compiler.applyRows(
            table,
            [...rows].map(([key, row]) => ({ key, row })),
          );
        }
        compiler.raise([...compiler.down.keys()]);
        const { objects } = await driver.read();
        const put: KernelObject[] = [...compiler.state.values()].filter((object) => !sameKernelObject(object, objects.get(keyOf(object))));
        const remove = [...objects.values()].filter((object) => compiler.state.get(keyOf(object)) === undefined);
        return { name, driver, put, remove };
      }),
    );
    for (const { name, driver, put, remove } of changes) {
      const { failed } = await driver.apply({ put, remove });
      if (failed.length > 0) throw new Error(`${name} cannot apply: ${JSON.stringify(failed)}`);
    }
  }

  /** The same with namespaces that are made anew: nothing is left of what was there. */
  async programAnew(tables: RowTables): Promise<void> {
    await this.program(new Map());
    await this.program(tables);
    // The uplink of an edge has another MAC now, and nobody tells the internet.
    await must(this.internet.netns, ['ip', 'neigh', 'flush', 'dev', 'br0']);
  }

  /** Sends packets from their guests, and waits until none is missing any more. Gives the fates as they are then, by number. */
  async send(
    packets: readonly (Sent & Readonly<{ from: Guest | undefined }>)[],
    guests: readonly Guest[],
    isMissing: (fates: ReadonlyMap<number, Fate>, id: number) => boolean,
    limitMs: number,
  ): Promise<ReadonlyMap<number, Fate>> {
    const fates = new Map<number, Fate>(packets.map(({ id }) => [id, { guests: new Set(), routers: new Set(), echoes: new Set() }]));
    const ofGuests = new Map(guests.map((guest) => [guest.nic, new RawSocket(guest.netns ?? '')]));
    const internet = new RawSocket(this.internet.netns);
    const uplink = await this.#uplinkMac();
    this.sends.clear();
    const send = (packet: Sent & Readonly<{ from: Guest | undefined }>): void => {
      this.sends.set(packet.id, (this.sends.get(packet.id) ?? 0) + 1);
      if (packet.from !== undefined) ofGuests.get(packet.from.nic)?.send('eth0', frameOf(packet));
      else if (uplink !== undefined) internet.send('br0', frameOf({ ...packet, to: uplink }));
    };
    const ofRouters = new Map(this.#routersOf(guests).map(({ name, netns }) => [name, new RawSocket(netns)]));
    const look = (): void => {
      for (const [uid, socket] of ofGuests)
        this.#note(socket, fates, (fate, text, isEchoed) => void (isEchoed ? fate.echoes : fate.guests).add(`${uid} ${text}`));
      this.#note(internet, fates, (fate, text, isEchoed) => void (isEchoed ? fate.echoes : fate.guests).add(`internet ${text}`));
      for (const [name, socket] of ofRouters) this.#note(socket, fates, (fate, _, isEchoed) => void (!isEchoed && fate.routers.add(name)));
    };
    try {
      await linked(ofGuests, guests);
      for (const [i, packet] of packets.entries()) {
        send(packet);
        if (i % BURST === BURST - 1) look();
      }
      let looks = 0;
      const seen = (): boolean => {
        look();
        // A busy machine may lose a frame. What rules drop stays away, however often it comes.
        if (++looks % AGAIN_LOOKS === 0) for (const packet of packets) if (isMissing(fates, packet.id)) send(packet);
        return !packets.some(({ id }) => isMissing(fates, id));
      };
      // What has not arrived by then is told by the caller.
      await until('all packets that should arrive', seen, limitMs, 5).catch(() => {});
      return fates;
    } finally {
      for (const socket of [...ofGuests.values(), ...ofRouters.values(), internet]) socket.close();
    }
  }

  /** What elements count in these networks, by `<host> <key>`. */
  async counts(vnis: readonly number[]): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const [{ name }, driver] of this.#drivers)
      for (const [key, { packets }] of await driver.counts(vnis)) counts.set(`${name} ${key}`, packets);
    return counts;
  }

  /** Undefined while there is no public side at the edge. */
  async #uplinkMac(): Promise<string | undefined> {
    const [edge] = this.internet.edges;
    const { stdout } = await run(`weft-${edge?.index}-r${PUBLIC_VNI}`, ['ip', '-o', 'link', 'show', UPLINK_DEVICE]);
    return /link\/ether (\S+)/.exec(stdout)?.[1];
  }

  /** Flows that run keep what was decided for them: none runs any more. */
  async forgetFlows(): Promise<void> {
    for (const router of this.lab.routers()) await run(router, ['conntrack', '-F']);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#drivers.values()].map((driver) => driver.close()));
    await this.lab.close();
  }

  #routersOf(guests: readonly Guest[]): readonly Readonly<{ name: string; netns: string }>[] {
    const names = new Set(guests.map(({ host, vni }) => `${host} ${vni}`));
    return [...names].map((name) => {
      const [host, vni] = name.split(' ');
      return { name, netns: `weft-${this.lab.hosts.find((each) => each.name === host)?.index}-r${vni}` };
    });
  }

  #note(socket: RawSocket, fates: ReadonlyMap<number, Fate>, note: (fate: Fate, text: string, isEchoed: boolean) => void): void {
    for (const { frame, isOutgoing } of socket.take()) {
      const found = isOutgoing ? undefined : foundIn(frame);
      const fate = found && fates.get(found.id);
      if (found !== undefined && fate !== undefined) note(fate, `${found.src} ${found.dst}`, found.isEchoed);
    }
  }
}

const LINKED_MS_MAX = 20_000;
const FIRST_LINK_ID = 9_000_000_000;

/** A new link takes its time before it carries anything: each guest asks its gateway until that answers. */
async function linked(sockets: ReadonlyMap<string, RawSocket>, guests: readonly Guest[]): Promise<void> {
  const waiting = new Map(guests.map((guest, i) => [FIRST_LINK_ID + i, guest]));
  const ask = (): boolean => {
    for (const [id, { nic, mac, ips }] of waiting) {
      const src = ips[0] ?? '';
      const dst = src.includes(':') ? 'fe80::1' : '169.254.0.1';
      sockets.get(nic)?.send('eth0', frameOf({ id, header: { protocol: 'ICMP', src, dst }, mac, hopLimit: 64 }));
      for (const { frame } of sockets.get(nic)?.take() ?? []) {
        const found = foundIn(frame);
        if (found?.isEchoed === true) waiting.delete(found.id);
      }
    }
    return waiting.size === 0;
  };
  await until(() => `no gateway answers ${[...waiting.values()].map(({ name }) => name).join(', ')}`, ask, LINKED_MS_MAX, 20);
}
