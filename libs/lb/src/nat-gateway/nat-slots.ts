/**
 * NatSlots: which interface has which ports of which address of a NATGateway (provider 1.6, R-8 to R-12). One stream for each incarnation of a gateway.
 *
 *   free ──AllocateSlot, FillSlots──> held ──OpenSlot──> open
 *                                      │
 *                                      ├──ReleaseSlots──> resting ──RestSlot──> free
 *                                      │                     └──ConfirmSlot──> confirmed ──(nothing else is free)──> held
 *                                      └──(another size or family)──> drains ──ReleaseDrained──> resting
 *
 * At any position a port of an address has one holder at most, and rests before it has another. The choice is a function of the log: the address with
 * the most ranges in use, and of it the lowest free slot. When nothing is free, the confirmed one that has rested longest; when there is none either, the
 * interface queues.
 */
import { accepted, type Decision, defineReservation, familyOfIp, type ReservationModule } from '@weft/api';
import {
  gatewayOfSlots,
  type Holder,
  isPresent,
  NAT_SLOTS_CATEGORY,
  type NatAddress,
  type NatRest,
  type NatSlotFact,
  type NatSlots,
  type NatSlotsTypes,
  natSlotCommands,
  natSlotEvents,
  type Section,
  slotNumber,
} from './nat-slots.types.ts';
import { FreeSlots, portOfSlot } from './port-ranges.ts';

/** Interfaces of the queue that one command serves, so that its append stays small. */
const FILLED_MAX = 64;

export const natSlots: ReservationModule<NatSlots> = defineReservation<NatSlotsTypes>({
  category: NAT_SLOTS_CATEGORY,
  context: 'lb',
  partitionKey: (stream) => gatewayOfSlots(stream).namespace,
  initial: () => ({
    closed: false,
    next: 1,
    portsAt: -1n,
    addresses: new Map(),
    dropped: new Map(),
    holders: new Map(),
    waiting: new Set(),
    resting: new Map(),
  }),
  events: natSlotEvents,
  commands: natSlotCommands,
  decide: {
    SetPorts: (set, { closed, portsAt }) => accepted(closed || BigInt(set.at) <= portsAt ? [] : [{ type: 'NatPortsSet.v1', data: set }]),
    UseAddress: (used, { closed, addresses, dropped }) => {
      const isLate = closed || addresses.has(used.ip) || (dropped.get(used.slot) ?? 0) >= used.since;
      return accepted(isLate ? [] : [{ type: 'NatAddressUsed.v1', data: used }]);
    },
    DropAddress: ({ slot, since }, { addresses, dropped }) => {
      if ((dropped.get(slot) ?? 0) >= since) return accepted([]);
      const used = [...addresses.values()].find((each) => each.slot === slot && each.since === since);
      if (used !== undefined && used.held + used.resting > 0) return accepted([]);
      return accepted([{ type: 'NatAddressDropped.v1', data: { slot, since, ...(used && { ip: used.ip }) } }]);
    },
    AllocateSlot: allocated,
    FillSlots: (_, state) => filled(state),
    OpenSlot: (range, { holders }) => {
      const { section, opened = -1n } = holders.get(range.nic) ?? {};
      const isPresentOne = section?.ip === range.ip && section.port === range.port;
      return accepted(isPresentOne && BigInt(range.at) > opened ? [{ type: 'NatSlotOpened.v1', data: range }] : []);
    },
    ReleaseSlots: released,
    ReleaseDrained: ({ nic, ip, port, hosts }, state) => {
      const holder = state.holders.get(nic);
      const sections = holder === undefined ? [] : sectionsOfHolder(holder);
      const section = sections.find((each) => each.ip === ip && each.port === port);
      if (section === undefined || (section === holder?.section && isPresent(section, state))) return accepted([]);
      const last = sections.length === 1 && !state.waiting.has(nic) && { last: true as const };
      return accepted([{ type: 'NatSlotReleased.v1', data: { nic, ...section, hosts, rest: state.next, ...last } }]);
    },
    ConfirmSlot: ({ ip, port, rest }, { resting }) => {
      const present = resting.get(restKey(ip, port));
      const isDone = present?.rest !== rest || present.confirmed;
      return accepted(isDone ? [] : [{ type: 'NatSlotConfirmed.v1', data: { ip, port } }]);
    },
    RestSlot: ({ ip, port, rest }, { resting }) =>
      accepted(resting.get(restKey(ip, port))?.rest === rest ? [{ type: 'NatSlotRested.v1', data: { ip, port } }] : []),
    CloseSlots: (_, { closed, addresses, holders }) =>
      accepted(closed || addresses.size > 0 || holders.size > 0 ? [] : [{ type: 'NatSlotsClosed.v1', data: {} }]),
  },
  evolve: {
    'NatPortsSet.v1': (state, { ports, family, at }) => {
      state.portsAt = BigInt(at);
      state.family = family;
      if (ports === state.ports) return;
      state.ports = ports;
      for (const address of state.addresses.values()) address.slots = new FreeSlots(ports);
      for (const section of sectionsOf(state)) state.addresses.get(section.ip)?.slots?.take(section);
    },
    'NatAddressUsed.v1': (state, used) => {
      const slots = state.ports === undefined ? {} : { slots: new FreeSlots(state.ports) };
      const addresses = [...state.addresses.values(), { ...used, held: 0, resting: 0, ...slots }];
      state.addresses = new Map(addresses.sort((a, b) => slotNumber(a.slot) - slotNumber(b.slot)).map((each) => [each.ip, each]));
    },
    'NatAddressDropped.v1': (state, { slot, since, ip }) => {
      state.dropped.set(slot, since);
      state.addresses = new Map([...state.addresses].filter(([each]) => each !== ip));
    },
    'NatSlotAllocated.v1': (state, { nic, name, ip, port, ports, holding: given = 0, early = [] }) => {
      const section: Section = { ip, port, ports };
      for (const each of early) endRest(state, ip, each);
      const { holding = given, section: former, drains = [] } = state.holders.get(nic) ?? {};
      state.next = Math.max(state.next, given + 1);
      state.holders.set(nic, { name, holding, section, drains: former === undefined ? drains : [...drains, former] });
      state.waiting.delete(nic);
      const address = addressOf(state, ip);
      address.held++;
      address.slots?.take(section);
    },
    'NatSlotOpened.v1': (state, { nic, at }) => {
      const holder = state.holders.get(nic);
      if (holder !== undefined) state.holders.set(nic, { ...holder, opened: BigInt(at) });
    },
    'NatSlotAwaited.v1': (state, { nic, name, holding = 0 }) => {
      state.waiting.add(nic);
      state.next = Math.max(state.next, holding + 1);
      if (!state.holders.has(nic)) state.holders.set(nic, { name, holding, drains: [] });
    },
    'NatSlotWithdrawn.v1': (state, { nic }) => {
      state.waiting.delete(nic);
      forgetEmpty(state, nic);
    },
    'NatSlotsExhausted.v1': () => {},
    'NatSlotsSufficed.v1': () => {},
    'NatSlotReleased.v1': (state, { nic, ip, port, ports, rest }) => {
      const section: Section = { ip, port, ports };
      const holder = state.holders.get(nic);
      if (holder !== undefined) state.holders.set(nic, without(holder, section));
      forgetEmpty(state, nic);
      const address = addressOf(state, ip);
      address.held--;
      address.resting++;
      state.next = Math.max(state.next, rest + 1);
      state.resting.set(restKey(ip, port), { section, rest, confirmed: false });
    },
    'NatSlotConfirmed.v1': (state, { ip, port }) => {
      const key = restKey(ip, port);
      const rest = state.resting.get(key);
      if (rest !== undefined) state.resting.set(key, { ...rest, confirmed: true });
    },
    'NatSlotRested.v1': (state, { ip, port }) => endRest(state, ip, port),
    'NatSlotsClosed.v1': (state) => {
      state.closed = true;
    },
  },
});

