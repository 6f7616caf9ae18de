/** The types of the slots of one NATGateway: their state, their commands, their events. */
import { Type } from '@sinclair/typebox';
import { AddressFamily, type DataOf, DecimalPosition, defineEvents, familyOfIp } from '@weft/api';
import { type FreeSlots, PORTS_MAX, type PortRange } from './port-ranges.ts';

export const NAT_SLOTS_CATEGORY = 'NatSlots';

/** Names one incarnation of a NATGateway. */
export type GatewayId = Readonly<{ namespace: string; name: string; uid: string }>;

/** The stream of the slots of one incarnation. */
export const natSlotsOf = ({ namespace, name, uid }: GatewayId): string => `${NAT_SLOTS_CATEGORY}-${namespace}.${name}.${uid}`;

/** Namespaces, names of gateways and uids hold no dot. */
export function gatewayOfSlots(stream: string): GatewayId {
  const [namespace = '', name = '', uid = ''] = stream.slice(NAT_SLOTS_CATEGORY.length + 1).split('.');
  return { namespace, name, uid };
}

/** Slots of the gateway's request for addresses are `ip1`, `ip2`, …: `ip7` -> 7. */
export const slotNumber = (slot: string): number => Number(slot.slice('ip'.length));

const Ports = Type.Integer({ minimum: 1, maximum: PORTS_MAX });
const Port = Type.Integer({ minimum: 1_024, maximum: 65_535 });
/** One address of the gateway, as its stream knows it: slot of its request, and the request since which it is wanted. */
const Wanted = { slot: Type.String(), since: Type.Integer({ minimum: 1 }) };
/** uid of an interface. */
const nic = Type.String();
/** The range `port` to `port + ports - 1` of the address `ip`. */
const Section = { ip: Type.String(), port: Port, ports: Ports };
/** Holdings of interfaces and rests of ranges are numbered, so that a late command is not taken for one about the next. */
const Serial = Type.Integer({ minimum: 1 });
/** Set where it is so. */
const Mark = Type.Optional(Type.Literal(true));
/** Where the range may be in use still. */
const hosts = Type.Array(Type.String());

export const natSlotEvents = defineEvents({
  /** From now on slots have so many ports, of addresses of this family. `at`: position of the gateway's spec that says so. */
  'NatPortsSet.v1': Type.Object({ ports: Ports, family: AddressFamily, at: DecimalPosition }),
  'NatAddressUsed.v1': Type.Object({ ...Wanted, ip: Type.String() }),
  /** It holds nothing and is not used any more, or never will be: the gateway may give it back. */
  'NatAddressDropped.v1': Type.Object({ ...Wanted, ip: Type.Optional(Type.String()) }),
  /**
   * `holding`: number of what the interface has here from now on; absent when it had something before: then its former range drains. `waited`: it was
   * in the queue. `early`: first ports of ranges in it whose rest ends with this, before its time. `ordered`: its host uses it once it is opened; former
   * versions wrote none of these, and their ranges are used at once.
   */
  'NatSlotAllocated.v1': Type.Object({
    nic,
    name: Type.String(),
    ...Section,
    holding: Type.Optional(Serial),
    waited: Mark,
    early: Type.Optional(Type.Array(Port)),
    ordered: Mark,
  }),
  /** Edges know where its ports lead, as of position `at`: the host where the interface is since then, at the latest, may use them. */
  'NatSlotOpened.v1': Type.Object({ nic, ip: Type.String(), port: Port, at: DecimalPosition }),
  /** No slot is free: the interface is in the queue. It keeps the range of another size or family that it may have. `holding`: as above. */
  'NatSlotAwaited.v1': Type.Object({ nic, name: Type.String(), holding: Type.Optional(Serial) }),
  /** The interface leaves the queue without a slot. `last`: it has no range. */
  'NatSlotWithdrawn.v1': Type.Object({ nic, last: Mark }),
  /** Interfaces wait, and no slot is free. */
  'NatSlotsExhausted.v1': Type.Object({}),
  /** The queue is empty again. */
  'NatSlotsSufficed.v1': Type.Object({}),
  /**
   * The range rests: its rest has the number `rest`. `last`: the interface has none any more, and does not wait. `gone` was written by versions whose rows
   * of a range ended with the interface; it says nothing now.
   */
  'NatSlotReleased.v1': Type.Object({ nic, ...Section, hosts, gone: Type.Optional(DecimalPosition), rest: Serial, last: Mark }),
  /** Hosts have confirmed that it is not in use any more. */
  'NatSlotConfirmed.v1': Type.Object({ ip: Type.String(), port: Port }),
  /** It has rested, and is free. */
  'NatSlotRested.v1': Type.Object({ ip: Type.String(), port: Port }),
  /** The gateway has gone: nothing is given out any more. */
  'NatSlotsClosed.v1': Type.Object({}),
});

