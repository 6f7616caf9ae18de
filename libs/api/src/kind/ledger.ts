/**
 * A ledger is a fold over events of several streams: it keeps a record for each thing that one stream still owes another, and deletes it once it is
 * settled. Loops read records, or run over all of them.
 *
 *   VniAllocated {uid, vni} ──> vni-grants[uid] = {vni}      ──> a Network without a number accepts it
 *   VniReleased {uid}       ──> vni-grants[uid] deleted
 */
import type { Change, FactsView, Folded } from './kind.ts';
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
  readonly size: number;
  /** The key that was put first, since it was deleted last. */
  readonly oldest: string | undefined;
  /** In the order in which they were put first, since they were deleted last. */
  keys(): Iterable<string>;
}

export type Ledger<R = unknown> = LedgerRef<R> &
  Readonly<{
    /** The kinds and categories of the streams that it follows; all streams when left out. */
    categories?: readonly string[];
    /**
     * Called with each append to one of these streams, in log order, also during a replay. It writes records and does nothing else. `states`: all objects, as
     * they are behind that append.
     */
    apply(change: Change, records: LedgerWriter<R>, states: FactsView): void;
  }>;

export function defineLedger<R>(ref: LedgerRef<R>, apply: Ledger<R>['apply'], categories?: readonly string[]): Ledger {
  const ledger: Ledger<R> = { ...ref, apply, ...(categories && { categories }) };
  return ledger; // The machinery gives each ledger its own records only, so the type fits.
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
