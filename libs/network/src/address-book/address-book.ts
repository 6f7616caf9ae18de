/**
 * AddressBook: which interface holds which address of a Network. One stream per network, `AddressBook-<namespace>.<network>`; it exists whether or
 * not the network does.
 *
 * An address has at most one holder at any position. A released one is free at once; when it was in rows, its next holder is told since when it
 * rests, and waits with its placement until the Ready hosts have applied the removal (DESIGN 3). All of it in O(addresses of the command).
 */
import {
  accepted,
  duplicate,
  type FieldError,
  type Granted,
  invalidStatus,
  type JsonObject,
  type ReservationModule,
  rejected,
} from '@weft/api';
import { networkOfBook, nicKey } from '../keys.ts';
import { addressHasRested } from '../quarantine.ts';

/** `request` and `revision` are those of the claim: they tell what a late release is about. */
type Holder = Readonly<{ nic: string; uid: string; request: string; revision: string; resting?: string }>;
export type AddressBook = {
  readonly holders: Map<string, Holder>;
  /** Address -> position until which its last holder used it. Oldest first, at most RESTING_MAX: an older one has rested. */
  readonly resting: Map<string, string>;
};

const RESTING_MAX = 65_536;

/**
 * All or none. `fields[i]` is the path of `ips[i]` in the interface's object; `revision` (decimal) is the one that its stream had when it asked, -1 for a
 * creation.
 */
export type ClaimAddresses = {
  type: 'ClaimAddresses';
  namespace: string;
  network: string;
  nic: string;
  uid: string;
  ips: string[];
  fields: string[];
  request: string;
  revision: string;
};
/**
 * Of the holder `uid`. With `request`: only what that request claimed (its object never came). With `revision`: only what was claimed before the
 * interface's stream had it, so a release that comes twice does not take what was claimed anew in between. Hosts may still forward for the
 * addresses of an interface that is placed (`inRows`), in use until `at` (decimal position of the append that ended it), or that was until
 * `leftRows`: no row changes at a later end, so no host would ever tell of having applied it.
 */
export type ReleaseAddresses = {
  type: 'ReleaseAddresses';
  uid: string;
  ips: string[];
  request?: string;
  revision?: string;
  inRows?: boolean;
  leftRows?: string;
  at?: string;
};
/** Granted: position until which one of the addresses was in use and since which it rests; absent when none does. */
export type AddressGrant = { resting?: string };

export const addressBook: ReservationModule<AddressBook> = {
  category: 'AddressBook',
  context: 'network',
  partitionKey: (stream) => networkOfBook(stream).namespace,
  initial: () => ({ holders: new Map(), resting: new Map() }),
  decide: (command, state, context) => {
    switch (command.type) {
      case 'ClaimAddresses': {
        const { namespace, network, nic, uid, ips, fields, request, revision } = command as unknown as ClaimAddresses;
        const errors: FieldError[] = [];
        let fresh = false;
        let resting: string | undefined;
        ips.forEach((ip, i) => {
          const holder = state.holders.get(ip);
          // The same interface under another request: from now on it is that one's.
          if (holder === undefined || (holder.uid === uid && holder.request !== request)) fresh = true;
          else if (holder.uid !== uid) errors.push(duplicate(fields[i] as string, ip, `held by NetworkInterface "${holder.nic}"`));
          const since = holder === undefined ? state.resting.get(ip) : holder.resting;
          if (since !== undefined && !addressHasRested(context.facts, namespace, network, since)) resting = later(resting, since);
        });
        if (errors.length > 0) return rejected(invalidStatus({ group: 'networking.ironcore.dev', kind: 'NetworkInterface' }, nic, errors));
        const grants: AddressGrant = resting === undefined ? {} : { resting };
        if (!fresh) return accepted([], { grants });
        const data: JsonObject = { nic, uid, ips, request, revision, ...grants };
        return accepted([{ type: 'AddressesClaimed.v1', data }], { grants });
      }
      case 'ReleaseAddresses': {
        const release = command as unknown as ReleaseAddresses;
        const { uid, inRows, at, leftRows = inRows === true ? at : undefined } = release;
        const held = release.ips.filter((ip) => isMeant(state.holders.get(ip), release));
        if (held.length === 0) return accepted([]);
        const resting = leftRows === undefined ? {} : { resting: leftRows };
        return accepted([{ type: 'AddressesReleased.v1', data: { uid, ips: held, ...resting } }]);
      }
      default:
        throw new Error(`address book: unknown command ${command.type}`);
    }
  },
  evolve: (state, { type, data }) => {
    const ips = data['ips'] as string[];
    const resting = data['resting'] as string | undefined;
    switch (type) {
      case 'AddressesClaimed.v1': {
        const holder: Holder = {
          nic: data['nic'] as string,
          uid: data['uid'] as string,
          request: data['request'] as string,
          revision: data['revision'] as string,
          ...(resting !== undefined && { resting }),
        };
        for (const ip of ips) {
          state.holders.set(ip, holder);
          if (state.resting.size > 0) state.resting.delete(ip);
        }
        return state;
      }
      case 'AddressesReleased.v1':
        for (const ip of ips) {
          state.holders.delete(ip);
          if (resting !== undefined) rest(state.resting, ip, resting);
        }
        return state;
      default:
        throw new Error(`address book: unknown event ${type}`);
    }
  },
  release: ({ stream, command }) => {
    const { uid, ips, request } = command as unknown as ClaimAddresses;
    return { stream, command: { type: 'ReleaseAddresses', uid, ips, request } };
  },
  grantTypes: ['AddressesClaimed.v1'],
  granted: (stream, { type, data }): Granted | undefined => {
    if (type !== 'AddressesClaimed.v1') return undefined;
    const { namespace } = networkOfBook(stream);
    const { nic, uid, ips, request } = data as { nic: string; uid: string; ips: string[]; request: string };
    return { object: nicKey(namespace, nic), release: { stream, command: { type: 'ReleaseAddresses', uid, ips, request } } };
  },
};

function isMeant(holder: Holder | undefined, { uid, request, revision }: ReleaseAddresses): boolean {
  if (holder?.uid !== uid) return false;
  if (request !== undefined && holder.request !== request) return false;
  return revision === undefined || BigInt(holder.revision) < BigInt(revision);
}

function rest(resting: Map<string, string>, ip: string, at: string): void {
  resting.delete(ip); // So that it becomes the youngest.
  resting.set(ip, at);
  if (resting.size > RESTING_MAX) resting.delete(resting.keys().next().value as string);
}

function later(a: string | undefined, b: string): string {
  return a === undefined || BigInt(b) > BigInt(a) ? b : a;
}
