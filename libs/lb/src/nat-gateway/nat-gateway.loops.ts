/** Control loops of NATGateways: how many addresses they want, which of them their slots use, and what their conditions say. */
import {
  act,
  type ConditionFact,
  conditionOf,
  type Draft,
  type Folded,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  nameFrom,
  ready,
  specOf,
} from '@weft/api';
import { gatewayFinalizer, natAddresses, networkOf, reportFacts, wantFacts, wantsAny } from './nat-gateway.kind.ts';
import { NatGateway, type NatGatewayTypes } from './nat-gateway.types.ts';
import { networkExists, servingGateway } from './nat-gateway.views.ts';
import { type NatTable, natShapes, natTables, natUsage } from './nat-slots.ledgers.ts';
import { commandsFor, isEmpty } from './nat-slots.loops.ts';
import { slotNumber } from './nat-slots.types.ts';
import { PORTS_MAX, slotsPerAddress } from './port-ranges.ts';

type Gateway = Folded<NatGatewayTypes>;
type Family = 'IPv4' | 'IPv6';

/** A gateway has 1 to 10 addresses (resources 2.11, provider 1.7). */
const ADDRESSES_MAX = 10;
const SLOT_NAMES = Array.from({ length: ADDRESSES_MAX }, (_, i) => `ip${i + 1}`);

function idOf({ key: { namespace = '', name }, object }: Gateway) {
  return { namespace, name, uid: object.metadata.uid };
}

function portsOf({ object }: Gateway): number {
  return specOf(object).portsPerNetworkInterface ?? 0;
}

/** As its rules have checked it. */
function familyOf({ object }: Gateway): Family {
  return specOf(object).ipFamily === 'IPv6' ? 'IPv6' : 'IPv4';
}

/** Position (decimal) of the newest change of what shapes its slots. */
function specChangedAt({ facets }: Gateway): string {
  let newest = 0n;
  for (const facet of ['created', 'spec.ipFamily', 'spec.portsPerNetworkInterface']) {
    const position = facets[facet]?.position ?? 0n;
    if (position > newest) newest = position;
  }
  return newest.toString();
}

/** The oldest gateway of this family in its Network, if this is another one. */
function rivalOf(gateway: Gateway, facts: LoopFacts): string | undefined {
  const first = servingGateway(networkOf(gateway), familyOf(gateway), facts);
  return first === undefined || first.uid === gateway.object.metadata.uid ? undefined : first.name;
}

/** How many addresses the gateway needs (provider R-13). */
function addressesNeeded(gateway: Gateway, facts: LoopFacts): number {
  const shape = facts.record(natShapes, gateway.object.metadata.uid);
  const isUseless =
    isDeleting(gateway) ||
    shape === undefined ||
    rivalOf(gateway, facts) !== undefined ||
    facts.see(networkExists, nameFrom(networkOf(gateway))) === undefined;
  if (isUseless) return 0;
  const { requested } = facts.record(natUsage, gateway.object.metadata.uid) ?? { requested: 0 };
  return Math.min(Math.max(Math.ceil(requested / slotsPerAddress(shape.ports)), 1), ADDRESSES_MAX);
}

/** `needed`: slots of the present family, those in most use. `surplus`: all others. `dropped`: those that its NAT slots will not use any more. */
type Slots = Readonly<{ needed: readonly string[]; surplus: readonly string[]; dropped: readonly string[]; missing: number }>;

