/**
 * HostIndex: the 16-bit number and the underlay address of each Host, both unique. One stream, `HostIndex-.hosts`.
 *
 * Lowest never used number first, then the one that was released longest ago and has rested: every host has applied the removal of its former
 * holder, which is asked when a number is needed (positions only grow, so a view that lags errs on the safe side).
 */
import { accepted, duplicate, type Granted, invalidStatus, type ReservationModule, rejected, serverTimeout } from '@weft/api';
import { HOST_INDEX_STREAM, hostKey } from '../keys.ts';
import { hostHasGone } from '../quarantine.ts';

export const HOST_INDEX_MAX = 65_535;

type Holder = Readonly<{ host: string; index: number; underlay: string }>;
export type HostIndex = {
  /** Never used yet, nor anything above it. */
  next: number;
  /** By uid of the Host. */
  readonly holders: Map<string, Holder>;
  /** Underlay address -> uid. */
  readonly underlays: Map<string, string>;
  /** Oldest release first. */
  readonly resting: Map<number, string>;
};

/** `avoid`: numbers whose traces the agent found on its machine: kernel objects of another control plane's host, or of a former one. */
export type ClaimHost = { type: 'ClaimHost'; host: string; uid: string; underlay: string; avoid?: readonly number[] };
export type ReleaseHost = { type: 'ReleaseHost'; uid: string; at?: string };
/** Undoes a claim that moved a host to another address. */
export type ReturnUnderlay = { type: 'ReturnUnderlay'; uid: string; underlay: string };
export type HostGrant = { index: number };

const HOSTS = { group: 'fabric.weft.dev', kind: 'Host', plural: 'hosts' };

/** `max`: highest number; smaller in tests. */
export function hostIndexModule(max = HOST_INDEX_MAX): ReservationModule<HostIndex> {
  return {
    category: 'HostIndex',
    context: 'network',
    partitionKey: () => 'Host',
    initial: () => ({ next: 1, holders: new Map(), underlays: new Map(), resting: new Map() }),
    decide: (command, state, context) => {
      switch (command.type) {
        case 'ClaimHost': {
          const { host, uid, underlay, avoid = [] } = command as unknown as ClaimHost;
          const other = state.underlays.get(underlay);
          if (other !== undefined && other !== uid) {
            const detail = `held by Host "${state.holders.get(other)?.host}"`;
            return rejected(invalidStatus(HOSTS, host, [duplicate('spec.underlay.ip', underlay, detail)]));
          }
          const present = state.holders.get(uid);
          if (present !== undefined) {
            const grants: HostGrant = { index: present.index };
            if (present.underlay === underlay) return accepted([], { grants });
            return accepted([{ type: 'HostUnderlayMoved.v1', data: { host, uid, underlay, from: present.underlay } }], { grants });
          }
          const oldest = state.resting.entries().next().value;
          const rested = oldest !== undefined && hostHasGone(context.facts, oldest[1]) ? oldest[0] : undefined;
          const unused = lowestFrom(state.next, new Set(avoid));
          const index = unused <= max ? unused : rested;
          if (index === undefined) return rejected(serverTimeout(HOSTS, 'create', 'all host numbers are in use or rest'));
          return accepted([{ type: 'HostIndexClaimed.v1', data: { host, uid, underlay, index } }], { grants: { index } });
        }
        case 'ReleaseHost': {
          const { uid, at = '0' } = command as unknown as ReleaseHost;
          const holder = state.holders.get(uid);
          if (holder === undefined) return accepted([]);
          return accepted([{ type: 'HostIndexReleased.v1', data: { uid, index: holder.index, at } }]);
        }
        case 'ReturnUnderlay': {
          const { uid, underlay } = command as unknown as ReturnUnderlay;
          const holder = state.holders.get(uid);
          if (holder === undefined || holder.underlay === underlay || state.underlays.has(underlay)) return accepted([]);
          return accepted([{ type: 'HostUnderlayMoved.v1', data: { host: holder.host, uid, underlay, from: holder.underlay } }]);
        }
        default:
          throw new Error(`host index: unknown command ${command.type}`);
      }
    },
    evolve: (state, { type, data }) => {
      const uid = data['uid'] as string;
      switch (type) {
        case 'HostIndexClaimed.v1': {
          const { host, underlay, index } = data as unknown as Holder;
          state.holders.set(uid, { host, underlay, index });
          state.underlays.set(underlay, uid);
          state.resting.delete(index);
          state.next = Math.max(state.next, index + 1);
          return state;
        }
        case 'HostUnderlayMoved.v1': {
          const holder = state.holders.get(uid) as Holder;
          const underlay = data['underlay'] as string;
          state.underlays.delete(holder.underlay);
          state.underlays.set(underlay, uid);
          state.holders.set(uid, { ...holder, underlay });
          return state;
        }
        case 'HostIndexReleased.v1': {
          const holder = state.holders.get(uid) as Holder;
          state.holders.delete(uid);
          state.underlays.delete(holder.underlay);
          state.resting.set(holder.index, data['at'] as string);
          return state;
        }
        default:
          throw new Error(`host index: unknown event ${type}`);
      }
    },
    grantTypes: ['HostIndexClaimed.v1', 'HostUnderlayMoved.v1'],
    granted: (stream, { type, data }): Granted | undefined => {
      const { host, uid, from } = data as { host?: string; uid: string; from?: string };
      if (host === undefined) return undefined;
      if (type === 'HostIndexClaimed.v1') return { object: hostKey(host), release: { stream, command: { type: 'ReleaseHost', uid } } };
      if (type !== 'HostUnderlayMoved.v1' || from === undefined) return undefined;
      return { object: hostKey(host), release: { stream, command: { type: 'ReturnUnderlay', uid, underlay: from } } };
    },
  };
}

export const hostIndex = hostIndexModule();

export function claimHost(host: string, uid: string, underlay: string, avoid: readonly number[] = []) {
  return {
    stream: HOST_INDEX_STREAM,
    command: { type: 'ClaimHost', host, uid, underlay, ...(avoid.length === 0 ? {} : { avoid: [...avoid] }) },
  };
}

function lowestFrom(first: number, avoid: ReadonlySet<number>): number {
  let index = first;
  while (avoid.has(index)) index += 1;
  return index;
}

export function releaseHost(uid: string) {
  return { stream: HOST_INDEX_STREAM, command: { type: 'ReleaseHost', uid } };
}
