/**
 * What the slots of all gateways come to:
 *
 *   NatPortsSet ──────────────────────> nat-shapes[uid of the gateway]   size and family
 *   NatAddressUsed, -Dropped ─────────> nat-tables[uid of the gateway]   addresses in use
 *   NatSlotAllocated, -Opened, -Awaited > nat-slots[uid of the interface]  its ranges; of this and its placement rows are made
 *   all of them ──────────────────────> nat-usage[uid of the gateway]    counts
 *   NatSlotsExhausted ────────────────> nat-shortages[uid of the gateway], until NatSlotsSufficed
 *   NatSlotReleased ──────────────────> nat-rests[<stream> <ip> <port>], until it has rested
 */
import {
  AnyNetworkInterface,
  type Change,
  changeOf,
  defineLedger,
  type Ledger,
  type LedgerWriter,
  ledgerRef,
  type RecordedEvent,
} from '@weft/api';
import { type GatewayId, gatewayOfSlots, NAT_SLOTS_CATEGORY, natSlotEvents, type Section } from './nat-slots.types.ts';

/** How long a range drains after its interface has moved to one of another size or family (provider R-9): as long as most flows live, and NAT keeps idle ones. */
export const DRAIN_MS = 300_000;
/** How long a freed range rests (provider R-10): TIME_WAIT of the far ends, and the time until all hosts know. */
export const REST_MS = 240_000;

const SLOTS = [NAT_SLOTS_CATEGORY];

/** What slots are like. `at`: position of the gateway's spec that says so. `sinceMs`: Unix time of the change. */
export type NatShape = Readonly<{ ports: number; family: string; at: string; sinceMs: number }>;
/** Key: uid of the gateway. */
export const natShapes = ledgerRef<NatShape>('nat-shapes');

const shapesLedger = defineLedger(
  natShapes,
  ({ append }, records) => {
    const { uid } = gatewayOfSlots(append.stream);
    for (const event of natSlotEvents.in(append)) {
      if (event.type === 'NatPortsSet.v1') records.put(uid, { ...event.data, sinceMs: timeOf(event) });
      else if (event.type === 'NatSlotsClosed.v1') records.delete(uid);
    }
  },
  SLOTS,
);

/** `addresses`: those in use. `dropped`: slot of the gateway's request -> the latest request whose address is not used any more. */
export type NatTable = GatewayId &
  Readonly<{
    addresses: readonly Readonly<{ slot: string; since: number; ip: string }>[];
    dropped: Readonly<Record<string, number>>;
  }>;
/** A record from the first event on. Key: uid of the gateway. */
export const natTables = ledgerRef<NatTable>('nat-tables');

const tablesLedger = defineLedger(
  natTables,
  ({ append }, records) => {
    const gateway = gatewayOfSlots(append.stream);
    for (const event of natSlotEvents.in(append)) {
      const table = records.get(gateway.uid) ?? { ...gateway, addresses: [], dropped: {} };
      switch (event.type) {
        case 'NatPortsSet.v1':
          records.put(gateway.uid, table);
          break;
        case 'NatAddressUsed.v1':
          records.put(gateway.uid, { ...table, addresses: [...table.addresses, event.data] });
          break;
        case 'NatAddressDropped.v1': {
          const { slot, since } = event.data;
          const addresses = table.addresses.filter((each) => each.slot !== slot || each.since !== since);
          records.put(gateway.uid, { ...table, addresses, dropped: { ...table.dropped, [slot]: since } });
          break;
        }
        case 'NatSlotsClosed.v1':
          records.delete(gateway.uid);
      }
    }
  },
  SLOTS,
);

/** An event behind a row that is made of a record. */
export type SlotCause = Readonly<{ position: bigint; eventId: string }>;
/** `ordered`: the range is used only where it is opened for that. `opened`: as of which position it is, and the event that says so. */
type Order = Readonly<{ ordered?: true; opened?: SlotCause & Readonly<{ at: bigint }> }>;
/**
 * What one gateway gives to one interface. `holding`: number of this in the gateway's stream. `since`: the event that gave the section. `drains`: ranges that
 * it had before, until `untilMs` (Unix time), with the events that gave each and let it drain. `waits`: it is in the queue.
 */
export type NatHolding = Order &
  Readonly<{
    gateway: GatewayId;
    holding: number;
    section?: Section;
    /** `ms`: Unix time. */
    since?: SlotCause & Readonly<{ ms: number }>;
    drains?: readonly (Section & Order & Readonly<{ untilMs: number; since: readonly SlotCause[] }>)[];
    waits?: true;
  }>;
/** `left`: hosts where it was placed meanwhile, and is not any more. `placed`: where it is, since this position, if that is after it got something. */
export type NatHolder = Readonly<{
  namespace: string;
  name: string;
  holdings: readonly NatHolding[];
  left?: readonly string[];
  placed?: Readonly<{ position: bigint; ms: number }>;
}>;
/** Key: uid of the interface. A record outlives its interface, until the last range is given back. */
export const natSlotsOfNics = ledgerRef<NatHolder>('nat-slots');

