/**
 * MacBlocks: which partition has which block of 4,096 MACs. One stream, `MacBlocks-.macs`, one event a block, none given back: 2^28 blocks are enough
 * for a trillion interfaces, and the MACs inside a block are used again by its partition.
 */
import { accepted, type ReservationModule } from '@weft/api';
import { BLOCKS_MAX, FIRST_BLOCK } from './mac.ts';

export const MAC_BLOCKS_STREAM = 'MacBlocks-.macs';

export type MacBlocks = {
  next: number;
  /** Newest block of each partition. */
  readonly newest: Map<number, number>;
};

/** `have`: the newest block that the partition knows to be its own; a grant it has not heard of is told again instead of a new one. */
export type GrantBlock = { type: 'GrantBlock'; partition: number; have?: number };
/** What it is told. Without a block all are handed out, which is no refusal: MACs that have rested can be drawn then. */
export type BlockGrant = { block?: number };

export const macBlocks: ReservationModule<MacBlocks> = {
  category: 'MacBlocks',
  context: 'network',
  partitionKey: () => 'MacBlocks',
  initial: () => ({ next: FIRST_BLOCK, newest: new Map() }),
  decide: (command, state) => {
    if (command.type !== 'GrantBlock') throw new Error(`MAC blocks: unknown command ${command.type}`);
    const { partition, have } = command as unknown as GrantBlock;
    const newest = state.newest.get(partition);
    if (newest !== undefined && newest !== have) return accepted([], { grants: { block: newest } satisfies BlockGrant });
    if (state.next > BLOCKS_MAX) return accepted([], { grants: {} satisfies BlockGrant });
    const block = state.next;
    return accepted([{ type: 'MacBlockGranted.v1', data: { partition, block } }], { grants: { block } satisfies BlockGrant });
  },
  evolve: (state, { type, data }) => {
    if (type !== 'MacBlockGranted.v1') throw new Error(`MAC blocks: unknown event ${type}`);
    const block = data['block'] as number;
    state.newest.set(data['partition'] as number, block);
    state.next = block + 1;
    return state;
  },
};
