/**
 * Public addresses, which the ipam context hands out, as other contexts see them (ADR 26):
 *
 *   PublicAddressesRequested {wanted}      on the stream of the object that needs them
 *   AddressAllocated {holder, slot, ip}    on the stream of a pool
 *   <the requester's own fact>             on its stream again: it accepts the address
 *
 * An object asks by a fact of its own stream. A loop of the ipam context allocates, its ledger shows the answer, a loop of the requester's context takes
 * it. What is not wanted any more, or whose object has gone, is given back by a loop of the ipam context.
 */
import { Type } from '@sinclair/typebox';
import { ledgerRef } from '../kind/ledger.ts';

/** Name of a slot -> family. A slot is one address of an object, and holds the same address as long as it is wanted. */
export type WantedAddresses = Readonly<Record<string, 'IPv4' | 'IPv6'>>;

/** Declared by each kind that asks for addresses, besides its own events. `wanted` replaces what was wanted before; empty: nothing. */
export const PublicAddressesRequested = Type.Object({
  wanted: Type.Record(Type.String(), Type.Union([Type.Literal('IPv4'), Type.Literal('IPv6')])),
});
export const PUBLIC_ADDRESSES_REQUESTED = 'PublicAddressesRequested.v1';

/** The answer to one slot, with its position (decimal). `ip` is absent when no pool had an address left. */
export type PublicAddressGrant = Readonly<{ ip?: string; at: string }>;

/** Key: `grantKey`. A record is deleted when the address is given back, or is not wanted any more. */
export const publicAddressGrants = ledgerRef<PublicAddressGrant>('public-address-grants');

export const grantKey = (uid: string, slot: string): string => `${uid} ${slot}`;