/** New ranges go to the address in most use (provider R-12), so the addresses in least use are those that become empty. */
function slotsOf(gateway: Gateway, table: NatTable | undefined, facts: LoopFacts): Slots {
  const family = familyOf(gateway);
  const { wanted = {} } = gateway.facts.publicAddresses ?? {};
  const dropped: string[] = [];
  const usable: string[] = [];
  const others: string[] = [];
  for (const slot of Object.keys(wanted).sort((a, b) => slotNumber(a) - slotNumber(b))) {
    const { family: has, since } = wanted[slot] as (typeof wanted)[string];
    if ((table?.dropped[slot] ?? 0) >= since) dropped.push(slot);
    else (has === family ? usable : others).push(slot);
  }
  const { held = {} } = gateway.facts.publicAddresses ?? {};
  const occupied = facts.record(natUsage, gateway.object.metadata.uid)?.occupied ?? {};
  const useOf = (slot: string) => occupied[held[slot] ?? ''] ?? 0;
  usable.sort((a, b) => useOf(b) - useOf(a) || slotNumber(a) - slotNumber(b));
  const count = addressesNeeded(gateway, facts);
  const needed = usable.slice(0, count);
  return { needed, surplus: [...usable.slice(count), ...others], dropped, missing: count - needed.length };
}

/** The gateway asks for as many addresses as its interfaces need, and gives up those that its slots have dropped. */
const wantAddresses = loopOver(NatGateway, {
  name: 'want-nat-addresses',
  context: 'lb',
  provider: 'weft',
  owed: (gateway, facts) => {
    const { uid } = gateway.object.metadata;
    const table = facts.record(natTables, uid);
    const { needed, surplus, dropped, missing } = slotsOf(gateway, table, facts);
    const { wanted = {}, held = {} } = gateway.facts.publicAddresses ?? {};
    // A dropped slot is free for another address one step later.
    const fresh = SLOT_NAMES.filter((slot) => wanted[slot] === undefined).slice(0, missing);
    const slots: Record<string, Family> = {};
    for (const slot of [...needed, ...surplus.filter((each) => held[each] !== undefined)]) {
      slots[slot] = (wanted[slot] as (typeof wanted)[string]).family;
    }
    for (const slot of fresh) slots[slot] = familyOf(gateway);
    const payload = { uid, slots, dropped: Object.fromEntries(dropped.map((slot) => [slot, table?.dropped[slot] ?? 0])) };
    return wantFacts(gateway, payload).length === 0 ? [] : [act(NatGateway, gateway.key, 'WantAddresses', payload)];
  },
});

/** Its slots have the size that the spec says, if an address has room for it, and use its addresses. A surplus address is dropped once it is empty. */
const setSlots = loopOver(NatGateway, {
  name: 'set-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: (gateway, facts) => {
    const id = idOf(gateway);
    const command = commandsFor(id);
    const drafts: Draft[] = [];
    const table = facts.record(natTables, id.uid);
    const ports = portsOf(gateway);
    const family = familyOf(gateway);
    const at = specChangedAt(gateway);
    if (!isDeleting(gateway) && ports <= PORTS_MAX && facts.record(natShapes, id.uid)?.at !== at)
      drafts.push(command('SetPorts', { ports, family, at }));
    const { needed, surplus } = slotsOf(gateway, table, facts);
    const { wanted = {}, held = {} } = gateway.facts.publicAddresses ?? {};
    for (const slot of [...needed, ...surplus]) {
      const ip = held[slot];
      const since = wanted[slot]?.since ?? 0;
      if (ip === undefined) continue;
      const isUsed = table?.addresses.some((each) => each.slot === slot && each.since === since) === true;
      if (needed.includes(slot)) {
        if (!isUsed) drafts.push(command('UseAddress', { slot, since, ip }));
      } else if (table === undefined || !isUsed || isEmpty(table, ip, facts)) drafts.push(command('DropAddress', { slot, since }));
    }
    return drafts;
  },
});

/** What people see. No text has a number that changes with each interface. */
function conditionsOf(gateway: Gateway, facts: LoopFacts): readonly ConditionFact[] {
  const { uid } = gateway.object.metadata;
  const conditions = [readiness(gateway, facts)];
  const ports = portsOf(gateway);
  const shape = facts.record(natShapes, uid);
  if (ports > PORTS_MAX) {
    const now = shape === undefined ? 'no interface is served' : `slots stay at ${shape.ports} ports`;
    const message = `an address has no room for ranges of ${ports} ports, but for ${PORTS_MAX} at most; ${now}`;
    conditions.push({ type: 'PortsUnsupported', status: 'True', reason: 'TooManyPorts', message });
  }
  const exhausted = exhaustion(gateway, facts);
  if (exhausted !== undefined) conditions.push({ type: 'NATPortsExhausted', status: 'True', ...exhausted });
  return conditions;
}

