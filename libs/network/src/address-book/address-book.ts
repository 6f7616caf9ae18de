/**
 * AddressBook: which interface holds which address of a Network, and which number its MAC is made of (`../mac.ts`). One stream per network,
 * `AddressBook-<namespace>.<network>`; it exists whether or not the network does.
 *
 * An address has at most one holder at any position. A released one is free at once; when it was in rows, its next holder learns since when it
 * rests, and waits with its placement until the Ready hosts have applied the removal (DESIGN 3). An interface gets its number with the first addresses
 * that are claimed for it and keeps it for life. All of it in O(addresses of the command).
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
  invalidStatus,
  type JsonObject,
  type ReservationModule,
  rejected,
  serverTimeout,
} from '@weft/api';
import { networkOfBook, nicKey } from '../keys.ts';
import { INDEX_MAX } from '../mac.ts';
import { addressHasRested, rowsHaveGone } from '../quarantine.ts';
import { availableNumber, giveNumber, type InterfaceNumbers, noNumbers, takeNumberBack } from './interface-numbers.ts';

/** `request` and `revision` are those of the claim: they tell what a late release is about. */
type Holder = Readonly<{ nic: string; uid: string; request: string; revision: string; resting?: string }>;
export type AddressBook = {
  readonly holders: Map<string, Holder>;
  /** Address -> position until which its last holder used it. Oldest first, at most RESTING_MAX: an older one has rested. */
  readonly resting: Map<string, string>;
  readonly numbers: InterfaceNumbers;
};

const RESTING_MAX = 65_536;

const Index = Type.Integer({ minimum: 0, maximum: INDEX_MAX });
/** The one that an interface's stream had when it asked, decimal. */
const Revision = Type.String({ pattern: '^(-1|0|[1-9][0-9]*)$' });
/** That of a claim for an interface which does not exist yet. */
const OF_CREATION = '-1';

const addressBookEvents = defineEvents({
  /**
   * `resting`: position until which one of the addresses was in use and since which it rests. `index`: number of the interface; absent for one that had
   * it before, and in older logs.
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
  /** `index`: the number goes back too. `resting`: hosts may still know them, in use until then. */
  'AddressesReleased.v1': Type.Object({
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    resting: Type.Optional(DecimalPosition),
    index: Type.Optional(Index),
  }),
});

const addressBookCommands = {
  /** All or none. `fields[i]`: path of `ips[i]` in the interface's object. `hasMac`: it needs no number. */
  ClaimAddresses: Type.Object({
    namespace: Type.String(),
    network: Type.String(),
    nic: Type.String(),
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    fields: Type.Array(Type.String()),
    request: Type.String(),
    revision: Revision,
    hasMac: Type.Optional(Type.Literal(true)),
  }),
  /**
   * Of the holder `uid`. With `request`: only what that request claimed (its object never came). With `revision`: only what was claimed before the
   * interface's stream had it, so a release that comes twice does not take what was claimed anew in between. With `ended`: its number too. Hosts may
   * still forward for an interface that is placed (`inRows`), in use until `at` (position of the append that ended it), or that was until
   * `leftRows`: no row changes at a later end, so no host would ever report to have applied it.
   */
  ReleaseAddresses: Type.Object({
    uid: Type.String(),
    ips: Type.Array(Type.String()),
    request: Type.Optional(Type.String()),
    revision: Type.Optional(Revision),
    ended: Type.Optional(Type.Literal(true)),
    inRows: Type.Optional(Type.Boolean()),
    leftRows: Type.Optional(DecimalPosition),
    at: Type.Optional(DecimalPosition),
  }),
};

type BookTypes = { state: AddressBook; commands: DataOf<typeof addressBookCommands>; events: DataOf<typeof addressBookEvents> };
export type ClaimAddresses = Readonly<BookTypes['commands']['ClaimAddresses']>;
export type ReleaseAddresses = Readonly<BookTypes['commands']['ReleaseAddresses']>;
type BookFact = { [E in keyof BookTypes['events']]: Readonly<{ type: E; data: BookTypes['events'][E] }> }[keyof BookTypes['events']];

/** What a claim is answered with: see `AddressesClaimed.v1`. */
const AddressGrant = Type.Object({ index: Type.Optional(Index), resting: Type.Optional(DecimalPosition) });
export type AddressGrant = Readonly<Static<typeof AddressGrant>>;

const NICS = { group: 'networking.ironcore.dev', kind: 'NetworkInterface', plural: 'networkinterfaces' };

