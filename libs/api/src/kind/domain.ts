/** What a folder brings to its context, and the context as the sum of its folders: a new kind costs one folder and its line in the context's list. */
import type { Context, DomainModule, KindModule, Lift, ReservationModule } from './kind.ts';
import type { Ledger, LedgerRef } from './ledger.ts';
import type { Loop } from './loop.ts';
import type { ProjectionOver } from './projection.ts';

export type DomainPart = Readonly<{
  kinds?: readonly KindModule[];
  reservations?: readonly ReservationModule[];
  /** Control loops over its kinds, and over what its ledgers keep. */
  loops?: readonly Loop[];
  /** Loops that concern kinds of every context, made once all are known: a namespace is emptied of whatever it holds. */
  loopsOverKinds?: (kinds: readonly KindModule[]) => readonly Loop[];
  ledgers?: readonly Ledger[];
  /** What makes rows of its objects. */
  projections?: readonly ProjectionOver[];
  /** Ledgers of other contexts that its loops and decisions read. */
  reads?: readonly LedgerRef<unknown>[];
  /** Old event type -> what it means in today's types; applied at the store's edge, again and again until the type is not in the table. */
  lifts?: Readonly<Record<string, Lift>>;
  /** Categories of streams that older versions wrote and nobody reads any more. */
  retired?: readonly string[];
}>;

/** In the order of the parts: what comes later may refer to what came before it. */
export function domainOf(context: Context, parts: readonly DomainPart[]): DomainModule {
  return {
    context,
    kinds: parts.flatMap(({ kinds = [] }) => kinds),
    reservations: parts.flatMap(({ reservations = [] }) => reservations),
    loops: parts.flatMap(({ loops = [] }) => loops),
    loopsOverKinds: (kinds) => parts.flatMap(({ loopsOverKinds }) => loopsOverKinds?.(kinds) ?? []),
    ledgers: parts.flatMap(({ ledgers = [] }) => ledgers),
    projections: parts.flatMap(({ projections = [] }) => projections),
    reads: parts.flatMap(({ reads = [] }) => reads),
    lifts: Object.assign({}, ...parts.map(({ lifts = {} }) => lifts)) as Readonly<Record<string, Lift>>,
    retired: parts.flatMap(({ retired = [] }) => retired),
  };
}
