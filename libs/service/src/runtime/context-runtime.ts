/** What owns a context: leases, and the writer, the loops and the projector that work under them. */
import type { Context, ProjectionOver } from '@weft/api';
import { type CommandClient, createCommandClient } from '../client/command-client.ts';
import type { LeaseTiming } from '../lease/lease-table.ts';
import { Leases } from '../lease/leases.ts';
import { LoopExplainer } from '../loops/loop-explainer.ts';
import { LoopRunner } from '../loops/loop-runner.ts';
import type { Follower, Logger, Part, Platform } from '../platform.ts';
import { Projector } from '../projector/projector.ts';
import { PartitionWriter } from '../writer/partition-writer.ts';

export type ContextRuntime = Readonly<{
  context: Context;
  leases: Leases;
  writer: PartitionWriter;
  loops: LoopRunner;
  projector: Projector;
  /** Sends commands; those for partitions of this process do not go over the bus. */
  client: CommandClient;
  /** In the order of their start. */
  parts: readonly Part[];
}>;

export type ContextRuntimeOptions = Readonly<{
  context: Context;
  /** Projections in addition to those of the context's parts. */
  projections?: readonly ProjectionOver[];
  timing?: LeaseTiming;
  inFlightMax?: number;
}>;

export function createContextRuntime(platform: Platform, options: ContextRuntimeOptions): ContextRuntime {
  const { bus, clock, ids, log, follower, registry, store, ownPartitions, alone = false } = platform;
  const { context, projections, timing, inFlightMax } = options;
  const leases = new Leases({ context, replica: platform.replica ?? ids.uuid(), bus, clock, log, alone, ...(timing && { timing }) });
  const writer = new PartitionWriter({
    ...platform,
    context,
    ...(inFlightMax !== undefined && { inFlightMax }),
  });
  ownPartitions.add(context, writer);
  const client = createCommandClient(platform);
  const loops = new LoopRunner({ ...platform, context, client });
  const head = () => store.head();
  const projector = new Projector({ context, bus, registry, follower, clock, ids, log, head, ...(projections && { projections }) });
  for (const holder of [writer, loops, projector]) leases.add(holder);
  return {
    context,
    leases,
    writer,
    loops,
    projector,
    client,
    parts: [writer, loops, new LoopExplainer(context, bus, loops), projector, new LeasesOnceRead(leases, follower, log)],
  };
}

/** Starts the leases once the follower has read the whole log, since nothing may be decided on a part of it. */
class LeasesOnceRead implements Part {
  readonly name: string;
  readonly #leases: Leases;
  readonly #follower: Follower;
  readonly #log: Logger;
  #started: Promise<void> | undefined;
  #forget: (() => void) | undefined;

  constructor(leases: Leases, follower: Follower, log: Logger) {
    this.name = leases.name;
    this.#leases = leases;
    this.#follower = follower;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#leases.listen();
    const begin = () => {
      this.#started ??= this.#leases.start().catch((error: unknown) => this.#log.error({ err: error }, 'leases cannot be sought'));
    };
    this.#forget = this.#follower.consume({ name: this.name, onBegin: begin });
  }

  async stop(): Promise<void> {
    this.#forget?.();
    await this.#started;
    await this.#leases.stop();
  }

  problems(): readonly string[] {
    return this.#started === undefined ? [`the log is being read (at ${this.#follower.position})`] : this.#leases.problems();
  }
}
