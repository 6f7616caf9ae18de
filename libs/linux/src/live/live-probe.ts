/**
 * One marked packet in the kernels of this host: a child process (live-program.mjs) sends it and sees where it comes by, and a table of its own keeps it back
 * before a guest, and before the internet. That table matches this packet alone and is taken away at the end; of an agent that was killed meanwhile the next one takes it away, as it does with
 * whatever does not belong into a router. What comes from outside is sent by a macvlan beside the uplink, over the same device of the host: the kernel hands it to
 * the uplink as it would hand what comes from the wire. That macvlan is in a namespace that only the child has, and ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import {
  type OpenProbe,
  type PortObject,
  type ProbeHop,
  type ProbeSeen,
  type ProbeWatch,
  PUBLIC_VNI,
  type SentProbe,
  UPLINK_DEVICE,
} from '@weft/fabric';
import { abreast } from '../abreast.ts';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { GUEST_DEVICE, NETNS_DIRECTORY, routerNamespace } from '../objects/names.ts';
import type { NftJson } from '../read/dump.ts';
import { setElements } from '../read/table-shape.ts';
import { foundIn, frameOf, IS_ECHOED, MARK_TEXT, matchOf } from './frames.ts';

const PROGRAM = join(import.meta.dirname, 'live-program.mjs');
export const LIVE_TABLE = 'inet weft_live';
const OUTSIDE_DEVICE = 'outside';
/** Of nobody: locally administered. */
const OUTSIDE_MAC = '02:77:65:66:74:01';

export type LiveContext = Readonly<{
  access: KernelAccess;
  hostIndex: number;
  /** A whole port here. */
  portOf: (nic: string) => PortObject | undefined;
  /** The device of the host that its uplink is over. */
  uplink: string | undefined;
  /** Networks that have a router here. */
  hasRouter: (vni: number) => boolean;
  /** From now on the table is no stray in these networks, until the returned function is called. */
  spare: (vnis: readonly number[]) => () => void;
}>;

/** Rejects when the kernel cannot be watched; nothing is left then. */
export async function openLiveProbe(context: LiveContext, watch: ProbeWatch): Promise<OpenProbe> {
  const vnis = watch.vnis.filter(context.hasRouter);
  const probe = new LiveProbe(context, { ...watch, vnis });
  try {
    await probe.open();
    return probe;
  } catch (error) {
    await probe.end();
    throw error;
  }
}

type Seen = Readonly<{ place: number; device: string; leaves: boolean; frame: Uint8Array }>;
type Reply = Readonly<{ ready?: true; id?: number; error?: string; pid?: number; seen?: readonly Seen[] }>;

class LiveProbe implements OpenProbe {
  readonly #context: LiveContext;
  readonly #watch: ProbeWatch;
  readonly #calls = new Map<number, (reply: Reply) => void>();
  readonly #unspare: () => void;
  #child: ChildProcess | undefined;
  #ids = 0;
  #ending: Promise<void> | undefined;

  constructor(context: LiveContext, watch: ProbeWatch) {
    this.#context = context;
    this.#watch = watch;
    this.#unspare = context.spare(watch.vnis);
  }

  async open(): Promise<void> {
    const { vnis, delivers, protocol, id } = this.#watch;
    const match = matchOf(protocol, id);
    const stop = [
      `add table ${LIVE_TABLE}`,
      `add set ${LIVE_TABLE} stopped { type ifname; flags dynamic; size 64; }`,
      `add chain ${LIVE_TABLE} stop { type filter hook postrouting priority 290; policy accept; }`,
      // A router answers an echo request itself: that is no probe that came out.
      ...(protocol === 'ICMP' ? [`add rule ${LIVE_TABLE} stop ${match} ${IS_ECHOED} drop`] : []),
      ...['g*', UPLINK_DEVICE].map((to) => `add rule ${LIVE_TABLE} stop oifname "${to}" ${match} add @stopped { oifname } drop`),
    ].join('; ');
    if (!delivers) {
      await abreast(vnis, async (vni) => {
        const error = await this.#context.access.nft(this.#router(vni), stop);
        if (error !== undefined) throw new Error(`the probe cannot be kept back in ${this.#router(vni)}: ${error}`);
      });
    }
    await this.#start();
  }