const slotsLedger = defineLedger(
  natSlotsOfNics,
  (change, records) => {
    if (change.after !== undefined) noteInterface(change, records);
    else noteSlots(change, records);
  },
  [NAT_SLOTS_CATEGORY, AnyNetworkInterface.kind],
);

function noteSlots({ append }: Change, records: LedgerWriter<NatHolder>): void {
  const gateway = gatewayOfSlots(append.stream);
  for (const event of natSlotEvents.in(append)) {
    switch (event.type) {
      case 'NatSlotAllocated.v1': {
        const { nic, name, ip, port, ports, holding: number, ordered } = event.data;
        const cause = causeOf(event);
        update(nic, { name, number }, ({ waits: _, section, since, ordered: was, opened, drains = [], ...holding }) => {
          const order: Order = { ...(was && { ordered: was }), ...(opened && { opened }) };
          const drained = section && [
            ...drains,
            { ...section, ...order, untilMs: timeOf(event) + DRAIN_MS, since: [...(since ? [since] : []), cause] },
          ];
          const all = drained ?? drains;
          const given = { section: { ip, port, ports }, since: { ...cause, ms: timeOf(event) }, ...(ordered && { ordered }) };
          return { ...holding, ...given, ...(all.length > 0 && { drains: all }) };
        });
        break;
      }
      case 'NatSlotOpened.v1': {
        const { nic, at } = event.data;
        update(nic, {}, (holding) => ({ ...holding, opened: { ...causeOf(event), at: BigInt(at) } }));
        break;
      }
      case 'NatSlotAwaited.v1':
        update(event.data.nic, { name: event.data.name, number: event.data.holding }, (holding) => ({ ...holding, waits: true }));
        break;
      case 'NatSlotWithdrawn.v1':
        update(event.data.nic, {}, ({ waits: _, ...holding }) => holding);
        break;
      case 'NatSlotReleased.v1': {
        const { nic, ip, port } = event.data;
        update(nic, {}, ({ section, since, ordered, opened, drains = [], ...holding }) => {
          const isOther = (each: Section) => each.ip !== ip || each.port !== port;
          const left = drains.filter(isOther);
          const present = section &&
            isOther(section) && { section, ...(since && { since }), ...(ordered && { ordered }), ...(opened && { opened }) };
          return { ...holding, ...present, ...(left.length > 0 && { drains: left }) };
        });
        break;
      }
    }

    function update(
      nic: string,
      { name = '', number = 0 }: { name?: string; number?: number | undefined },
      change: (holding: NatHolding) => NatHolding,
    ): void {
      const holder = records.get(nic) ?? { namespace: gateway.namespace, name, holdings: [] };
      const others = holder.holdings.filter((each) => each.gateway.uid !== gateway.uid);
      const holding = change(holder.holdings.find((each) => each.gateway.uid === gateway.uid) ?? { gateway, holding: number });
      const isEmpty = holding.section === undefined && holding.drains === undefined && holding.waits === undefined;
      const holdings = isEmpty ? others : [...others, holding];
      if (holdings.length === 0) records.delete(nic);
      else records.put(nic, { ...holder, holdings });
    }
  }
}

function causeOf({ position, id }: RecordedEvent): SlotCause {
  return { position, eventId: id };
}

function timeOf({ metadata }: Pick<RecordedEvent, 'metadata'>): number {
  return Date.parse(metadata.time);
}

/** The position as of which hosts have to know the range of a holding, with its present place; undefined without a range. */
export function knownSince({ placed }: NatHolder, { since }: NatHolding): bigint | undefined {
  const [given, moved] = [since?.position, placed?.position];
  return given !== undefined && moved !== undefined && moved > given ? moved : given;
}

/** Whether the present host of the interface must not use this range yet, since edges may not know it there. */
export function isPending({ ordered, opened }: Order, since: bigint | undefined): boolean {
  return ordered === true && since !== undefined && (opened?.at ?? -1n) < since;
}

/** Notes where an interface with slots was placed until now, and since when it is where it is. */
function noteInterface(change: Change, records: LedgerWriter<NatHolder>): void {
  const { before, after } = changeOf(AnyNetworkInterface, change) ?? {};
  if (before === undefined) return;
  const { uid } = before.object.metadata;
  const holder = records.get(uid);
  if (holder === undefined) return;
  const { left = [] } = holder;
  const host = before.facts.placement?.host;
  const now = after?.object.metadata.uid === uid ? after.facts.placement?.host : undefined;
  if (now === host) return;
  const since = after?.facets['placement']?.position;
  const isOrdered = holder.holdings.some(({ ordered }) => ordered === true);
  const placed = isOrdered && now !== undefined && since !== undefined && { placed: { position: since, ms: timeOfAppend(change) } };
  const isLeft = host !== undefined && !left.includes(host);
  const { placed: former, ...rest } = holder;
  if (isLeft || placed || former) records.put(uid, { ...rest, ...(isLeft && { left: [...left, host] }), ...placed });
}

function timeOfAppend({ append }: Change): number {
  const [first] = append.events;
  return first === undefined ? 0 : timeOf(first);
}

