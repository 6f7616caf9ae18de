/**
 * Control loops of slots: interfaces get them, give them back, and move when their size changes; freed ones rest. One interface that changes costs what is
 * its own, however many there are.
 */
import { AnyNetworkInterface, commandsOf, type Draft, type Loop, type LoopFacts, loopOverRecords, type NameIn, nameFrom } from '@weft/api';
import { networkOf } from './nat-gateway.kind.ts';
import { NatGateway } from './nat-gateway.types.ts';
import {
  hasAppliedSlots,
  hostOfNic,
  knowsSlots,
  type NatCandidate,
  natCandidate,
  serving,
  servingGateway,
  uidOfGateway,
} from './nat-gateway.views.ts';
import {
  DRAIN_MS,
  isPending,
  knownSince,
  type NatHolder,
  type NatHolding,
  type NatTable,
  natRests,
  natShapes,
  natShortages,
  natSlotsOfNics,
  natTables,
  natUsage,
} from './nat-slots.ledgers.ts';
import { type GatewayId, isPresent, type NatSlotsTypes, natSlotsOf, type Section } from './nat-slots.types.ts';

export const commandsFor = (gateway: GatewayId) => commandsOf<NatSlotsTypes>(natSlotsOf(gateway));

/** An interface gets a slot of the gateway that serves its Network, and another one when their size or family has changed. */
const allocateSlots: Loop = {
  name: 'allocate-nat-slots',
  context: 'lb',
  provider: 'weft',
  over: { kind: AnyNetworkInterface.kind },
  awaits: [NatGateway],
  awaitsWithin: { index: 'network', of: networkOf },
  owed: (key, facts) => {
    const { name } = nameFrom(key);
    const nic = facts.see(natCandidate, nameFrom(key));
    const drafts: Draft[] = [];
    if (nic === undefined || nic.deleting) return drafts;
    for (const family of nic.families) {
      const gateway = servingGateway(nic.network, family, facts);
      if (gateway !== undefined && needsSlot(nic.uid, gateway, facts)) {
        drafts.push(commandsFor(gateway)('AllocateSlot', { nic: nic.uid, name }));
      }
    }
    return drafts;
  },
};

function needsSlot(nic: string, { uid }: GatewayId, facts: LoopFacts): boolean {
  const shape = facts.record(natShapes, uid);
  if (shape === undefined) return false;
  const holding = facts.record(natSlotsOfNics, nic)?.holdings.find(({ gateway }) => gateway.uid === uid);
  if (holding?.waits === true) return false;
  return holding?.section === undefined || !isPresent(holding.section, shape);
}

/** So long at most do hosts wait for an edge that is in order, as far as is known, and does not say that it has the row. */
const OPEN_MS_MAX = 3_000;

/** A range is opened for the host of its interface once all edges know that its ports lead there; and after a while whatever they say. */
const openSlots = loopOverRecords(natSlotsOfNics, {
  name: 'open-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: (holder, uid, facts) =>
    holder.holdings.flatMap((holding): readonly Draft[] => {
      const { section, gateway, since } = holding;
      const at = knownSince(holder, holding);
      if (section === undefined || at === undefined || since === undefined || !isPending(holding, at)) return [];
      const isPlaced = facts.see(hostOfNic, holder) !== undefined && facts.see(natCandidate, holder)?.uid === uid;
      const waitedMs = Math.max(since.ms, holder.placed?.ms ?? 0) + OPEN_MS_MAX;
      if (!isPlaced || !(doEdgesKnow(at, facts) || facts.passed(waitedMs))) return [];
      return [commandsFor(gateway)('OpenSlot', { nic: uid, ip: section.ip, port: section.port, at: at.toString() })];
    }),
});

function doEdgesKnow(at: bigint, facts: LoopFacts): boolean {
  for (const knows of facts.seeAll(knowsSlots, 'role', 'Edge', at.toString())) if (!knows) return false;
  return true;
}

