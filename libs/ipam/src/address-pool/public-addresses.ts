/**
 * PublicAddresses: which object has which address of which pool. One stream for all pools.
 *
 *   never given ──AllocateAddress──> held ──ReleaseAddress──> resting ──RestAddress──> rested ──AllocateAddress──> held …
 *
 * Pools are tried in the order that the request names. A pool gives the lowest address that was never given, prefix after prefix, and when there is none,
 * the one that has rested longest (provider 1.3, R-3). An address that is held or rests is never given, whatever becomes of its pool. A command costs
 * O(prefixes and exclusions of the pools), not addresses.
 */
import {
  accepted,
  type Claim,
  type Decision,
  defineReservation,
  type FieldError,
  familyOfIp,
  firstFew,
  forbidden,
  grantKey,
  invalid,
  invalidStatus,
  ipOfNumber,
  numberOfIp,
  type ReservationModule,
  rangesOverlap,
  rejected,
} from '@weft/api';
import { type AddressRanges, commonOf, firstFrom, isOfPrefix, mayGive, rangesOfPool, united, without } from './address-ranges.ts';
import {
  type Ask,
  type Pool,
  PUBLIC_ADDRESSES,
  PUBLIC_ADDRESSES_CATEGORY,
  type PublicAddressPools,
  type PublicAddressPoolTypes,
  publicAddressPoolCommands,
  publicAddressPoolEvents,
  type Slot,
} from './public-addresses.types.ts';

type PoolFact = {
  [E in keyof PublicAddressPoolTypes['events']]: Readonly<{ type: E; data: PublicAddressPoolTypes['events'][E] }>;
}[keyof PublicAddressPoolTypes['events']];

/** As refusals name the kind. */
const ADDRESS_POOLS = { group: 'fabric.weft.dev', kind: 'AddressPool' } as const;

/** Slots that one command serves, so that its append stays small. */
const FILLED_MAX = 64;

