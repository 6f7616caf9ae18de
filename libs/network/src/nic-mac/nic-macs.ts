/**
 * NicMacs: the MACs of one partition, in one stream `NicMacs-.<partition>` that only its writer appends to.
 *
 * A creation must not cost an append for its MAC, so a writer draws MACs in chunks ahead of need (`mac-stock.ts`). What makes one MAC the MAC of one
 * interface at most, also with a stale lease holder still at work:
 *
 *   - a draw is an append with an exact revision, so two writers never draw the same MACs: the slower one is refused;
 *   - a writer hands out only what it has itself drawn, durably, since it began: never what its predecessor drew and may still hand out;
 *   - what a writer had drawn and not used when it died is lost (a chunk a death, of 2^40).
 *
 * The MAC of an interface that ended comes back by a reaction and is drawn again, oldest first, only when the partition's blocks are used up, and only
 * after it has rested: each host that holds its network has applied the removal. That is asked at the draw, when it matters: no events for it.
 */
import { accepted, type ReservationModule, rejected, serverTimeout } from '@weft/api';
import { rowsHaveGone } from '../quarantine.ts';
import { BLOCK_SIZE, macNumber } from './mac.ts';

export const nicMacsStream = (partition: number): string => `NicMacs-.${partition}`;
const partitionOfStream = (stream: string): string => stream.slice('NicMacs-.'.length);

/** `inRows`: it was placed, so hosts may still know the MAC. */
type Returned = Readonly<{ at: string; inRows: boolean; vni?: number }>;
export type NicMacs = {
  /** Newest block, and how many of its MACs were drawn. */
  block: number | undefined;
  used: number;
  /** MACs of ended interfaces, oldest first. */
  readonly returned: Map<number, Returned>;
  /** `at` of the return of a MAC that is drawn again: a return that comes twice is not taken for a new one. */
  readonly redrawn: Map<number, string>;
};

export type DrawMacs = { type: 'DrawMacs'; count: number };
export type AddBlock = { type: 'AddBlock'; block: number };
/** `at`: decimal position until which rows may have held it, or else of the interface's end. */
export type ReturnMac = { type: 'ReturnMac'; mac: string; at: string; inRows: boolean; vni?: number };
type Range = { from: number; count: number };
/** What it is told: ranges of MAC numbers; `needsBlock` (with the newest known block, if any): nothing is left, get a block first. */
export type DrawGrant = { ranges: readonly Range[] } | { needsBlock: true; have?: number };

/** Drawn again from what came back, at most so many at a time: each is a range of one. */
const REDRAWN_MAX = 256;

export const nicMacs: ReservationModule<NicMacs> = {
  category: 'NicMacs',
  context: 'network',
  partitionKey: (stream) => `#${partitionOfStream(stream)}`,
  initial: () => ({ block: undefined, used: 0, returned: new Map(), redrawn: new Map() }),
  decide: (command, state, context) => {
    switch (command.type) {
      case 'DrawMacs': {
        const { count } = command as unknown as DrawMacs;
        if (state.block !== undefined && state.used < BLOCK_SIZE) {
          const range = { from: state.block * BLOCK_SIZE + state.used, count: Math.min(count, BLOCK_SIZE - state.used) };
          return accepted([{ type: 'MacsDrawn.v1', data: { ranges: [range] } }], { grants: { ranges: [range] } satisfies DrawGrant });
        }
        const rested: Range[] = [];
        for (const [mac, { at, inRows, vni }] of state.returned) {
          if (rested.length >= Math.min(count, REDRAWN_MAX)) break;
          if (inRows && !rowsHaveGone(context.facts, vni, at)) break;
          rested.push({ from: mac, count: 1 });
        }
        // A block is preferred as long as there are any: what never was in use needs no rest. See `noBlocks`.
        if (rested.length > 0 && command['noBlocks'] === true) {
          return accepted([{ type: 'MacsDrawn.v1', data: { ranges: rested } }], { grants: { ranges: rested } satisfies DrawGrant });
        }
        if (command['noBlocks'] === true) return rejected(serverTimeout(NICS, 'create', 'all MACs are in use or rest'));
        const have = state.block === undefined ? {} : { have: state.block };
        return accepted([], { grants: { needsBlock: true, ...have } satisfies DrawGrant });
      }
      case 'AddBlock': {
        const { block } = command as unknown as AddBlock;
        if (state.block !== undefined && block <= state.block) return accepted([]);
        return accepted([{ type: 'MacBlockAdded.v1', data: { block } }]);
      }
      case 'ReturnMac': {
        const { mac, at, inRows, vni } = command as unknown as ReturnMac;
        const number = macNumber(mac);
        const before = state.redrawn.get(number);
        if (state.returned.has(number) || !wasDrawn(state, number)) return accepted([]);
        if (before !== undefined && BigInt(at) <= BigInt(before)) return accepted([]);
        return accepted([{ type: 'MacReturned.v1', data: { mac, at, inRows, ...(vni !== undefined && { vni }) } }]);
      }
      default:
        throw new Error(`NIC MACs: unknown command ${command.type}`);
    }
  },
  evolve: (state, { type, data }) => {
    switch (type) {
      case 'MacBlockAdded.v1':
        state.block = data['block'] as number;
        state.used = 0;
        return state;
      case 'MacsDrawn.v1':
        for (const { from, count } of data['ranges'] as unknown as { from: number; count: number }[]) {
          const returned = state.returned.get(from);
          if (returned !== undefined) {
            state.returned.delete(from);
            state.redrawn.set(from, returned.at);
            continue;
          }
          state.used = (from % BLOCK_SIZE) + count;
        }
        return state;
      case 'MacReturned.v1': {
        const { mac, at, inRows, vni } = data as { mac: string; at: string; inRows: boolean; vni?: number };
        state.returned.set(macNumber(mac), { at, inRows, ...(vni !== undefined && { vni }) });
        return state;
      }
      default:
        throw new Error(`NIC MACs: unknown event ${type}`);
    }
  },
};

const NICS = { group: 'networking.ironcore.dev', kind: 'NetworkInterface', plural: 'networkinterfaces' };

/** Of a block that is used up, or the drawn part of the newest. */
function wasDrawn({ block, used }: NicMacs, mac: number): boolean {
  return block !== undefined && mac < block * BLOCK_SIZE + used;
}

export function returnMac(partition: number, mac: string, at: string, inRows: boolean, vni: number | undefined) {
  const command = { type: 'ReturnMac', mac, at, inRows, ...(vni !== undefined && { vni }) };
  return { stream: nicMacsStream(partition), command };
}
