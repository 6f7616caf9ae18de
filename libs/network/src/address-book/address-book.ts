/**
 * AddressBook: which interface or balancer (`balancer-addresses.ts`) holds which address or range of a Network, and which number the MAC of an interface is made of
 * (`../mac.ts`). One stream per network,
 * `AddressBook-<namespace>.<network>`; it exists whether or not the network does.
 *
 * An address has at most one holder at any position. A released one is free at once. When it was in rows, the grant to its next holder says since when
 * it rests, and the holder is placed only once the Ready hosts have applied the removal (DESIGN 3). An interface gets its number with the first
 * addresses that are claimed for it, and keeps it for life. A command costs O(its addresses).
 *
 * Several requests of one interface may claim the same address; which of them comes to its append is not known here. The address is free once the last
 * of them has given it back:
 *
 *   claimed by r1 ── claimed by r2 ──> held by r1, r2 ── r2 gives back ──> held by r1 ── r1 gives back, or its interface gives it up ──> free
 */
import { type Static, Type } from '@sinclair/typebox';
import {
  accepted,
  type Claim,
  checked,
  type DataOf,
  type DecideContext,
  DecimalPosition,
  type Decision,
  defineEvents,
  defineReservation,
  duplicate,
  type FieldError,
  invalidStatus,
  isSingleAddress,
  type JsonObject,
  maskedPrefix,
  parsePrefix,
  type ReservationModule,
  rejected,
  serverTimeout,
} from '@weft/api';
import { networkOfBook, nicKey } from '../keys.ts';
import { INDEX_MAX } from '../mac.ts';
import { addressHasRested, rowsHaveGone } from '../quarantine.ts';
import {
  BALANCER_NUMBER_MAX,
  type BalancersOfBook,
  balancerBookCommands,
  balancerBookEvents,
  balancerBookEvolve,
  balancerReleased,
  balancerRested,
  balancerWith,
  claimedForBalancer,
  isLeaving,
  noBalancers,
} from './balancer-addresses.ts';
import { availableNumber, giveNumber, type InterfaceNumbers, noNumbers, takeNumberBack } from './interface-numbers.ts';
import { Taken } from './taken.ts';

/**
 * `request` and `revision` are those of the claim: they tell what a late release is about. `earlier`: claims of the same interface under other requests,
 * none of which was given back; mostly there are none.
 */
type Holder = Readonly<{ nic: string; uid: string; request: string; revision: string; resting?: string; earlier?: Holder }>;
export type AddressBook = {
  readonly holders: Map<string, Holder>;
  /** Address -> position until which its last holder used it. Oldest first, at most RESTING_MAX: older ones have rested long ago. */
  readonly resting: Map<string, string>;
  readonly numbers: InterfaceNumbers;
  readonly balancers: BalancersOfBook;
};

const RESTING_MAX = 65_536;
/** Requests of one interface that hold one address. More than one is there only while a command has failed, until its claim is given back. */
const REQUESTS_MAX = 16;

const Index = Type.Integer({ minimum: 0, maximum: INDEX_MAX });
/** Revision of the interface's stream when it claimed, decimal. */
const Revision = Type.String({ pattern: '^(-1|0|[1-9][0-9]*)$' });
/** The revision in a claim for an interface that does not exist yet. */
const OF_CREATION = '-1';

const addressBookEvents = defineEvents({
  ...balancerBookEvents.schemas,
  /**
   * `resting`: position until which one of the addresses was in use and since which it rests. `index`: the number given to the interface; absent when it
   * had one before, and in older logs.
   */
  'AddressesClaimed.v1': Type.Object({
    nic: Type.String(),
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    request: Type.String(),
    revision: Revision,
    resting: Type.Optional(DecimalPosition),
    index: Type.Optional(Index),
  }),
  /** `index`: this number is given back too. `resting`: the addresses were in use until this position, and hosts may still know them. */
  'AddressesReleased.v1': Type.Object({
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    resting: Type.Optional(DecimalPosition),
    index: Type.Optional(Index),
  }),
  /**
   * By this request, or by all that claimed before this revision. Each of these addresses is held by another request of the interface still. `resting`: as
   * in a release; it rests once that other claim is given back, too.
   */
  'AddressClaimsWithdrawn.v1': Type.Object({
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    request: Type.Optional(Type.String()),
    revision: Type.Optional(Revision),
    resting: Type.Optional(DecimalPosition),
  }),
});