export const publicAddresses: ReservationModule<PublicAddressPools> = defineReservation<PublicAddressPoolTypes>({
  category: PUBLIC_ADDRESSES_CATEGORY,
  context: 'ipam',
  partitionKey: (stream) => stream,
  initial: () => ({
    pools: new Map(),
    slots: new Map(),
    waiting: new Set(),
    taken: new Set(),
    resting: new Map(),
    rested: new Map(),
    next: new Map(),
    skipped: new Map(),
  }),
  events: publicAddressPoolEvents,
  commands: publicAddressPoolCommands,
  decide: {
    DefinePool: (wanted, { pools, slots }) => {
      const { pool, request, now } = wanted;
      if (pools.get(pool)?.request === request) return accepted([]);
      const ranges = rangesOfPool(now);
      const errors = [...overlapErrors(pool, ranges, pools), ...heldErrors(pool, ranges, slots.values())];
      if (errors.length > 0) return rejected(invalidStatus(ADDRESS_POOLS, pool, errors));
      return accepted([{ type: 'AddressPoolDefined.v1', data: wanted }]);
    },
    UndefinePool: ({ pool, request, before }, { pools }) => {
      if (pools.get(pool)?.request !== request) return accepted([]);
      if (before === undefined) return accepted([{ type: 'AddressPoolRemoved.v1', data: { pool } }]);
      return accepted([{ type: 'AddressPoolDefined.v1', data: { pool, request: undone(request), now: before } }]);
    },
    RemovePool: ({ pool }, { pools }) => accepted(pools.has(pool) ? [{ type: 'AddressPoolRemoved.v1', data: { pool } }] : []),
    AllocateAddress: (ask, state) => {
      const present = state.slots.get(grantKey(ask.uid, ask.slot));
      if (present !== undefined && (present.ip !== undefined || present.since > ask.since)) return accepted([]);
      const found = firstOf(freeAddresses(ask, state));
      const waited = present !== undefined;
      if (found !== undefined) return accepted([{ type: 'AddressAllocated.v1', data: { ...ask, ...found, ...(waited && { waited }) } }]);
      const isSaid = present?.since === ask.since && present.pools.join() === ask.pools.join();
      return accepted(isSaid ? [] : [{ type: 'AddressAwaited.v1', data: { ...ask, ...(waited && { again: true }) } }]);
    },
    FillAwaited: (_, state) => filled(state),
    ReleaseAddress: ({ uid, slot, since }, { slots }) => {
      const present = slots.get(grantKey(uid, slot));
      if (present?.since !== since) return accepted([]);
      const { pool, ip } = present;
      if (pool === undefined || ip === undefined) return accepted([{ type: 'AddressRequestWithdrawn.v1', data: { uid, slot, since } }]);
      return accepted([{ type: 'AddressReleased.v1', data: { uid, slot, since, pool, ip } }]);
    },
    RestAddress: (released, { resting }) => {
      const { uid, slot, since } = resting.get(released.ip) ?? {};
      const isIt = uid === released.uid && slot === released.slot && since === released.since;
      return accepted(isIt ? [{ type: 'AddressRested.v1', data: released }] : []);
    },
  },
  evolve: {
    'AddressPoolDefined.v1': (state, { pool, request, now }) => {
      noteSkipped(pool, state);
      state.pools.set(pool, { request, ranges: rangesOfPool(now) });
    },
    'AddressPoolRemoved.v1': (state, { pool }) => {
      noteSkipped(pool, state);
      state.pools.delete(pool);
    },
    'AddressAllocated.v1': (state, given) => {
      const key = grantKey(given.uid, given.slot);
      state.slots.set(key, { ...askOf(given), pool: given.pool, ip: given.ip });
      state.waiting.delete(key);
      state.taken.add(given.ip);
      if (state.rested.get(given.pool)?.delete(given.ip) !== true) passOver(given, state);
    },
    'AddressAwaited.v1': (state, ask) => {
      const key = grantKey(ask.uid, ask.slot);
      state.slots.set(key, askOf(ask));
      state.waiting.add(key);
    },
    'AddressesExhausted.v1': () => {},
    'AddressReleased.v1': (state, released) => {
      state.slots.delete(grantKey(released.uid, released.slot));
      state.resting.set(released.ip, released);
    },
    'AddressRequestWithdrawn.v1': (state, { uid, slot }) => {
      state.slots.delete(grantKey(uid, slot));
      state.waiting.delete(grantKey(uid, slot));
    },
    'AddressRested.v1': (state, { pool, ip }) => {
      state.resting.delete(ip);
      state.taken.delete(ip);
      const rested = state.rested.get(pool);
      if (rested === undefined) state.rested.set(pool, new Set([ip]));
      else rested.add(ip);
    },
  },
  release: {
    DefinePool: ({ pool, request, before }) => undefinePool({ pool, request, ...(before && { before }) }),
  },
  grants: {
    'AddressPoolDefined.v1': ({ pool, request, before }) =>
      isUndone(request)
        ? undefined
        : { object: { kind: ADDRESS_POOLS.kind, name: pool }, release: undefinePool({ pool, request, ...(before && { before }) }) },
  },
});

/** A definition that was taken back has a request of its own, which no AddressPool made. */
const UNDONE = 'undone ';
const undone = (request: string) => `${UNDONE}${request}`;
const isUndone = (request: string) => request.startsWith(UNDONE);

function undefinePool(fields: PublicAddressPoolTypes['commands']['UndefinePool']): Claim {
  return { stream: PUBLIC_ADDRESSES, command: { type: 'UndefinePool', ...fields } };
}

function overlapErrors(pool: string, { prefixes }: AddressRanges, pools: PublicAddressPools['pools']): readonly FieldError[] {
  return prefixes.flatMap(([text, range], i) => {
    for (const [other, { ranges }] of pools) {
      const found = other === pool ? undefined : ranges.prefixes.find(([, each]) => rangesOverlap(range, each));
      if (found !== undefined) return [invalid(`spec.prefixes[${i}]`, text, `overlaps with ${found[0]} of AddressPool "${other}"`)];
    }
    return [];
  });
}

/** An address that is held stays in its pool (resources 2.11). */
function heldErrors(pool: string, ranges: AddressRanges, slots: Iterable<Slot>): readonly FieldError[] {
  const lost: string[] = [];
  for (const slot of slots) {
    if (slot.pool === pool && slot.ip !== undefined && !isOfPrefix(ranges, slot.ip))
      lost.push(`${slot.ip} (${slot.kind} ${slot.namespace}/${slot.name})`);
  }
  if (lost.length === 0) return [];
  const named = firstFew(lost);
  return [forbidden('spec.prefixes', `a prefix may not be removed while an address of it is held: ${named}`)];
}

