/**
 * VniPool: the number of each Network on the wire (VXLAN network identifier). One stream, `VniPool-.default`.
 *
 *   never used ──AllocateVni──> held ──ReleaseVni──> resting ──RestVni──> rested ──AllocateVni──> held …
 *
 * Lowest never used number first, then the one that has rested longest. A number rests until no host holds the network any more. O(1) a command.
 */
import { accepted, type ReservationModule } from '@weft/api';

export const VNI_POOL = 'VniPool-.default';
export const VNI_MIN = 200;
export const VNI_MAX = 2 ** 24 - 1;

export type VniPool = {
  /** Never used yet, nor anything above it. */
  next: number;
  /** uid of the Network -> its number. */
  readonly held: Map<string, number>;
  /** Released and not yet rested: number -> decimal position of its network's end. */
  readonly resting: Map<number, string>;
  /** In the order in which they came to rest. */
  readonly rested: Set<number>;
};

export type AllocateVni = { type: 'AllocateVni'; namespace: string; network: string; uid: string };
export type ReleaseVni = { type: 'ReleaseVni'; uid: string; at: string };
/** `at`: decimal position as of which no host holds it: only a release before it is meant. */
export type RestVni = { type: 'RestVni'; vni: number; at: string };

/** The range is a parameter for tests only. */
export function vniPoolModule(min = VNI_MIN, max = VNI_MAX): ReservationModule<VniPool> {
  return {
    category: 'VniPool',
    context: 'ipam',
    partitionKey: (stream) => stream,
    initial: () => ({ next: min, held: new Map(), resting: new Map(), rested: new Set() }),
    decide: (command, state) => {
      switch (command.type) {
        case 'AllocateVni': {
          const { namespace, network, uid } = command as unknown as AllocateVni;
          if (state.held.has(uid)) return accepted([]);
          const vni = state.next <= max ? state.next : state.rested.values().next().value;
          // A "no" that others must see: the network says so, and asks again when a number has rested.
          if (vni === undefined) return accepted([{ type: 'VniPoolExhausted.v1', data: { namespace, network, uid } }]);
          return accepted([{ type: 'VniAllocated.v1', data: { namespace, network, uid, vni } }]);
        }
        case 'ReleaseVni': {
          const { uid, at } = command as unknown as ReleaseVni;
          const vni = state.held.get(uid);
          return accepted(vni === undefined ? [] : [{ type: 'VniReleased.v1', data: { uid, vni, at } }]);
        }
        case 'RestVni': {
          const { vni, at } = command as unknown as RestVni;
          const since = state.resting.get(vni);
          if (since === undefined || BigInt(at) < BigInt(since)) return accepted([]);
          return accepted([{ type: 'VniRested.v1', data: { vni } }]);
        }
        default:
          throw new Error(`VNI pool: unknown command ${command.type}`);
      }
    },
    evolve: (state, { type, data }) => {
      const vni = data['vni'] as number;
      switch (type) {
        case 'VniAllocated.v1':
          state.held.set(data['uid'] as string, vni);
          state.rested.delete(vni);
          state.next = Math.max(state.next, vni + 1);
          return state;
        case 'VniReleased.v1':
          state.held.delete(data['uid'] as string);
          state.resting.set(vni, data['at'] as string);
          return state;
        case 'VniRested.v1':
          state.resting.delete(vni);
          state.rested.add(vni);
          return state;
        case 'VniPoolExhausted.v1':
          return state;
        default:
          throw new Error(`VNI pool: unknown event ${type}`);
      }
    },
  };
}

export const vniPool = vniPoolModule();
