/**
 * Numbers of the interfaces of one Network, of which their MACs are made. Each has at most one holder, from its grant to the end of the interface.
 *
 * Lowest never used number first; then one that was given back and never was in rows; then the one that has rested longest. A number rests like an
 * address in rows: until the hosts that hold the network have applied its removal, which is asked when a number is needed (positions only grow, so a
 * view that lags errs on the safe side).
 */
import { append, dropOldest, emptyQueue, oldest, type Queue } from './queue.ts';

/** `creation`: request of the creation that it was granted to; none when it was granted to an interface that was there already. */
type NumberHolder = Readonly<{ index: number; creation?: string }>;

export type InterfaceNumbers = {
  /** By uid of the interface. */
  readonly holders: Map<string, NumberHolder>;
  /** Never used yet, nor anything above it. */
  next: number;
  /** Given back, never in rows. */
  readonly free: Queue<number>;
  /** Given back, in rows until `at` (decimal position). In the order in which they came back. */
  readonly resting: Queue<Readonly<{ index: number; at: string }>>;
};

export function noNumbers(): InterfaceNumbers {
  return { holders: new Map(), next: 0, free: emptyQueue(), resting: emptyQueue() };
}

/** Undefined: all up to `max` are in use or rest. */
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

/** `at`: until then it was in rows; undefined when it never was. */
export function takeNumberBack(numbers: InterfaceNumbers, uid: string, index: number, at: string | undefined): void {
  numbers.holders.delete(uid);
  if (at === undefined) append(numbers.free, index);
  else append(numbers.resting, { index, at });
}