const addressBookCommands = {
  ...balancerBookCommands,
  /**
   * Claims all of `ips` or none. `fields[i]`: path of `ips[i]` in the interface's object. `hasMac`: the interface needs no number. `ifFree`: addresses
   * and ranges (`bookName`) of which only those are claimed that nobody else has and that have rested; the grant names the others. `unlessHeld`: the same
   * of those that may rest still.
   */
  ClaimAddresses: Type.Object({
    namespace: Type.String(),
    network: Type.String(),
    nic: Type.String(),
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    fields: Type.Array(Type.String()),
    ifFree: Type.Optional(Type.Array(Type.String())),
    unlessHeld: Type.Optional(Type.Array(Type.String())),
    request: Type.String(),
    revision: Revision,
    hasMac: Type.Optional(Type.Literal(true)),
  }),
  /**
   * Of the holder `uid`. With `request`: only the claims of that request (its object never came). With `revision`: only what was claimed before the
   * interface's stream had it, so a release that comes twice does not take what was claimed anew in between.
   *
   * Its number goes with its end (`ended`), or with the request that got it, unless the interface has come to be all the same (`keepsNumber`). Of an
   * interface that is not there any more (`gone`) it goes with any of its requests, and rests until hosts have applied `at`.
   *
   * Hosts may still forward for an interface that is placed (`inRows`), in use until `at` (position of the append that ended it), or that was until
   * `leftRows`: no row changes at a later end, so no host would ever report to have applied it.
   */
  ReleaseAddresses: Type.Object({
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    request: Type.Optional(Type.String()),
    revision: Type.Optional(Revision),
    ended: Type.Optional(Type.Literal(true)),
    keepsNumber: Type.Optional(Type.Literal(true)),
    gone: Type.Optional(Type.Literal(true)),
    inRows: Type.Optional(Type.Boolean()),
    leftRows: Type.Optional(DecimalPosition),
    at: Type.Optional(DecimalPosition),
  }),
};

export type BookTypes = { state: AddressBook; commands: DataOf<typeof addressBookCommands>; events: DataOf<typeof addressBookEvents> };
export type ClaimAddresses = Readonly<BookTypes['commands']['ClaimAddresses']>;
export type ReleaseAddresses = Readonly<BookTypes['commands']['ReleaseAddresses']>;
type BookFact = { [E in keyof BookTypes['events']]: Readonly<{ type: E; data: BookTypes['events'][E] }> }[keyof BookTypes['events']];

/** The grant of a claim: see `AddressesClaimed.v1`. `taken`: those of `ifFree` and `unlessHeld` that were not claimed. */
const AddressGrant = Type.Object({
  index: Type.Optional(Index),
  resting: Type.Optional(DecimalPosition),
  taken: Type.Optional(Type.Record(Type.String(), Taken)),
});
export type AddressGrant = Readonly<Static<typeof AddressGrant>>;

const NICS = { group: 'networking.ironcore.dev', kind: 'NetworkInterface', plural: 'networkinterfaces' };

