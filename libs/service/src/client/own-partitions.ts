/** The partitions that this process holds, of all contexts that it serves: commands for them need no bus. */
import type { CommandEnvelope, Context, Reply } from '@weft/api';

/** Who carries out commands of one context here; undefined when the partition is not held here. */
export type PartitionOwner = Readonly<{ execute: (partition: number, envelope: CommandEnvelope) => Promise<Reply> | undefined }>;

export class OwnPartitions {
  readonly #owners = new Map<Context, PartitionOwner>();

  add(context: Context, owner: PartitionOwner): void {
    this.#owners.set(context, owner);
  }

  /** Carries out a command in this process; undefined when its partition is not held here. */
  execute(context: Context, partition: number, envelope: CommandEnvelope): Promise<Reply> | undefined {
    return this.#owners.get(context)?.execute(partition, envelope);
  }
}
