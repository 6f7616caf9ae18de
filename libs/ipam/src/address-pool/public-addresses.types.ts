/** The types of the stream of all pools: `PublicAddresses-.all`. One stream, so that no address is given twice, however pools change. */
import { type Static, Type } from '@sinclair/typebox';
import { AddressFamily, type DataOf, defineEvents, type IpRange } from '@weft/api';
import type { AddressRanges } from './address-ranges.ts';

export const PUBLIC_ADDRESSES_CATEGORY = 'PublicAddresses';
export const PUBLIC_ADDRESSES = 'PublicAddresses-.all';

/** One slot of one object, as its request names it. `since`: the request with which the slot began to be wanted. */
const slot = { uid: Type.String(), slot: Type.String(), since: Type.Integer({ minimum: 1 }) };
const Ranges = Type.Object({ prefixes: Type.Array(Type.String()), excludes: Type.Array(Type.String()) });
export type PoolRanges = Readonly<Static<typeof Ranges>>;
/** What a pool may give from now on. `request`: that of the AddressPool's own append. `before`: what it was until then; absent for a new one. */
const Definition = Type.Object({ pool: Type.String(), request: Type.String(), now: Ranges, before: Type.Optional(Ranges) });
export type PoolDefinition = Readonly<Static<typeof Definition>>;

const Asked = Type.Object({
  ...slot,
  kind: Type.String(),
  namespace: Type.String(),
  name: Type.String(),
  family: AddressFamily,
  /** Pools that serve the object, in the order in which they are tried. */
  pools: Type.Array(Type.String()),
});
const SlotId = Type.Object(slot);
const Held = Type.Object({ ...slot, pool: Type.String(), ip: Type.String() });

export const publicAddressPoolEvents = defineEvents({
  'AddressPoolDefined.v1': Definition,
  'AddressPoolRemoved.v1': Type.Object({ pool: Type.String() }),
  /** `waited`: the slot was among those that wait. */
  'AddressAllocated.v1': Type.Object({
    ...Asked.properties,
    pool: Type.String(),
    ip: Type.String(),
    waited: Type.Optional(Type.Literal(true)),
  }),
  /** There is none at present: the slot waits, and gets the next one. `again`: it waited before. */
  'AddressAwaited.v1': Type.Object({ ...Asked.properties, again: Type.Optional(Type.Literal(true)) }),
  /** Nothing is free for those who still wait, until an address has rested or a pool has changed. */
  'AddressesExhausted.v1': Type.Object({}),
  'AddressReleased.v1': Held,
  'AddressRequestWithdrawn.v1': SlotId,
  /** The address may be given again. The fields are those of its release. */
  'AddressRested.v1': Held,
});

export const publicAddressPoolCommands = {
  /** Refused when it overlaps with another pool, or lacks an address that is held. A repeat of the request does nothing. */
  DefinePool: Definition,
  /** The AddressPool's append never came: the pool is what it was, unless another request has defined it anew. */
  UndefinePool: Type.Object({ pool: Type.String(), request: Type.String(), before: Type.Optional(Ranges) }),
  /** The pool gives no more. What it gave is held as before. */
  RemovePool: Type.Object({ pool: Type.String() }),
  /** A repeat does nothing while the slot has an address, or waits for one of the same pools. */
  AllocateAddress: Asked,
  /** Slots that wait get what has become free. `waiting`: how many there were; a command with another number is another request. */
  FillAwaited: Type.Object({ waiting: Type.Integer() }),
  /** Gives back the address of a slot, or withdraws its request. Another `since` than that of the slot does nothing. */
  ReleaseAddress: SlotId,
  RestAddress: Held,
};

export type Ask = Readonly<Static<typeof Asked>>;
export type HeldAddress = Readonly<Static<typeof Held>>;
export type Slot = Ask & Readonly<{ pool?: string; ip?: string }>;
export type Pool = Readonly<{ request: string; ranges: AddressRanges }>;

export type PublicAddressPools = {
  readonly pools: Map<string, Pool>;
  /** `<uid> <slot>` -> what it has, or what it waits for. */
  readonly slots: Map<string, Slot>;
  /** Slots that wait, the one that has waited longest first. */
  readonly waiting: Set<string>;
  /** Addresses that are held or rest. */
  readonly taken: Set<string>;
  readonly resting: Map<string, HeldAddress>;
  /** Pool -> its addresses that have rested; the one that has rested longest first. */
  readonly rested: Map<string, Set<string>>;
  /** `<pool> <prefix>` -> a number below which all addresses of the prefix were given before, or skipped since they were excluded. */
  readonly next: Map<string, bigint>;
  /** `<pool> <prefix>` -> what was skipped, sorted; known once the exclusions have changed. */
  readonly skipped: Map<string, readonly IpRange[]>;
};
export type PublicAddressPoolTypes = {
  state: PublicAddressPools;
  commands: DataOf<typeof publicAddressPoolCommands>;
  events: DataOf<typeof publicAddressPoolEvents>;
};