/** `indexMax`, `balancerMax`: highest number of an interface, of a balancer; smaller in tests. */
export function addressBookModule(indexMax = INDEX_MAX, balancerMax = BALANCER_NUMBER_MAX): ReservationModule<AddressBook> {
  return defineReservation<BookTypes>({
    category: 'AddressBook',
    context: 'network',
    partitionKey: (stream) => networkOfBook(stream).namespace,
    initial: () => ({ holders: new Map(), resting: new Map(), numbers: noNumbers(), balancers: noBalancers() }),
    events: addressBookEvents,
    commands: addressBookCommands,
    decide: {
      ClaimAddresses: (claim, state, context) => claimed(claim, state, context, indexMax),
      ReleaseAddresses: released,
      ClaimForBalancer: (claim, state, { facts }) => {
        const network = { namespace: claim.namespace, name: claim.network };
        return claimedForBalancer(
          claim,
          state.balancers,
          (ip) => takenByInterface(ip, state, (at) => addressHasRested(facts, network, at)),
          balancerMax,
        );
      },
      ReleaseBalancer: (release, { balancers }) => balancerReleased(release, balancers),
      RestOfBalancer: (rest, { balancers }) => balancerRested(rest, balancers),
    },
    evolve: {
      ...balancerBookEvolve,
      'AddressesClaimed.v1': (state, { nic, uid, ips, request, revision, resting, index }) => {
        const holder: Holder = { nic, uid, request, revision, ...(resting !== undefined && { resting }) };
        for (const ip of ips) {
          state.holders.set(ip, onTop(holder, state.holders.get(ip)));
          if (state.resting.size > 0) state.resting.delete(ip);
        }
        if (index !== undefined) giveNumber(state.numbers, uid, { index, ...(revision === OF_CREATION && { creation: request }) });
      },
      'AddressesReleased.v1': (state, { uid, ips, resting, index }) => {
        for (const ip of ips) {
          state.holders.delete(ip);
          if (resting !== undefined) rest(state.resting, ip, resting);
        }
        if (index !== undefined) takeNumberBack(state.numbers, uid, index, resting);
      },
      'AddressClaimsWithdrawn.v1': (state, { ips, resting, ...which }) => {
        for (const ip of ips) {
          const left = without(state.holders.get(ip), which);
          if (left === undefined) throw new Error(`address book: the last claim of ${ip} is released, not withdrawn`);
          state.holders.set(ip, resting === undefined ? left : { ...left, resting: later(left.resting, resting) });
        }
      },
    },
    release: {
      ClaimAddresses: ({ ips, ifFree = [], unlessHeld = [], ...claim }, stream) =>
        giveBack({ ...claim, ips: [...ips, ...ifFree, ...unlessHeld] }, stream),
    },
    grants: {
      'AddressesClaimed.v1': (claim, stream) => ({
        object: nicKey(networkOfBook(stream).namespace, claim.nic),
        release: giveBack(claim, stream),
      }),
    },
  });
}

export const addressBook = addressBookModule();

function claimed(claim: ClaimAddresses, state: AddressBook, { facts }: DecideContext, indexMax: number): Decision<BookFact> {
  const { namespace, network, nic, uid, request, revision, hasMac = false } = claim;
  const key = { namespace, name: network };
  const { balancers } = state;
  const errors: FieldError[] = [];
  for (const [i, ip] of claim.ips.entries()) {
    const holder = holderBeside(uid, ip, state);
    if (holder !== undefined && !isLeaving(balancers, ip)) errors.push(duplicate(claim.fields[i] ?? '', ip, `held by ${holder}`));
  }
  if (errors.length > 0) return rejected(invalidStatus(NICS, nic, errors));
  const hasRested = (since: string) => addressHasRested(facts, key, since);
  const { free, taken } = freeOf(claim, state, hasRested);
  const others = Object.keys(taken).length > 0 && { taken };
  const ips = [...(others ? claim.ips.filter((ip) => taken[ip] === undefined) : claim.ips), ...free];
  if (ips.length === 0) return accepted([], { grants: { ...others } });
  const own = state.numbers.holders.get(uid)?.index;
  const needsNumber = !hasMac && own === undefined;
  const index = needsNumber ? availableNumber(state.numbers, indexMax, (at) => rowsHaveGone(facts, key, at)) : own;
  if (needsNumber && index === undefined) return rejected(noNumberLeft(claim, indexMax));
  const resting = restingOf(ips, state, hasRested);
  const granted = { ...(index !== undefined && { index }), ...(resting !== undefined && { resting }) };
  const grants: AddressGrant = { ...granted, ...others };
  const isRepeat = !needsNumber && ips.every((ip) => isClaimedBy(request, state.holders.get(ip)));
  if (isRepeat) return accepted([], { grants });
  const crowded = ips.find((ip) => countOf(state.holders.get(ip)) >= REQUESTS_MAX);
  if (crowded !== undefined) return rejected(serverTimeout(NICS, 'update', `${REQUESTS_MAX} requests of "${nic}" hold ${crowded} already`));
  return accepted([{ type: 'AddressesClaimed.v1', data: { nic, uid, ips, request, revision, ...granted } }], { grants });
}