  async send({ nic, ...sent }: SentProbe): Promise<void> {
    if (nic === undefined) return this.#sendFromOutside(sent);
    const port = this.#context.portOf(nic);
    if (port === undefined) throw new Error(`interface ${nic} is not in this kernel`);
    const frame = frameOf({ id: this.#watch.id, mac: port.mac, ...sent });
    await this.#sendBy({ netns: `${NETNS_DIRECTORY}/${port.netns}`, device: GUEST_DEVICE, frame });
  }

  async #sendFromOutside(sent: Omit<SentProbe, 'nic'>): Promise<void> {
    const { access, uplink } = this.#context;
    if (uplink === undefined) throw new Error('the probe cannot be sent: this host has no uplink');
    const { output } = await access.shell(this.#router(PUBLIC_VNI), `exec ip -j link show dev ${UPLINK_DEVICE}`);
    const to = /"address":"([0-9a-f:]{17})"/.exec(output)?.[1];
    if (to === undefined) throw new Error('the probe cannot be sent: the uplink of this host is not there');
    const { pid, error } = await this.#call({ outside: true });
    if (pid === undefined) throw new Error(`the probe cannot be sent: ${error}`);
    const line = `link add link ${uplink} name ${OUTSIDE_DEVICE} netns ${pid} type macvlan mode bridge`;
    const [fault] = await access.ip(HOST, [line]);
    if (fault !== undefined) throw new Error(`the probe cannot be sent over ${uplink}: ${fault.detail}`);
    await this.#sendBy({ device: OUTSIDE_DEVICE, frame: frameOf({ id: this.#watch.id, mac: OUTSIDE_MAC, to, ...sent }) });
  }

  async #sendBy(send: Readonly<{ netns?: string; device: string; frame: Buffer }>): Promise<void> {
    const { error } = await this.#call({ send });
    if (error !== undefined) throw new Error(`the probe cannot be sent: ${error}`);
  }

  async look(): Promise<ProbeSeen> {
    // First: what was kept back has come by before.
    const stopped = this.#watch.delivers ? [] : await this.#stopped();
    const { seen = [], error } = await this.#call({ look: true });
    if (error !== undefined) throw new Error(error);
    const hops = seen.flatMap(({ place: vni, device, leaves, frame }): ProbeHop[] => {
      const found = foundIn(Buffer.from(frame));
      return found?.id === this.#watch.id && !found.isEchoed ? [{ vni, device, leaves, src: found.src, dst: found.dst }] : [];
    });
    return { hops, stopped };
  }

  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    const { access } = this.#context;
    this.#child?.kill('SIGKILL');
    // Added before, so that it is there to be deleted.
    if (!this.#watch.delivers)
      await abreast(this.#watch.vnis, async (vni) => {
        await access.nft(this.#router(vni), `add table ${LIVE_TABLE}; delete table ${LIVE_TABLE}`);
      });
    this.#unspare();
  }

  async #stopped(): Promise<ProbeSeen['stopped']> {
    const stopped: { vni: number; device: string }[] = [];
    await abreast(this.#watch.vnis, async (vni) => {
      const { output } = await this.#context.access.shell(this.#router(vni), `exec nft -j list set ${LIVE_TABLE} stopped`);
      const line = output.split('\n').find((each) => each.startsWith('{'));
      for (const { key } of line === undefined ? [] : setElements(JSON.parse(line) as NftJson, 'stopped'))
        stopped.push({ vni, device: key[0] ?? '' });
    });
    return stopped;
  }

  #router(vni: number): string {
    return routerNamespace(this.#context.hostIndex, vni);
  }

  #start(): Promise<void> {
    const child = spawn(process.execPath, ['--max-semi-space-size=1', PROGRAM], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: { PATH: '', LC_ALL: 'C' },
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#child = undefined;
        for (const answer of [...this.#calls.values()]) answer({ error: OVER });
        reject(new Error(OVER));
      };
      child.on('exit', over);
      child.on('error', over);
      child.on('message', (reply: Reply) => {
        if (reply.ready) resolve();
        else if (reply.id !== undefined) this.#calls.get(reply.id)?.(reply);
      });
      const watch = this.#watch.vnis.map((vni) => ({ place: vni, netns: `${NETNS_DIRECTORY}/${this.#router(vni)}` }));
      child.send({ watch, mark: MARK_TEXT }, () => {});
    });
  }

  #call(call: object): Promise<Reply> {
    const child = this.#child;
    if (child === undefined) return Promise.resolve({ error: OVER });
    const id = ++this.#ids;
    return new Promise((resolve) => {
      this.#calls.set(id, (reply) => {
        this.#calls.delete(id);
        resolve(reply);
      });
      child.send({ id, ...call }, () => {}); // A child that is gone has answered all.
    });
  }
}

const OVER = 'what watches the probe has ended';
