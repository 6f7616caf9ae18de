/**
 * A group of subscribers that share the work: all resources fall into parts, by the hash of their stream, and each part is held by one member at most. A part
 * goes from one member to another only once its holder has given it back, with how far it is done, or has not been heard of for too long. So nothing is left
 * out, and the events of a resource stay in order.
 */
import type { JsonObject } from '@weft/api';

/** `cursor`: everything of it up to here is done. */
export type GroupPart = Readonly<{ cursor: string; holder?: string }>;
/** Members in the order in which they came. */
export type GroupState = Readonly<{ parts: readonly GroupPart[]; members: readonly string[] }>;

export type GroupReport = Readonly<{
  member: string;
  /** How far parts are done, by number; of those that it does not hold it has nothing to say. */
  done: ReadonlyMap<number, string>;
  /** Parts that it gives back. */
  released: ReadonlySet<number>;
  /** It gives back all and goes. */
  leaves: boolean;
}>;

export const PARTS_DEFAULT = 16;
export const PARTS_MAX = 256;

export function newGroup(cursor: string, parts: number): GroupState {
  return { parts: Array.from({ length: parts }, () => ({ cursor })), members: [] };
}

/**
 * What a report makes of a group; `gone` are members that have not been heard of. Who reports becomes a member, and takes free parts up to its share. The
 * same state when nothing changes.
 */
export function reported(state: GroupState, { member, done, released, leaves }: GroupReport, gone: ReadonlySet<string>): GroupState {
  const stayed = state.members.filter((each) => !gone.has(each) && (each !== member || !leaves));
  const members = leaves || stayed.includes(member) ? stayed : [...stayed, member];
  const kept = state.parts.map((part, number): GroupPart => {
    const { holder } = part;
    const cursor = holder === member ? later(part.cursor, done.get(number)) : part.cursor;
    const goesOn = holder !== undefined && members.includes(holder) && !(holder === member && released.has(number));
    return goesOn ? { cursor, holder } : { cursor };
  });
  let room = leaves ? 0 : shareOf({ parts: kept, members }, member) - kept.filter(({ holder }) => holder === member).length;
  const parts = kept.map((part) => (part.holder === undefined && room-- > 0 ? { ...part, holder: member } : part));
  const next = { parts, members };
  return JSON.stringify(next) === JSON.stringify(state) ? state : next;
}

/** How many parts a member may hold: all hold as many, the first ones one more where it does not divide. */
export function shareOf({ parts, members }: GroupState, member: string): number {
  const rank = members.indexOf(member);
  if (rank < 0) return 0;
  return Math.floor(parts.length / members.length) + (rank < parts.length % members.length ? 1 : 0);
}

export function heldBy({ parts }: GroupState, member: string): readonly number[] {
  return parts.flatMap(({ holder }, number) => (holder === member ? [number] : []));
}

/** Parts that a member is to give back. */
export function surplusOf(state: GroupState, member: string): readonly number[] {
  return heldBy(state, member).slice(shareOf(state, member));
}

function later(one: string, other: string | undefined): string {
  return other !== undefined && positionIn(other) > positionIn(one) ? other : one;
}

function positionIn(cursor: string): bigint {
  return BigInt(cursor.split('-')[0] as string);
}

/** As it stands in the log. */
export function groupData({ parts, members }: GroupState): JsonObject {
  return {
    members: [...members],
    cursors: parts.map(({ cursor }) => cursor),
    holders: parts.map(({ holder }) => members.indexOf(holder ?? '')),
  };
}

export function groupIn(data: JsonObject): GroupState {
  const { members, cursors, holders } = data as Readonly<{ members: string[]; cursors: string[]; holders: number[] }>;
  const parts = cursors.map((cursor, number): GroupPart => {
    const holder = members[holders[number] as number];
    return holder === undefined ? { cursor } : { cursor, holder };
  });
  return { parts, members };
}