/** Who else has an address: an interface, or a balancer. */
function holderBeside(uid: string, ip: string, { holders, balancers }: AddressBook): string | undefined {
  const holder = holders.get(ip);
  if (holder !== undefined) return holder.uid === uid ? undefined : `NetworkInterface "${holder.nic}"`;
  const { balancer } = balancerWith(balancers, ip) ?? {};
  return balancer && `LoadBalancer "${balancer.name}"`;
}

/** Why nobody else may have an address that an interface has, or had. */
function takenByInterface(ip: string, { holders, resting }: AddressBook, hasRested: (since: string) => boolean): Taken | undefined {
  const holder = holders.get(ip);
  if (holder !== undefined) return { nic: holder.nic };
  const since = resting.get(ip);
  return since === undefined || hasRested(since) ? undefined : { resting: since };
}

/**
 * Which of `ifFree` and `unlessHeld` the interface may have, and why it may not have the others. Of `ips`, those are not free that a balancer has given back
 * and hosts may still know.
 */
function freeOf({ uid, ips, ifFree = [], unlessHeld = [] }: ClaimAddresses, state: AddressBook, hasRested: (since: string) => boolean) {
  const free: string[] = [];
  const taken: Record<string, Taken> = {};
  const { holders, balancers } = state;
  for (const ip of ips) {
    const by = balancerWith(balancers, ip);
    if (by !== undefined) taken[ip] = by;
  }
  for (const ip of [...unlessHeld, ...ifFree]) {
    const isOwn = holders.get(ip)?.uid === uid;
    // One that `unlessHeld` names may rest still.
    const by = isOwn
      ? undefined
      : (balancerWith(balancers, ip) ?? takenByInterface(ip, state, (at) => unlessHeld.includes(ip) || hasRested(at)));
    if (by === undefined) free.push(ip);
    else taken[ip] = by;
  }
  return { free, taken };
}

function noNumberLeft({ network, revision }: ClaimAddresses, indexMax: number) {
  const why = `all ${indexMax + 1} numbers for interfaces of Network "${network}" are in use or rest`;
  return serverTimeout(NICS, revision === OF_CREATION ? 'create' : 'update', why);
}

/** The latest position until which another interface used one of the addresses; undefined when all have rested. */
function restingOf(ips: readonly string[], { holders, resting }: AddressBook, hasRested: (since: string) => boolean): string | undefined {
  let latest: string | undefined;
  for (const ip of ips) {
    const holder = holders.get(ip);
    const since = holder === undefined ? resting.get(ip) : holder.resting;
    if (since !== undefined && !hasRested(since)) latest = later(latest, since);
  }
  return latest;
}

function released(release: ReleaseAddresses, { holders, numbers }: AddressBook): Decision<BookFact> {
  const {
    uid,
    request,
    revision,
    ended,
    keepsNumber = false,
    gone = false,
    inRows,
    at,
    leftRows = inRows === true ? at : undefined,
  } = release;
  const free: string[] = [];
  const withdrawn: string[] = [];
  let since = leftRows;
  for (const ip of release.ips) {
    const holder = holders.get(ip);
    const left = without(holder, release);
    if (holder === undefined || left === holder) continue;
    (left === undefined ? free : withdrawn).push(ip);
    // Its holder was given an address that rested: it has not been in use since, and rests on.
    if (holder.resting !== undefined) since = later(since, holder.resting);
  }
  const number = numbers.holders.get(uid);
  const isOfRequest = request !== undefined && request === number?.creation && !keepsNumber;
  const goesBack = number !== undefined && (ended === true || isOfRequest);
  const resting = since !== undefined && { resting: since };
  const facts: BookFact[] = [];
  if (free.length > 0 || goesBack) {
    facts.push({ type: 'AddressesReleased.v1', data: { uid, ips: free, ...resting, ...(goesBack && { index: number.index }) } });
  }
  // It ended without knowing its number, or the release of its end is still to come. Rows may have shown it until then.
  if (gone && number !== undefined && !goesBack) {
    facts.push({ type: 'AddressesReleased.v1', data: { uid, ips: [], ...(at !== undefined && { resting: at }), index: number.index } });
  }
  if (withdrawn.length > 0) {
    const which = { ...(request !== undefined && { request }), ...(revision !== undefined && { revision }) };
    facts.push({ type: 'AddressClaimsWithdrawn.v1', data: { uid, ips: withdrawn, ...which, ...resting } });
  }
  return accepted(facts);
}