function readiness(gateway: Gateway, facts: LoopFacts): ConditionFact {
  const { key, object } = gateway;
  const no = (reason: string, message: string) => ready('False', reason, message);
  if (isDeleting(gateway)) return no('Deleting', 'its deletion was asked for; it waits until no host has ports of it any more');
  const network = specOf(object).networkRef?.name ?? '';
  const family = familyOf(gateway);
  const rival = rivalOf(gateway, facts);
  if (rival !== undefined) return no('AnotherGateway', `NATGateway "${rival}", which is older, serves ${family} of Network "${network}"`);
  if (facts.see(networkExists, { namespace: key.namespace ?? '', name: network }) === undefined) {
    return no('NetworkNotFound', `waits for Network "${network}"`);
  }
  if (portsOf(gateway) > PORTS_MAX && facts.record(natShapes, object.metadata.uid) === undefined) {
    return no('PortsUnsupported', 'its port ranges are too large');
  }
  if (Object.keys(gateway.facts.publicAddresses?.held ?? {}).length > 0) return ready('True', 'Available', `serves Network "${network}"`);
  const answer = conditionOf(object, 'AddressesAllocated');
  return answer?.status === 'False' ? no(answer.reason, answer.message) : no('AddressPending', 'waits for a public address');
}

/** Why interfaces wait for ports, or for ones of another size; undefined while none does, or an address is under way. */
function exhaustion(gateway: Gateway, facts: LoopFacts): Pick<ConditionFact, 'reason' | 'message'> | undefined {
  const { uid } = gateway.object.metadata;
  const table = facts.record(natTables, uid);
  const usage = facts.record(natUsage, uid);
  const needed = addressesNeeded(gateway, facts);
  if (needed === 0 || table === undefined || usage === undefined || usage.waiting === 0 || usage.retry) return undefined;
  if (table.addresses.length >= needed) {
    const all = needed === ADDRESSES_MAX ? `all ${ADDRESSES_MAX} addresses, which is the most,` : 'its addresses';
    return { reason: 'PortsInUse', message: `interfaces wait for ports: those of ${all} are in use or rest` };
  }
  const answer = conditionOf(gateway.object, 'AddressesAllocated');
  if (answer?.status !== 'False' || answer.reason === 'AddressPending') return undefined;
  return { reason: answer.reason, message: `interfaces wait for ports, and there is no further address: ${answer.message}` };
}

const reportGateways = loopOver(NatGateway, {
  name: 'report-nat-gateways',
  context: 'lb',
  provider: 'weft',
  owed: (gateway, facts) => {
    const payload = { uid: gateway.object.metadata.uid, conditions: [...conditionsOf(gateway, facts)] };
    return reportFacts(gateway, payload).length === 0 ? [] : [act(NatGateway, gateway.key, 'Report', payload)];
  },
});

/** The finalizer is added again when a client removes it, and removed when a deleted gateway has no address any more. */
const protectGateways = loopOver(NatGateway, {
  name: 'protect-nat-gateways',
  context: 'lb',
  owed: (gateway) => {
    if (!isDeleting(gateway)) return gatewayFinalizer.isOn(gateway) ? [] : [act(NatGateway, gateway.key, 'Protect', {})];
    return gatewayFinalizer.isOn(gateway) && !wantsAny(gateway) ? [act(NatGateway, gateway.key, 'Unprotect', {})] : [];
  },
});

export const natGatewayLoops: readonly Loop[] = [natAddresses.loop, wantAddresses, setSlots, reportGateways, protectGateways];
