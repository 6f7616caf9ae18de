/**
 * The MACs that one writer has drawn for one partition and not yet handed out. Lives in memory, begins empty with each term of the lease, and is
 * thrown away with it. Pure: the writer brings the reservations.
 *
 * How a writer drives it, for each partition of the network context that it holds:
 *
 *   stock = new MacStock(partition)
 *   before it begins a creation of a kind with `draws: ['mac']`:
 *     if (stock.wantsMore) start `stock.refill(reserve)` unless one is under way; if (stock.size === 0) await it
 *   DecideContext.nextMac = () => stock.take()
 *
 * `reserve(stream, command)` must resolve only when the reservation's facts are durable, with its grants (`Accepted.grants`), and reject on a refusal
 * or a fault. `NicMacs-.<partition>` belongs to the writer's own partition. `MacBlocks-.macs` is everybody's: each writer decides and appends by
 * itself with the exact revision, reads again when it was overtaken; a block is needed once in 4,096 creations. A MAC that was taken for an append
 * which then failed is simply not used.
 */
import type { JsonObject } from '@weft/api';
import { macText } from './mac.ts';
import { MAC_BLOCKS_STREAM } from './mac-blocks.ts';
import { nicMacsStream } from './nic-macs.ts';

/** MACs of one draw: small enough that a writer's death wastes little, large enough that draws are rare. */
const CHUNK = 1_024;
const LOW_WATER = 512;
/** Steps of one refill: draw, get a block, add it, draw. */
const STEPS_MAX = 6;

export type Reserve = (stream: string, command: JsonObject & { type: string }) => Promise<JsonObject>;

export class MacStock {
  readonly partition: number;
  readonly #ranges: { from: number; count: number }[] = [];
  #size = 0;

  constructor(partition: number) {
    this.partition = partition;
  }

  get size(): number {
    return this.#size;
  }

  get wantsMore(): boolean {
    return this.#size < LOW_WATER;
  }

  /** The same numbers, for a world that goes on from the same moment. */
  copy(): MacStock {
    const other = new MacStock(this.partition);
    other.put(this.#ranges);
    return other;
  }

  /** Undefined when empty. */
  take(): string | undefined {
    const range = this.#ranges[0];
    if (range === undefined) return undefined;
    const mac = macText(range.from);
    range.from++;
    range.count--;
    this.#size--;
    if (range.count === 0) this.#ranges.shift();
    return mac;
  }

  /** Only what this writer has drawn itself, durably, in its present term. */
  put(ranges: readonly Readonly<{ from: number; count: number }>[]): void {
    for (const { from, count } of ranges) {
      this.#ranges.push({ from, count });
      this.#size += count;
    }
  }

  /** One draw into the stock, with a new block where the old one is used up. Rejects as `reserve` does. Safe to repeat after any failure. */
  async refill(reserve: Reserve): Promise<void> {
    const stream = nicMacsStream(this.partition);
    let noBlocks = false;
    for (let step = 0; step < STEPS_MAX; step++) {
      const drawn = await reserve(stream, { type: 'DrawMacs', count: CHUNK, ...(noBlocks && { noBlocks: true }) });
      if (Array.isArray(drawn['ranges'])) return this.put(drawn['ranges'] as unknown as { from: number; count: number }[]);
      const have = drawn['have'];
      const block = await grantBlock(this.partition, typeof have === 'number' ? have : undefined, reserve);
      if (block === undefined) noBlocks = true;
      else await reserve(stream, { type: 'AddBlock', block });
    }
    throw new Error(`partition ${this.partition} could not draw MACs in ${STEPS_MAX} steps`);
  }
}

/** Undefined: there are no more blocks. */
async function grantBlock(partition: number, have: number | undefined, reserve: Reserve): Promise<number | undefined> {
  const granted = await reserve(MAC_BLOCKS_STREAM, { type: 'GrantBlock', partition, ...(have !== undefined && { have }) });
  return typeof granted['block'] === 'number' ? granted['block'] : undefined;
}