function allocated({ nic, name }: NatSlotsTypes['commands']['AllocateSlot'], state: NatSlots): Decision<NatSlotFact> {
  const { closed, ports, holders, waiting, next } = state;
  const holder = holders.get(nic);
  const section = holder?.section;
  if (closed || ports === undefined || waiting.has(nic) || (section && isPresent(section, state))) return accepted([]);
  const holding = holder === undefined && { holding: next };
  // Whoever waits already comes first.
  const [free] = waiting.size === 0 ? freeSections(state) : [];
  if (free !== undefined) return accepted([{ type: 'NatSlotAllocated.v1', data: { nic, name, ...free, ...holding, ordered: true } }]);
  const awaited: NatSlotFact = { type: 'NatSlotAwaited.v1', data: { nic, name, ...holding } };
  return accepted(waiting.size === 0 ? [awaited, EXHAUSTED] : [awaited]);
}

const EXHAUSTED: NatSlotFact = { type: 'NatSlotsExhausted.v1', data: {} };
const SUFFICED: NatSlotFact = { type: 'NatSlotsSufficed.v1', data: {} };

function filled(state: NatSlots): Decision<NatSlotFact> {
  const { holders, waiting } = state;
  const facts: NatSlotFact[] = [];
  const free = freeSections(state);
  for (const nic of waiting) {
    if (facts.length === FILLED_MAX) return accepted(facts);
    const { name, section } = holders.get(nic) as Holder;
    if (section !== undefined && isPresent(section, state)) {
      // The spec changed back while it waited.
      facts.push({ type: 'NatSlotWithdrawn.v1', data: { nic } });
      continue;
    }
    const next = free.next();
    if (next.done === true) return accepted([...facts, EXHAUSTED]);
    facts.push({ type: 'NatSlotAllocated.v1', data: { nic, name, ...next.value, waited: true, ordered: true } });
  }
  return accepted(facts.length === 0 ? [] : [...facts, SUFFICED]);
}