/** `indexMax`: highest number of an interface; smaller in tests. */
export function addressBookModule(indexMax = INDEX_MAX): ReservationModule<AddressBook> {
  return defineReservation<BookTypes>({
    category: 'AddressBook',
    context: 'network',
    partitionKey: (stream) => networkOfBook(stream).namespace,
    initial: () => ({ holders: new Map(), resting: new Map(), numbers: noNumbers() }),
    events: addressBookEvents,
    commands: addressBookCommands,
    decide: {
      ClaimAddresses: (claim, state, context) => claimed(claim, state, context, indexMax),
      ReleaseAddresses: released,
    },
    evolve: {
      'AddressesClaimed.v1': (state, { nic, uid, ips, request, revision, resting, index }) => {
        const holder: Holder = { nic, uid, request, revision, ...(resting !== undefined && { resting }) };
        for (const ip of ips) {
          state.holders.set(ip, holder);
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
    },
    release: { ClaimAddresses: giveBack },
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
  const { namespace, network, nic, uid, ips, request, revision, hasMac = false } = claim;
  const key = { namespace, name: network };
  const errors = ips.flatMap((ip, i) => {
    const holder = state.holders.get(ip);
    return holder === undefined || holder.uid === uid
      ? []
      : [duplicate(claim.fields[i] ?? '', ip, `held by NetworkInterface "${holder.nic}"`)];
  });
  if (errors.length > 0) return rejected(invalidStatus(NICS, nic, errors));
  const own = state.numbers.holders.get(uid)?.index;
  const needsNumber = !hasMac && own === undefined;
  const index = needsNumber ? availableNumber(state.numbers, indexMax, (at) => rowsHaveGone(facts, key, at)) : own;
  if (needsNumber && index === undefined) return rejected(noNumberLeft(claim, indexMax));
  const resting = restingOf(claim, state, (since) => addressHasRested(facts, key, since));
  const grants: AddressGrant = { ...(index !== undefined && { index }), ...(resting !== undefined && { resting }) };
  // What the same interface claimed under another request is from now on this one's.
  const isRepeat = !needsNumber && ips.every((ip) => state.holders.get(ip)?.request === request);
  if (isRepeat) return accepted([], { grants });
  return accepted([{ type: 'AddressesClaimed.v1', data: { nic, uid, ips, request, revision, ...grants } }], { grants });
}

function noNumberLeft({ network, revision }: ClaimAddresses, indexMax: number) {
  const why = `all ${indexMax + 1} numbers for interfaces of Network "${network}" are in use or rest`;
  return serverTimeout(NICS, revision === OF_CREATION ? 'create' : 'update', why);
}

/** The latest position until which one of the addresses was another's, if one of them has not rested. */
function restingOf({ ips }: ClaimAddresses, { holders, resting }: AddressBook, hasRested: (since: string) => boolean): string | undefined {
  let latest: string | undefined;
  for (const ip of ips) {
    const holder = holders.get(ip);
    const since = holder === undefined ? resting.get(ip) : holder.resting;
    if (since !== undefined && !hasRested(since)) latest = later(latest, since);
  }
  return latest;
}

function released(release: ReleaseAddresses, { holders, numbers }: AddressBook): Decision<BookFact> {
  const { uid, request, ended, inRows, at, leftRows = inRows === true ? at : undefined } = release;
  const ips = release.ips.filter((ip) => isMeant(holders.get(ip), release));
  const number = numbers.holders.get(uid);
  const goesBack = number !== undefined && (ended === true || (request !== undefined && request === number.creation));
  if (ips.length === 0 && !goesBack) return accepted([]);
  const data = { uid, ips, ...(leftRows !== undefined && { resting: leftRows }), ...(goesBack && { index: number.index }) };
  return accepted([{ type: 'AddressesReleased.v1', data }]);
}

function isMeant(holder: Holder | undefined, { uid, request, revision }: ReleaseAddresses): boolean {
  if (holder?.uid !== uid) return false;
  if (request !== undefined && holder.request !== request) return false;
  return revision === undefined || BigInt(holder.revision) < BigInt(revision);
}

/** What a request claimed whose object never came. */
function giveBack({ uid, ips, request }: Readonly<{ uid: string; ips: readonly string[]; request: string }>, stream: string): Claim {
  return { stream, command: { type: 'ReleaseAddresses', uid, ips: [...ips], request } };
}

/** What the claim of addresses, the only one of its command if there is one, was answered with. */
export function grantedAddresses([grant]: readonly JsonObject[]): AddressGrant {
  return grant === undefined ? {} : checked(AddressGrant, grant, 'the grant of addresses');
}

function rest(resting: Map<string, string>, ip: string, at: string): void {
  resting.delete(ip); // So that it becomes the youngest.
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