/** Notes that everything up to this address was given before, or skipped as excluded. */
function passOver({ pool, ip }: Readonly<{ pool: string; ip: string }>, { pools, next, skipped }: PublicAddressPools): void {
  const family = familyOfIp(ip);
  const number = numberOfIp(ip);
  for (const [text, range] of pools.get(pool)?.ranges.prefixes ?? []) {
    if (range.family !== family || number < range.first || range.last < number) continue;
    const key = `${pool} ${text}`;
    if (number >= (next.get(key) ?? range.first)) next.set(key, number + 1n);
    else skipped.set(key, without(number, skipped.get(key) ?? []));
  }
}

/** The pool is about to change: what it excluded so far, below the highest address that it has given, was never given and may be allowed from now on. */
function noteSkipped(pool: string, { pools, next, skipped }: PublicAddressPools): void {
  const { prefixes = [], excludes = [] } = pools.get(pool)?.ranges ?? {};
  for (const [text, range] of prefixes) {
    const key = `${pool} ${text}`;
    const given = { ...range, last: (next.get(key) ?? range.first) - 1n };
    const hidden = excludes.flatMap((excluded) => commonOf(given, excluded) ?? []);
    if (hidden.length > 0) skipped.set(key, united([...(skipped.get(key) ?? []), ...hidden]));
  }
}

function askOf({ uid, slot, since, kind, namespace, name, family, pools }: Ask): Ask {
  return { uid, slot, since, kind, namespace, name, family, pools };
}

type Found = Readonly<{ pool: string; ip: string }>;

/** The addresses that a request may have, best first. `passed`: those that were given to others in the same decision. */
function* freeAddresses(
  { pools, family }: Pick<Ask, 'pools' | 'family'>,
  state: PublicAddressPools,
  passed?: ReadonlySet<string>,
): Iterable<Found> {
  for (const pool of pools) {
    const defined = state.pools.get(pool);
    if (defined === undefined) continue;
    for (const ip of neverGiven(pool, defined, family, state)) if (passed?.has(ip) !== true) yield { pool, ip };
    for (const ip of state.rested.get(pool) ?? []) {
      // Another pool may have had its prefix meanwhile, and may have given it.
      if (familyOfIp(ip) === family && passed?.has(ip) !== true && !state.taken.has(ip) && mayGive(defined.ranges, ip)) yield { pool, ip };
    }
  }
}

function* neverGiven(pool: string, { ranges }: Pool, family: Ask['family'], state: PublicAddressPools): Iterable<string> {
  for (const [text, range] of ranges.prefixes) {
    if (range.family !== family) continue;
    const key = `${pool} ${text}`;
    for (const part of [...(state.skipped.get(key) ?? []), { ...range, first: state.next.get(key) ?? range.first }]) {
      let number = firstFrom(part.first, part, ranges.excludes);
      while (number !== undefined) {
        const ip = ipOfNumber(number, family);
        // It may have been given as part of another prefix, or by another pool.
        if (!state.taken.has(ip)) yield ip;
        number = firstFrom(number + 1n, part, ranges.excludes);
      }
    }
  }
}

function firstOf<V>(values: Iterable<V>): V | undefined {
  for (const value of values) return value;
  return undefined;
}

/** Slots that wait get what is free, in the order in which they wait. */
function filled(state: PublicAddressPools): Decision<PoolFact> {
  const facts: PoolFact[] = [];
  const passed = new Set<string>();
  const dry = new Set<string>();
  for (const key of state.waiting) {
    if (facts.length === FILLED_MAX) return accepted(facts);
    const ask = askOf(state.slots.get(key) as Slot);
    const from = `${ask.family} ${ask.pools.join()}`;
    const found = dry.has(from) ? undefined : firstOf(freeAddresses(ask, state, passed));
    if (found === undefined) {
      dry.add(from);
      continue;
    }
    passed.add(found.ip);
    facts.push({ type: 'AddressAllocated.v1', data: { ...ask, ...found, waited: true } });
  }
  return accepted(facts.length === state.waiting.size ? facts : [...facts, { type: 'AddressesExhausted.v1', data: {} }]);
}
