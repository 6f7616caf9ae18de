/** A process of the control plane in the simulation: services of some contexts, and a gateway, on one platform, as main programs put them together. */
import type { Context, DomainModule, ObjectCommand, ObjectKey, Reply } from '@weft/api';
import { projectionsOf } from '@weft/fabric';
import { ReadPoint, ResourceView } from '@weft/gateway';
import { HostHeartbeats } from '@weft/network-svc';
import { type ContextRuntime, createCommandClient, createContextRuntime, createPlatform, type Part, serviceParts } from '@weft/service';
import type { SimBus } from './sim-bus.ts';
import type { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimStore } from './sim-store.ts';

export type ServiceSpec = Readonly<{ name: string; contexts: readonly Context[]; gateway: boolean }>;

/** What a process of the control plane is given. */
export type ServicePorts = Readonly<{ bus: SimBus; store: SimStore; disk: SimDisk }>;

/** Of some thousand in a run. */
const EVENTS_BETWEEN_SNAPSHOTS = 60;
const RING = 64;
const READ_MS_MAX = 5_000;

export class SimService {
  readonly process: SimProcess;
  readonly bus: SimBus;
  readonly store: SimStore;
  readonly platform: ReturnType<typeof createPlatform>;
  readonly runtimes: readonly ContextRuntime[];
  readonly view: ResourceView | undefined;
  readonly #readPoint: ReadPoint | undefined;
  readonly #client: ReturnType<typeof createCommandClient>;
  readonly #parts: readonly Part[];

  constructor(spec: ServiceSpec, process: SimProcess, { bus, store, disk }: ServicePorts, domains: readonly DomainModule[]) {
    this.process = process;
    this.bus = bus;
    this.store = store;
    const { clock, ids, log, random, name } = process;
    const snapshots = { directory: 'snapshots', version: 'one', disk: disk.of(process), eventsBetween: EVENTS_BETWEEN_SNAPSHOTS };
    const platform = createPlatform({ store, bus, log, domains, clock, ids, random, replica: name, snapshots });
    this.platform = platform;
    const parts: Part[] = [];
    const runtimes: ContextRuntime[] = [];
    for (const context of spec.contexts) {
      const runtime = createContextRuntime(platform, { context, projections: projectionsOf(context) });
      const { client, leases } = runtime;
      const own = context === 'network' ? [new HostHeartbeats({ ...platform, client, leases })] : [];
      parts.push(...serviceParts(`${context}-svc`, platform, runtime, own));
      runtimes.push(runtime);
    }
    this.runtimes = runtimes;
    this.#client = createCommandClient(platform);
    if (spec.gateway) {
      this.view = new ResourceView(platform.follower);
      this.view.start(
        domains.flatMap(({ kinds }) => kinds),
        RING,
      );
      this.#readPoint = new ReadPoint({ store, follower: platform.follower, view: this.view, waitMs: READ_MS_MAX });
    }
    this.#parts = parts;
  }

  async start(): Promise<void> {
    for (const part of this.#parts) await part.start();
    await this.platform.follower.start();
  }

  async stop(): Promise<void> {
    for (const part of [...this.#parts].reverse()) await part.stop();
    await this.platform.follower.stop();
  }

  problems(): readonly string[] {
    return this.#parts.flatMap((part) => part.problems());
  }

  // --- the gateway ------------------------------------------------------------------------------------------------------------------------------

  async send(command: ObjectCommand, requestId: string): Promise<Reply> {
    const reply = await this.#client.send(command, { requestId, actor: { user: 'somebody', verified: false } });
    if (reply.ok) this.#readPoint?.acknowledge(BigInt(reply.position));
    return reply;
  }

  /** As after every write that was acknowledged before the call. Undefined when that cannot be had in time. */
  async read(key: ObjectKey): Promise<Readonly<{ position: bigint | undefined }> | undefined> {
    try {
      await this.#readPoint?.latest();
    } catch {
      return undefined;
    }
    return { position: this.view?.get(key)?.position };
  }
}
