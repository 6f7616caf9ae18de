/**
 * Numbers of the interfaces of one Network, of which their MACs are made. Each has at most one holder, from its grant to the end of the interface.
 *
 * The lowest number that was never used is given first; then one that was given back and never was in rows; then the one that has rested longest. A
 * number that was in rows rests until the hosts that hold the network have applied its removal. That is checked only when a number is needed: positions
 * only grow, so a view that lags errs on the safe side.
 */
import { append, dropOldest, emptyQueue, oldest, type Queue } from './queue.ts';

/** `creation`: the request that created the interface, when its claim got the number; absent when the interface existed before. */
type NumberHolder = Readonly<{ index: number; creation?: string }>;

export type InterfaceNumbers = {
  /** Uid of an interface -> its number. */
  readonly holders: Map<string, NumberHolder>;
  /** This number and all above it were never used. */
  next: number;
  /** Numbers that were given back and never were in rows. */
  readonly free: Queue<number>;
  /** Numbers that were given back and were in rows until `at` (decimal position), in the order in which they came back. */
  readonly resting: Queue<Readonly<{ index: number; at: string }>>;
};

export function noNumbers(): InterfaceNumbers {
  return { holders: new Map(), next: 0, free: emptyQueue(), resting: emptyQueue() };
}

/** The number to give next; undefined when all up to `max` are in use or rest. */
export function availableNumber(numbers: InterfaceNumbers, max: number, hasRested: (at: string) => boolean): number | undefined {
  if (numbers.next <= max) return numbers.next;
  const free = oldest(numbers.free);
  if (free !== undefined) return free;
  const rested = oldest(numbers.resting);
  return rested !== undefined && hasRested(rested.at) ? rested.index : undefined;
}

/** The fold of a grant: `index` is what `availableNumber` gave, or what the interface has already. */
export function giveNumber(numbers: InterfaceNumbers, uid: string, holder: NumberHolder): void {
  if (numbers.holders.has(uid)) return;
  const { index } = holder;
  numbers.holders.set(uid, holder);
  if (index >= numbers.next) numbers.next = index + 1;
  else if (oldest(numbers.free) === index) dropOldest(numbers.free);
  else dropOldest(numbers.resting);
}

/** `at`: position until which it was in rows; undefined when it never was. */
export function takeNumberBack(numbers: InterfaceNumbers, uid: string, index: number, at: string | undefined): void {
  numbers.holders.delete(uid);
  if (at === undefined) append(numbers.free, index);
  else append(numbers.resting, { index, at });
}
