/** The projections of this library, by the context that publishes their rows. They read kinds of several contexts, so they stand in the part of none. */
import type { Context, ProjectionOver, Registry } from '@weft/api';
import { balancing } from './balancing/balancing.projection.ts';
import { edges } from './edges/edges.projection.ts';
import { nat } from './nat/nat.projection.ts';
import { peering } from './peering/peering.projection.ts';
import { policies } from './policy/policy.projection.ts';
import { routing } from './routing/routing.projection.ts';
import { RowProjection, type RowsOf } from './rows/row-projection.ts';
import { virtualIps } from './virtual-ips/virtual-ips.projection.ts';

const PROJECTIONS: Readonly<Record<Context, readonly RowsOf[]>> = {
  network: [routing, peering, edges],
  ipam: [virtualIps],
  lb: [balancing, nat],
  policy: [policies],
};

/** For the service of a context. */
export function projectionsOf(context: Context): readonly ProjectionOver[] {
  return PROJECTIONS[context].map((rows) => (registry, fold, nowMs) => new RowProjection(rows, registry, fold, nowMs));
}

/** All those whose kinds and ledgers a world has. */
export function rowsIn(registry: Registry): readonly RowsOf[] {
  return Object.values(PROJECTIONS)
    .flat()
    .filter(({ kinds, ledgers = [] }) => {
      const hasKinds = kinds.every(({ kind }) => registry.kind(kind) !== undefined);
      return hasKinds && ledgers.every(({ ledger }) => registry.ledgers.some((each) => each.ledger === ledger));
    });
}

/** What of a fold their rows follow from. */
export function readByRows(registry: Registry): Readonly<{ kinds: ReadonlySet<string>; ledgers: ReadonlySet<string> }> {
  const rows = rowsIn(registry);
  return {
    kinds: new Set(rows.flatMap(({ kinds }) => kinds.map(({ kind }) => kind))),
    ledgers: new Set(rows.flatMap(({ ledgers = [] }) => ledgers.map(({ ledger }) => ledger))),
  };
}