/**
 * `requested`: interfaces that have or want a slot. `waiting`: length of the queue. `retry`: something has
 * become free since the queue was looked at. `occupied`: ranges of each address that are held or rest.
 */
export type NatUsage = GatewayId &
  Readonly<{ requested: number; waiting: number; retry: boolean; occupied: Readonly<Record<string, number>> }>;
/** Key: uid of the gateway. */
export const natUsage = ledgerRef<NatUsage>('nat-usage');

const usageLedger = defineLedger(
  natUsage,
  ({ append }, records) => {
    const gateway = gatewayOfSlots(append.stream);
    const events = natSlotEvents.in(append);
    if (events.length === 0) return;
    const before = records.get(gateway.uid) ?? { ...gateway, requested: 0, waiting: 0, retry: false, occupied: {} };
    if (events.some(({ type }) => type === 'NatSlotsClosed.v1')) records.delete(gateway.uid);
    else records.put(gateway.uid, events.reduce(counted, before));
  },
  SLOTS,
);

type SlotEvent = ReturnType<typeof natSlotEvents.in>[number];

function counted(usage: NatUsage, { type, data }: SlotEvent): NatUsage {
  const { requested, waiting } = usage;
  switch (type) {
    case 'NatSlotAwaited.v1':
      return { ...usage, waiting: waiting + 1, requested: requested + (data.holding === undefined ? 0 : 1) };
    case 'NatSlotAllocated.v1': {
      const waited = data.waited === true ? 1 : 0;
      const isNew = data.holding === undefined ? 0 : 1;
      const counts = { waiting: waiting - waited, requested: requested + isNew };
      return { ...usage, ...counts, occupied: occupiedBy(1 - (data.early?.length ?? 0), data.ip) };
    }
    case 'NatSlotWithdrawn.v1':
      return { ...usage, waiting: waiting - 1, requested: requested - (data.last === true ? 1 : 0) };
    case 'NatSlotReleased.v1':
      return { ...usage, requested: requested - (data.last === true ? 1 : 0) };
    case 'NatSlotRested.v1':
      return { ...usage, retry: true, occupied: occupiedBy(-1, data.ip) };
    case 'NatSlotConfirmed.v1':
    case 'NatPortsSet.v1':
    case 'NatAddressUsed.v1':
      return { ...usage, retry: true };
    case 'NatSlotsExhausted.v1':
      return { ...usage, retry: false };
    default:
      return usage;
  }

  function occupiedBy(more: number, ip: string): NatUsage['occupied'] {
    const { [ip]: count = 0, ...others } = usage.occupied;
    return count + more === 0 ? others : { ...others, [ip]: count + more };
  }
}

/** A record is there while interfaces wait for slots. Key: uid of the gateway. */
export const natShortages = ledgerRef<Readonly<{ isShort: true }>>('nat-shortages');
const SHORT = { isShort: true } as const;

const shortagesLedger = defineLedger(
  natShortages,
  ({ append }, records) => {
    const { uid } = gatewayOfSlots(append.stream);
    for (const { type } of natSlotEvents.in(append)) {
      // The same record each time, so that whoever reads it is asked again only when it comes or goes.
      if (type === 'NatSlotsExhausted.v1') records.put(uid, SHORT);
      else if (type === 'NatSlotsSufficed.v1') records.delete(uid);
    }
  },
  SLOTS,
);

/**
 * A range that rests. `rest`: number of its rest. `gone`: position as of which it is in no rows. `hosts` may have it until then. `untilMs` (Unix time):
 * when it has rested.
 */
export type NatRestRecord = Readonly<{
  gateway: GatewayId;
  ip: string;
  port: number;
  rest: number;
  gone: string;
  hosts: readonly string[];
  untilMs: number;
  confirmed?: true;
}>;
/** Key: `<stream> <ip> <port>`. */
export const natRests = ledgerRef<NatRestRecord>('nat-rests');

const restsLedger = defineLedger(
  natRests,
  ({ append }, records) => {
    const { stream } = append;
    const keyOf = ({ ip, port }: Readonly<{ ip: string; port: number }>) => `${stream} ${ip} ${port}`;
    for (const event of natSlotEvents.in(append)) {
      switch (event.type) {
        case 'NatSlotReleased.v1': {
          const { ip, port, hosts, rest } = event.data;
          const gone = event.position.toString();
          const untilMs = timeOf(event) + REST_MS;
          records.put(keyOf(event.data), { gateway: gatewayOfSlots(stream), ip, port, rest, gone, hosts, untilMs });
          break;
        }
        case 'NatSlotConfirmed.v1': {
          const rest = records.get(keyOf(event.data));
          if (rest !== undefined) records.put(keyOf(event.data), { ...rest, confirmed: true });
          break;
        }
        case 'NatSlotRested.v1':
          records.delete(keyOf(event.data));
          break;
        case 'NatSlotAllocated.v1':
          for (const port of event.data.early ?? []) records.delete(keyOf({ ...event.data, port }));
      }
    }
  },
  SLOTS,
);

export const natLedgers: readonly Ledger[] = [shapesLedger, tablesLedger, slotsLedger, usageLedger, shortagesLedger, restsLedger];