const Rest = Type.Object({ ip: Type.String(), port: Port, rest: Serial });

export const natSlotCommands = {
  SetPorts: Type.Object({ ports: Ports, family: AddressFamily, at: DecimalPosition }),
  UseAddress: Type.Object({ ...Wanted, ip: Type.String() }),
  DropAddress: Type.Object(Wanted),
  /** A range of the present size and family for an interface that has none, or another one. */
  AllocateSlot: Type.Object({ nic, name: Type.String() }),
  /** Gives slots to interfaces in the queue, the first ones first. `waiting`: how many there were; a command with another number is another request. */
  FillSlots: Type.Object({ waiting: Type.Integer() }),
  /** A present range that edges have been told of, up to position `at`. */
  OpenSlot: Type.Object({ nic, ip: Type.String(), port: Port, at: DecimalPosition }),
  /** All that the interface has here by this holding, its place in the queue included. */
  ReleaseSlots: Type.Object({ nic, holding: Serial, hosts }),
  /** A range that drains, or that has not the present size and family. */
  ReleaseDrained: Type.Object({ nic, ip: Type.String(), port: Port, hosts }),
  ConfirmSlot: Rest,
  RestSlot: Rest,
  CloseSlots: Type.Object({}),
};

export type Section = PortRange & Readonly<{ ip: string }>;
/** Whether a range is of the present size and family; no longer when the gateway's spec changes. */
export function isPresent({ ip, ports }: Section, now: Readonly<{ ports?: number; family?: string }>): boolean {
  return ports === now.ports && familyOfIp(ip) === now.family;
}

/** What one interface has. `opened`: position as of which its section is open. `drains`: ranges that it had before it moved. */
export type Holder = Readonly<{ name: string; holding: number; section?: Section; opened?: bigint; drains: readonly Section[] }>;
/** `held`, `resting`: ranges of this address. `slots` is absent before the size is set. */
export type NatAddress = {
  readonly slot: string;
  readonly since: number;
  readonly ip: string;
  held: number;
  resting: number;
  slots?: FreeSlots;
};
export type NatRest = Readonly<{ section: Section; rest: number; confirmed: boolean }>;

export type NatSlots = {
  closed: boolean;
  /** Number of the next holding or rest. */
  next: number;
  ports?: number;
  family?: string;
  /** Position of the spec that these come from. */
  portsAt: bigint;
  /** By address, in the order of their slots. */
  addresses: ReadonlyMap<string, NatAddress>;
  /** Slot of the request -> the latest request whose address was dropped. */
  readonly dropped: Map<string, number>;
  /** By uid of the interface. */
  readonly holders: Map<string, Holder>;
  /** uids, the first one first. */
  readonly waiting: Set<string>;
  /** `<ip> <port>` -> its rest, the longest first. */
  readonly resting: Map<string, NatRest>;
};

export type NatSlotsTypes = {
  state: NatSlots;
  commands: DataOf<typeof natSlotCommands>;
  events: DataOf<typeof natSlotEvents>;
};
export type NatSlotFact = {
  [E in keyof NatSlotsTypes['events'] & string]: Readonly<{ type: E; data: NatSlotsTypes['events'][E] }>;
}[keyof NatSlotsTypes['events'] & string];
