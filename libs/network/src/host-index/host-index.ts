/**
 * HostIndex: the 16-bit number and the underlay address of each Host, both unique. One stream, `HostIndex-.hosts`.
 *
 * The lowest number that was never used is given first, then the one that was released longest ago and has rested, which means that every host has
 * applied the removal of its former holder. That is checked only when a number is needed: positions only grow, so a view that lags errs on the safe side.
 *
 * An address belongs to the host that has it: one whose agent is silent, or says that no device has its address, gives it up to a host that registers
 * with it. So hosts that swap their addresses while they are down find no dead end. The loser learns it by a loop, from `lost-underlays`.
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
  type Facts,
  invalidStatus,
  type JsonObject,
  living,
  type ReservationModule,
  rejected,
  serverTimeout,
} from '@weft/api';
import { hasLeftUnderlay } from '../host/host.health.ts';
import { Host } from '../host/host.types.ts';
import { HOST_INDEX_STREAM, hostKey } from '../keys.ts';
import { hostHasGone } from '../quarantine.ts';

export const HOST_INDEX_MAX = 65_535;

/** `underlay` is empty when another host has taken it. */
type Holder = Readonly<{ host: string; index: number; underlay: string }>;
export type HostIndex = {
  /** This number and all above it were never used. */
  next: number;
  /** Uid of a Host -> what it holds. */
  readonly holders: Map<string, Holder>;
  /** Underlay address -> uid. */
  readonly underlays: Map<string, string>;
  /** Released numbers, the oldest release first. */
  readonly resting: Map<number, string>;
};

const HostNumber = Type.Integer({ minimum: 0, maximum: HOST_INDEX_MAX });

export const hostIndexEvents = defineEvents({
  'HostIndexClaimed.v1': Type.Object({ host: Type.String(), uid: Type.String(), underlay: Type.String(), index: HostNumber }),
  /** The holder has another address now; `from`: the one that it gave up. Neither `host` nor `from` when a claim is undone, and in older logs. */
  'HostUnderlayMoved.v1': Type.Object({
    host: Type.Optional(Type.String()),
    uid: Type.String(),
    underlay: Type.String(),
    from: Type.Optional(Type.String()),
  }),
  /** The holder `uid` had the address, and has none now: the host `by` has it. */
  'HostUnderlayTaken.v1': Type.Object({ host: Type.String(), uid: Type.String(), underlay: Type.String(), by: Type.String() }),
  /** The number rests. `at`: position (decimal) until which it was in use. */
  'HostIndexReleased.v1': Type.Object({ uid: Type.String(), index: HostNumber, at: DecimalPosition }),
});

const hostIndexCommands = {
  /** `avoid`: numbers whose traces the agent found on its machine: kernel objects of another control plane's host, or of a former one. */
  ClaimHost: Type.Object({
    host: Type.String(),
    uid: Type.String(),
    underlay: Type.String(),
    avoid: Type.Optional(Type.Array(Type.Integer())),
  }),
  ReleaseHost: Type.Object({ uid: Type.String(), at: Type.Optional(DecimalPosition) }),
  /** Undoes a claim that moved a host to another address. */
  ReturnUnderlay: Type.Object({ uid: Type.String(), underlay: Type.String() }),
};

type HostIndexTypes = { state: HostIndex; commands: DataOf<typeof hostIndexCommands>; events: DataOf<typeof hostIndexEvents> };
type ClaimHost = HostIndexTypes['commands']['ClaimHost'];
type HostIndexFact = {
  [E in keyof HostIndexTypes['events']]: Readonly<{ type: E; data: HostIndexTypes['events'][E] }>;
}[keyof HostIndexTypes['events']];

/** The grant of a claim. */
const HostGrant = Type.Object({ index: HostNumber });

const HOSTS = { group: 'fabric.weft.dev', kind: 'Host', plural: 'hosts' };