/** Which claims of an interface: under this request, before this revision, or all. */
type Which = Readonly<{ uid: string; request?: string; revision?: string }>;

/** The claims of an address but for these; the very same holder when there are none of these. */
function without(holder: Holder | undefined, which: Which): Holder | undefined {
  if (holder === undefined) return undefined;
  const earlier = without(holder.earlier, which);
  if (isMeant(holder, which)) return earlier;
  return earlier === holder.earlier ? holder : withEarlier(holder, earlier);
}

function withEarlier({ earlier: _, ...holder }: Holder, earlier: Holder | undefined): Holder {
  return earlier === undefined ? holder : { ...holder, earlier };
}

/** A claim beside those of other requests of the same interface. */
function onTop(claim: Holder, present: Holder | undefined): Holder {
  if (present?.uid !== claim.uid) return claim;
  const { uid, request } = claim;
  return withEarlier(claim, without(present, { uid, request }));
}

function isMeant(holder: Holder, { uid, request, revision }: Which): boolean {
  if (holder.uid !== uid) return false;
  if (request !== undefined && holder.request !== request) return false;
  return revision === undefined || BigInt(holder.revision) < BigInt(revision);
}

function isClaimedBy(request: string, holder: Holder | undefined): boolean {
  return holder !== undefined && (holder.request === request || isClaimedBy(request, holder.earlier));
}

function countOf(holder: Holder | undefined): number {
  return holder === undefined ? 0 : 1 + countOf(holder.earlier);
}

/** The release of what a request claimed whose object was never appended. */
function giveBack({ uid, ips, request }: Readonly<{ uid: string; ips: readonly string[]; request: string }>, stream: string): Claim {
  return { stream, command: { type: 'ReleaseAddresses', uid, ips: [...ips], request } };
}

/** The name of an address or a range: the address, or the range without host bits. A range of one address is that address. */
export function bookName(value: string): string {
  const prefix = parsePrefix(value);
  if (prefix === undefined) return value;
  return isSingleAddress(prefix) ? prefix.address : maskedPrefix(prefix);
}

/** What an interface has: its addresses, and whether it has a number. */
type Used = Readonly<{ uid: string; ips: ReadonlySet<string>; hasNumber: boolean }>;

/**
 * The release of a claim, without what the interface that is there (`user`) has. Undefined when that has all of it. Of an incarnation that is not there any
 * more its number goes, too: nothing else would give it back.
 */
export function releaseOfUnused({ stream, command }: Claim, user: Used | undefined): Claim | undefined {
  const { type, ...fields } = command;
  const { uid, ips } = checked(addressBookCommands.ReleaseAddresses, fields, type);
  if (uid !== user?.uid) return { stream, command: { ...command, gone: true } };
  const unused = ips.filter((ip) => !user.ips.has(ip));
  return unused.length === 0 ? undefined : { stream, command: { ...command, ips: unused, ...(user.hasNumber && { keepsNumber: true }) } };
}

/** The grant of addresses. A command has at most one claim, which is that of addresses. */
export function grantedAddresses([grant]: readonly JsonObject[]): AddressGrant {
  return grant === undefined ? {} : checked(AddressGrant, grant, 'the grant of addresses');
}

function rest(resting: Map<string, string>, ip: string, at: string): void {
  resting.delete(ip); // So that `set` puts it at the end, as the youngest.
  resting.set(ip, at);
  if (resting.size <= RESTING_MAX) return;
  for (const oldest of resting.keys()) {
    resting.delete(oldest);
    return;
  }
}

function later(a: string | undefined, b: string): string {
  return a === undefined || BigInt(b) > BigInt(a) ? b : a;
}
