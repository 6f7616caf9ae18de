/** Figures that operators watch: what a domain has given out, and who waits. Read when they are asked for, each some seconds. */
import { type Facts, factsOf } from './facts.ts';
import type { FactsView } from './kind.ts';
import type { LedgerRef } from './ledger.ts';

export type Sample = Readonly<{ labels: Readonly<Record<string, string>>; value: number }>;

/** What figures read besides what loops read. */
export type FigureFacts = Facts & Readonly<{ records: <R>(ledger: LedgerRef<R>) => ReadonlyMap<string, R> }>;

/** A gauge of Prometheus, served by the owner service of its context. */
export type Figure = Readonly<{
  /** `weft_…` */
  name: string;
  help: string;
  labels: readonly string[];
  /** Pure. Its cost must not grow with what can be many thousands: count in a ledger, or by an index of what is rare. */
  read: (facts: FigureFacts) => Iterable<Sample>;
}>;

export function figureFactsOf(view: FactsView & Readonly<{ records: (ledger: string) => ReadonlyMap<string, unknown> }>): FigureFacts {
  // A ledger's records were made by its own definition.
  return Object.assign(factsOf(view), { records: <R>({ ledger }: LedgerRef<R>) => view.records(ledger) as ReadonlyMap<string, R> });
}