/** `max`: highest number; smaller in tests. */
export function hostIndexModule(max = HOST_INDEX_MAX): ReservationModule<HostIndex> {
  return defineReservation<HostIndexTypes>({
    category: 'HostIndex',
    context: 'network',
    partitionKey: () => 'Host',
    initial: () => ({ next: 1, holders: new Map(), underlays: new Map(), resting: new Map() }),
    events: hostIndexEvents,
    commands: hostIndexCommands,
    decide: {
      ClaimHost: (claim, state, context) => claimed(claim, state, context, max),
      ReleaseHost: ({ uid, at = '0' }, state) => {
        const holder = state.holders.get(uid);
        if (holder === undefined) return accepted([]);
        return accepted([{ type: 'HostIndexReleased.v1', data: { uid, index: holder.index, at } }]);
      },
      ReturnUnderlay: ({ uid, underlay }, state) => {
        const holder = state.holders.get(uid);
        if (holder === undefined || holder.underlay === underlay || state.underlays.has(underlay)) return accepted([]);
        // Not as a claim: else it would have to be undone in its turn.
        return accepted([{ type: 'HostUnderlayMoved.v1', data: { uid, underlay } }]);
      },
    },
    evolve: {
      'HostIndexClaimed.v1': (state, { host, uid, underlay, index }) => {
        state.holders.set(uid, { host, underlay, index });
        state.underlays.set(underlay, uid);
        state.resting.delete(index);
        state.next = Math.max(state.next, index + 1);
      },
      'HostUnderlayMoved.v1': (state, { uid, underlay }) => {
        const holder = holderOf(state, uid);
        state.underlays.delete(holder.underlay);
        state.underlays.set(underlay, uid);
        state.holders.set(uid, { ...holder, underlay });
      },
      'HostUnderlayTaken.v1': (state, { uid, underlay }) => {
        state.underlays.delete(underlay);
        state.holders.set(uid, { ...holderOf(state, uid), underlay: '' });
      },
      'HostIndexReleased.v1': (state, { uid, at }) => {
        const holder = holderOf(state, uid);
        state.holders.delete(uid);
        state.underlays.delete(holder.underlay);
        state.resting.set(holder.index, at);
      },
    },
    grants: {
      'HostIndexClaimed.v1': ({ host, uid }, stream) => ({
        object: hostKey(host),
        release: { stream, command: { type: 'ReleaseHost', uid } },
      }),
      'HostUnderlayMoved.v1': ({ host, uid, from }, stream) => {
        if (host === undefined || from === undefined) return undefined;
        return { object: hostKey(host), release: { stream, command: { type: 'ReturnUnderlay', uid, underlay: from } } };
      },
    },
  });
}

export const hostIndex = hostIndexModule();

function claimed(claim: ClaimHost, state: HostIndex, { facts }: DecideContext, max: number): Decision<HostIndexFact> {
  const { host, uid, underlay, avoid = [] } = claim;
  const other = state.underlays.get(underlay);
  const taken: HostIndexFact[] = [];
  if (other !== undefined && other !== uid) {
    const holder = holderOf(state, other).host;
    if (!givesUp(holder, other, facts)) {
      return rejected(invalidStatus(HOSTS, host, [duplicate('spec.underlay.ip', underlay, `held by Host "${holder}"`)]));
    }
    taken.push({ type: 'HostUnderlayTaken.v1', data: { host: holder, uid: other, underlay, by: host } });
  }
  const present = state.holders.get(uid);
  if (present !== undefined) {
    const grants: Static<typeof HostGrant> = { index: present.index };
    if (present.underlay === underlay) return accepted([], { grants });
    const { underlay: from } = present;
    return accepted([...taken, { type: 'HostUnderlayMoved.v1', data: { host, uid, underlay, ...(from !== '' && { from }) } }], { grants });
  }
  const oldest = state.resting.entries().next().value;
  const rested = oldest !== undefined && hostHasGone(facts, oldest[1]) ? oldest[0] : undefined;
  const unused = lowestFrom(state.next, new Set(avoid));
  const index = unused <= max ? unused : rested;
  if (index === undefined) return rejected(serverTimeout(HOSTS, 'create', 'all host numbers are in use or rest'));
  return accepted([...taken, { type: 'HostIndexClaimed.v1', data: { host, uid, underlay, index } }], { grants: { index } });
}

/** Whether that incarnation of a host has left its address, as far as the view shows. */
function givesUp(name: string, uid: string, facts: Facts): boolean {
  const host = living(facts.get(Host, { name }));
  return host?.object.metadata.uid === uid && hasLeftUnderlay(host);
}

function holderOf({ holders }: HostIndex, uid: string): Holder {
  const holder = holders.get(uid);
  if (holder === undefined) throw new Error(`host index: ${uid} holds no number`);
  return holder;
}

function lowestFrom(first: number, avoid: ReadonlySet<number>): number {
  let index = first;
  while (avoid.has(index)) index += 1;
  return index;
}

export function claimHost(host: string, uid: string, underlay: string, avoid: readonly number[] = []): Claim {
  return {
    stream: HOST_INDEX_STREAM,
    command: { type: 'ClaimHost', host, uid, underlay, ...(avoid.length === 0 ? {} : { avoid: [...avoid] }) },
  };
}

/** The number that `claimHost`, the only claim of its command, was granted. */
export function grantedIndex([grant]: readonly JsonObject[]): number {
  return checked(HostGrant, grant, 'the grant of a host number').index;
}

export function releaseHost(uid: string): Claim {
  return { stream: HOST_INDEX_STREAM, command: { type: 'ReleaseHost', uid } };
}
