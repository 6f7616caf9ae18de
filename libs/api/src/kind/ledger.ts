/**
 * A ledger keeps what streams owe each other: a fold over events of several streams into records under keys, deleted when they are settled. Loops read
 * records, and are asked about each of them.
 *
 *   VniAllocated {uid, vni} ──> vni-grants[uid] = {vni}      ──> a Network without a number accepts it
 *   VniReleased {uid}       ──> vni-grants[uid] deleted
 */
import type { Change, Folded } from './kind.ts';
import type { KindRef, KindTypes } from './kind-types.ts';

/** Names a ledger together with the type of its records. `types` is never there: it only carries the type. */
export type LedgerRef<R> = Readonly<{ ledger: string; types?: R }>;

export function ledgerRef<R>(ledger: string): LedgerRef<R> {
  return { ledger };
}

export interface LedgerWriter<R> {
  get(key: string): R | undefined;
  /** Records are never changed in place. */
  put(key: string, record: R): void;
  delete(key: string): void;
  /** Whether there is no record at all. */
  readonly isEmpty: boolean;
}

export type Ledger<R = unknown> = LedgerRef<R> &
  Readonly<{
    /** Streams of these kinds and categories concern it; all streams when left out. */
    categories?: readonly string[];
    /** Called with each append that concerns it, in log order, also during a replay. Pure but for what it writes here; decides nothing. */
    apply(change: Change, records: LedgerWriter<R>): void;
  }>;

export function defineLedger<R>(ref: LedgerRef<R>, apply: Ledger<R>['apply'], categories?: readonly string[]): Ledger {
  const ledger: Ledger<R> = { ...ref, apply, ...(categories && { categories }) };
  return ledger; // The machinery hands each ledger nothing but its own records.
}

/** The object of a change, living before and after it, with the types of its kind; undefined when the change is not of that kind. */
export function changeOf<T extends KindTypes>(
  { kind }: KindRef<T>,
  { before, after }: Pick<Change, 'before' | 'after'>,
): Readonly<{ before?: Folded<T>; after?: Folded<T> }> | undefined {
  if ((after ?? before)?.key.kind !== kind) return undefined;
  // The kind's own definition made these states.
  const [was, is] = [before, after] as unknown as readonly [Folded<T> | undefined, Folded<T> | undefined];
  if (was?.status !== 'live') return is?.status === 'live' ? { after: is } : {};
  return is?.status === 'live' ? { before: was, after: is } : { before: was };
}