function released({ nic, holding, hosts }: NatSlotsTypes['commands']['ReleaseSlots'], state: NatSlots): Decision<NatSlotFact> {
  const { holders, waiting, next } = state;
  const holder = holders.get(nic);
  if (holder === undefined || holder.holding !== holding) return accepted([]);
  const sections = sectionsOfHolder(holder);
  const facts: NatSlotFact[] = [];
  if (waiting.has(nic)) {
    facts.push({ type: 'NatSlotWithdrawn.v1', data: { nic, ...(sections.length === 0 && { last: true }) } });
    if (waiting.size === 1) facts.push(SUFFICED);
  }
  sections.forEach((section, i) => {
    const last = i === sections.length - 1 && { last: true as const };
    facts.push({ type: 'NatSlotReleased.v1', data: { nic, ...section, hosts, rest: next + i, ...last } });
  });
  return accepted(facts);
}

type Free = Section & Readonly<{ early?: number[] }>;

/** The slots that are given next, in this order, each as if those before it were given. A slot that is given makes its address no less used. */
function* freeSections(state: NatSlots): IterableIterator<Free> {
  const { ports, family, addresses } = state;
  if (ports === undefined) return;
  const usable = [...addresses.values()].filter(({ ip }) => familyOfIp(ip) === family);
  // Sorting is stable: with equal use, the first address comes first.
  for (const { ip, slots } of usable.sort((a, b) => b.held - a.held)) {
    for (const port of slots?.freePorts() ?? []) yield { ip, port, ports };
  }
  yield* restingSections(usable, ports, state);
}

/** Slots in which nothing lies but confirmed rests, in the order in which these began. */
function* restingSections(usable: readonly NatAddress[], ports: number, { addresses, resting }: NatSlots): IterableIterator<Free> {
  const found = new Map<string, NatRest[]>();
  const ended = new Set<NatRest>();
  for (const rest of resting.values()) {
    const { ip } = rest.section;
    const address = addresses.get(ip);
    if (!rest.confirmed || address?.slots === undefined || !usable.includes(address)) continue;
    for (const slot of address.slots.touched(rest.section)) {
      const port = portOfSlot(slot, ports);
      const rests = found.get(restKey(ip, port)) ?? [];
      rests.push(rest);
      found.set(restKey(ip, port), rests);
      if (rests.length < address.slots.takenIn(slot)) continue;
      const early = rests.filter((each) => !ended.has(each)).map(({ section }) => section.port);
      for (const each of rests) ended.add(each);
      yield { ip, port, ports, ...(early.length > 0 && { early }) };
    }
  }
}

function restKey(ip: string, port: number): string {
  return `${ip} ${port}`;
}

function addressOf({ addresses }: NatSlots, ip: string): NatAddress {
  const address = addresses.get(ip);
  if (address === undefined) throw new Error(`NAT slots: ${ip} is not among the addresses`);
  return address;
}

function endRest(state: NatSlots, ip: string, port: number): void {
  const rest: NatRest | undefined = state.resting.get(restKey(ip, port));
  if (rest === undefined) return;
  state.resting.delete(restKey(ip, port));
  const address = addressOf(state, ip);
  address.resting--;
  address.slots?.give(rest.section);
}

function* sectionsOf({ holders, resting }: NatSlots): IterableIterator<Section> {
  for (const holder of holders.values()) yield* sectionsOfHolder(holder);
  for (const { section } of resting.values()) yield section;
}

function sectionsOfHolder({ section, drains }: Pick<Holder, 'section' | 'drains'>): readonly Section[] {
  return section === undefined ? drains : [section, ...drains];
}

function without({ section, ...holder }: Holder, { ip, port }: Section): Holder {
  const isOther = (each: Section) => each.ip !== ip || each.port !== port;
  const drains = holder.drains.filter(isOther);
  return section !== undefined && isOther(section) ? { ...holder, section, drains } : { ...closed(holder), drains };
}

function closed({ opened: _, ...holder }: Omit<Holder, 'section'>): Omit<Holder, 'section'> {
  return holder;
}

function forgetEmpty({ holders, waiting }: NatSlots, nic: string): void {
  const holder = holders.get(nic);
  if (holder !== undefined && !waiting.has(nic) && sectionsOfHolder(holder).length === 0) holders.delete(nic);
}
