/**
 * One marked packet in the kernels of this host: a child process (live-program.mjs) sends it and sees where it comes by, and a table of its own keeps it back
 * before a guest. That table matches this packet alone and is taken away at the end; of an agent that was killed meanwhile the next one takes it away, as it does with
 * whatever does not belong into a router.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { OpenProbe, PortObject, ProbeHop, ProbeSeen, ProbeWatch, SentProbe } from '@weft/fabric';
import { abreast } from '../abreast.ts';
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { GUEST_DEVICE, NETNS_DIRECTORY, routerNamespace } from '../objects/names.ts';
import type { NftJson } from '../read/dump.ts';
import { setElements } from '../read/table-shape.ts';
import { foundIn, frameOf, MARK_TEXT, matchOf } from './frames.ts';

const PROGRAM = join(import.meta.dirname, 'live-program.mjs');
export const LIVE_TABLE = 'inet weft_live';

export type LiveContext = Readonly<{
  access: KernelAccess;
  hostIndex: number;
  /** A whole port here. */
  portOf: (nic: string) => PortObject | undefined;
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
type Reply = Readonly<{ ready?: true; id?: number; error?: string; seen?: readonly Seen[] }>;

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
    const stop = [
      `add table ${LIVE_TABLE}`,
      `add set ${LIVE_TABLE} stopped { type ifname; flags dynamic; size 64; }`,
      `add chain ${LIVE_TABLE} stop { type filter hook postrouting priority 290; policy accept; }`,
      `add rule ${LIVE_TABLE} stop oifname "g*" ${matchOf(protocol, id)} add @stopped { oifname } drop`,
    ].join('; ');
    if (!delivers) {
      await abreast(vnis, async (vni) => {
        const error = await this.#context.access.nft(this.#router(vni), stop);
        if (error !== undefined) throw new Error(`the probe cannot be kept back in ${this.#router(vni)}: ${error}`);
      });
    }
    await this.#start();
  }

  async send({ nic, header, hopLimit }: SentProbe): Promise<void> {
    const port = this.#context.portOf(nic);
    if (port === undefined) throw new Error(`interface ${nic} is not in this kernel`);
    const frame = frameOf({ id: this.#watch.id, header, mac: port.mac, hopLimit });
    const { error } = await this.#call({ send: { netns: `${NETNS_DIRECTORY}/${port.netns}`, device: GUEST_DEVICE, frame } });
    if (error !== undefined) throw new Error(`the probe cannot be sent: ${error}`);
  }

  async look(): Promise<ProbeSeen> {
    const { seen = [], error } = await this.#call({ look: true });
    if (error !== undefined) throw new Error(error);
    const hops = seen.flatMap(({ place: vni, device, leaves, frame }): ProbeHop[] => {
      const found = foundIn(Buffer.from(frame));
      return found?.id === this.#watch.id && !found.isEchoed ? [{ vni, device, leaves, src: found.src, dst: found.dst }] : [];
    });
    return { hops, stopped: this.#watch.delivers ? [] : await this.#stopped() };
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
