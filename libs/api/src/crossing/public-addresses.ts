/**
 * Public addresses, which the ipam context hands out, as other contexts see them (ADR 26):
 *
 *   PublicAddressesRequested {wanted}      on the stream of the object that needs them
 *   AddressAllocated {uid, slot, ip}       on the stream of the pools
 *   PublicAddressAccepted {slot, ip}       on the stream of the object again
 *
 * An object asks by a fact of its own stream. A loop of the ipam context allocates, its ledger shows the answer, a loop of the requester's context takes
 * it. What is not wanted any more, or whose object has gone, is given back by a loop of the ipam context. The requester's half is in
 * `wants-public-addresses.ts`.
 */
import { type Static, Type } from '@sinclair/typebox';
import { ledgerRef } from '../kind/ledger.ts';
import type { DataOf } from '../log/event-set.ts';

export const AddressFamily = Type.Union([Type.Literal('IPv4'), Type.Literal('IPv6')]);

/**
 * Name of a slot -> what it holds. A slot is one address of an object, and holds the same address as long as it is wanted. `since`: number of the request
 * with which it began to be wanted. A slot that is given up and wanted again has another number, and takes no address that was meant for the former one:
 * that may have been given back already.
 */
const Wanted = Type.Record(Type.String(), Type.Object({ family: AddressFamily, since: Type.Integer({ minimum: 1 }) }));
export type WantedAddresses = Readonly<Static<typeof Wanted>>;

/** For `defineEvents` of each kind that asks for addresses, beside its own events. */
export const publicAddressEvents = {
  /**
   * `wanted` replaces what was wanted before; empty: nothing. `request`: the first is 1, the next 2. `network`: name of the Network, in the same namespace,
   * whose labels say which pools serve the object; without it, the object's own labels do.
   */
  'PublicAddressesRequested.v1': Type.Object({
    request: Type.Integer({ minimum: 1 }),
    network: Type.Optional(Type.String()),
    wanted: Wanted,
  }),
  'PublicAddressAccepted.v1': Type.Object({ slot: Type.String(), ip: Type.String() }),
};
export type PublicAddressEvents = DataOf<typeof publicAddressEvents>;

/**
 * The answer to one slot, with its position (decimal). `ip` is absent when there is no address for it: then `pools` names, in order, the pools that
 * serve the object, all of whose addresses are in use or rest; none: no pool serves it.
 */
export type PublicAddressGrant = Readonly<{ since: number; ip?: string; pools: readonly string[]; at: string }>;

/** Key: `grantKey`. A record is deleted when the address is given back, or is not wanted any more. */
export const publicAddressGrants = ledgerRef<PublicAddressGrant>('public-address-grants');

export const grantKey = (uid: string, slot: string): string => `${uid} ${slot}`;
