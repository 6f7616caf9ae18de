/**
 * VniPool: the number of each Network on the wire (VXLAN network identifier). One stream, `VniPool-.default`.
 *
 *   never used ──AllocateVni──> held ──ReleaseVni──> resting ──RestVni──> rested ──AllocateVni──> held …
 *
 * The pool gives the lowest number that was never used, and when there is none, the one that has rested longest. A number rests until no host holds
 * the network any more. Each command costs O(1).
 */
import { accepted, defineReservation, type ReservationModule } from '@weft/api';
import { VNI_MAX, VNI_MIN, VNI_POOL_CATEGORY, type VniPool, type VniPoolTypes, vniPoolCommands, vniPoolEvents } from './vni-pool.types.ts';

/** The range is a parameter for tests only. */
export function vniPoolModule(min = VNI_MIN, max = VNI_MAX): ReservationModule<VniPool> {
  return defineReservation<VniPoolTypes>({
    category: VNI_POOL_CATEGORY,
    context: 'ipam',
    partitionKey: (stream) => stream,
    initial: () => ({ next: min, held: new Map(), waiting: new Set(), resting: new Map(), rested: new Set() }),
    events: vniPoolEvents,
    commands: vniPoolCommands,
    decide: {
      AllocateVni: ({ namespace, network, uid }, state) => {
        if (state.held.has(uid)) return accepted([]);
        const vni = state.next <= max ? state.next : state.rested.values().next().value;
        if (vni !== undefined) return accepted([{ type: 'VniAllocated.v1', data: { namespace, network, uid, vni } }]);
        return accepted(state.waiting.has(uid) ? [] : [{ type: 'VniPoolExhausted.v1', data: { namespace, network, uid } }]);
      },
      ReleaseVni: ({ uid, at }, state) => {
        const vni = state.held.get(uid);
        if (vni !== undefined) return accepted([{ type: 'VniReleased.v1', data: { uid, vni, at } }]);
        return accepted(state.waiting.has(uid) ? [{ type: 'VniRequestWithdrawn.v1', data: { uid } }] : []);
      },
      RestVni: ({ vni, at }, state) => {
        const since = state.resting.get(vni);
        if (since === undefined || BigInt(at) < BigInt(since)) return accepted([]);
        return accepted([{ type: 'VniRested.v1', data: { vni } }]);
      },
    },
    evolve: {
      'VniAllocated.v1': (state, { uid, vni }) => {
        state.held.set(uid, vni);
        state.waiting.delete(uid);
        state.rested.delete(vni);
        state.next = Math.max(state.next, vni + 1);
      },
      'VniPoolExhausted.v1': (state, { uid }) => {
        state.waiting.add(uid);
      },
      'VniRequestWithdrawn.v1': (state, { uid }) => {
        state.waiting.delete(uid);
      },
      'VniReleased.v1': (state, { uid, vni, at }) => {
        state.held.delete(uid);
        state.resting.set(vni, at);
      },
      'VniRested.v1': (state, { vni }) => {
        state.resting.delete(vni);
        state.rested.add(vni);
      },
    },
  });
}

export const vniPool = vniPoolModule();
