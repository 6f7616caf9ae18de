/**
 * What at most one may hold at any time: an address of a Network, a number of a pool. The decisions that hand it out see to that; whoever verifies a log
 * checks it after each append, by what objects and records show.
 */
import type { Folded } from './kind.ts';
import type { KindRef, KindTypes } from './kind-types.ts';
import type { LedgerRef } from './ledger.ts';

export type Exclusive = Readonly<{
  /** What is held, for people: `address of a Network`. Several may be about the same; they are held to each other. */
  what: string;
  over: Readonly<{ kind: string } | { ledger: string }>;
  /** The things that a living object or a record holds. Pure. */
  held: (value: unknown) => readonly string[];
}>;

/** Of living objects: two of them never hold the same. */
export function exclusiveOf<T extends KindTypes>(
  { kind }: KindRef<T>,
  what: string,
  held: (state: Folded<T>) => readonly string[],
): Exclusive {
  // It is given states of its own kind only, which that kind's definition has made.
  return { what, over: { kind }, held: (value) => held(value as Folded<T>) };
}

/** Of records: two of them never hold the same. */
export function exclusiveOfRecords<R>({ ledger }: LedgerRef<R>, what: string, held: (record: R) => readonly string[]): Exclusive {
  // It is given records of its own ledger only.
  return { what, over: { ledger }, held: (value) => held(value as R) };
}