/** An interface gives back what it should not have (any more), and the ranges that have drained. One that is being deleted keeps its slots until its end. */
const releaseSlots = loopOverRecords(natSlotsOfNics, {
  name: 'release-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: (holder, uid, facts) => {
    const key: NameIn = { namespace: holder.namespace, name: holder.name };
    const seen = facts.see(natCandidate, key);
    const nic = seen?.uid === uid ? seen : undefined;
    return holder.holdings.flatMap((holding): readonly Draft[] => {
      const command = commandsFor(holding.gateway);
      if (nic !== undefined && isServed(nic, holding, facts)) {
        return drainedOf(holding, facts).map(({ ip, port }) =>
          command('ReleaseDrained', { nic: uid, ip, port, hosts: hostsOf(holder, key, facts) }),
        );
      }
      const hosts = nic === undefined ? [...(holder.left ?? [])] : hostsOf(holder, key, facts);
      return [command('ReleaseSlots', { nic: uid, holding: holding.holding, hosts })];
    });
  },
});

/** The ranges that have drained. One that waits for another keeps its former range as long as one that has moved. */
function drainedOf({ gateway, section, drains = [] }: NatHolding, facts: LoopFacts): readonly Section[] {
  const drained = drains.filter(({ untilMs }) => facts.passed(untilMs));
  const shape = facts.record(natShapes, gateway.uid);
  const isFormer = section !== undefined && shape !== undefined && !isPresent(section, shape);
  return isFormer && facts.passed(shape.sinceMs + DRAIN_MS) ? [...drained, section] : drained;
}

function isServed(nic: NatCandidate, { gateway }: NatHolding, facts: LoopFacts): boolean {
  const served = facts.see(serving, gateway);
  if (served?.uid !== gateway.uid || served.network !== nic.network || !nic.families.includes(served.family)) return false;
  return servingGateway(served.network, served.family, facts)?.uid === gateway.uid;
}

/** The hosts where a living interface is or was placed since it has something. */
function hostsOf({ left = [] }: NatHolder, key: NameIn, facts: LoopFacts): string[] {
  const host = facts.see(hostOfNic, key);
  return host === undefined || left.includes(host) ? [...left] : [...left, host];
}

/** What has become free goes to the queue, some at a time: the command says how many wait, so the next one is another thing that is owed. */
const fillSlots = loopOverRecords(natUsage, {
  name: 'fill-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: (usage) => (usage.waiting > 0 && usage.retry ? [commandsFor(usage)('FillSlots', { waiting: usage.waiting })] : []),
});

/**
 * A freed range has rested once its hosts have confirmed that it is gone and its time has passed (provider R-10). When interfaces wait, the confirmed
 * ones can be given before; when the gateway goes, nobody waits for their time, since its addresses rest with their pool.
 */
const restSlots = loopOverRecords(natRests, {
  name: 'rest-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: ({ gateway, ip, port, rest, gone, hosts, untilMs, confirmed }, _key, facts) => {
    const isServed = facts.see(serving, gateway)?.uid === gateway.uid;
    if (hosts.some((name) => facts.see(hasAppliedSlots, { name }, gone) === false)) return [];
    const command = commandsFor(gateway);
    if (facts.passed(untilMs) || !isServed) return [command('RestSlot', { ip, port, rest })];
    const isShort = confirmed === undefined && facts.record(natShortages, gateway.uid) !== undefined;
    return isShort ? [command('ConfirmSlot', { ip, port, rest })] : [];
  },
});

/** When a gateway has gone, its addresses are dropped as they become empty, and then its slots are closed for good. */
const closeSlots = loopOverRecords(natTables, {
  name: 'close-nat-slots',
  context: 'lb',
  provider: 'weft',
  owed: (table, uid, facts) => {
    if (facts.see(uidOfGateway, table) === uid) return [];
    const drops = table.addresses.filter(({ ip }) => isEmpty(table, ip, facts)).map(({ slot, since }) => ({ slot, since }));
    const command = commandsFor(table);
    if (drops.length > 0) return drops.map((dropped) => command('DropAddress', dropped));
    const isUnused = table.addresses.length === 0 && (facts.record(natUsage, uid)?.requested ?? 0) === 0;
    return isUnused ? [command('CloseSlots', {})] : [];
  },
});

/** Whether nothing of an address is held or rests. */
export function isEmpty({ uid }: NatTable, ip: string, facts: LoopFacts): boolean {
  return facts.record(natUsage, uid)?.occupied[ip] === undefined;
}

export const natSlotLoops: readonly Loop[] = [allocateSlots, openSlots, releaseSlots, fillSlots, restSlots, closeSlots];
