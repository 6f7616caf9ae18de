/** What a folder brings to its context, and the context as the sum of its folders: a new kind costs one folder and its line in the context's list. */
import type { Context, DomainModule, Lift } from './kind.ts';

/** What one folder brings; see `DomainModule`. */
export type DomainPart = Partial<Omit<DomainModule, 'context'>>;

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
    figures: parts.flatMap(({ figures = [] }) => figures),
    exclusives: parts.flatMap(({ exclusives = [] }) => exclusives),
    firstObjects: parts.flatMap(({ firstObjects = [] }) => firstObjects),
    reads: parts.flatMap(({ reads = [] }) => reads),
    lifts: Object.assign({}, ...parts.map(({ lifts = {} }) => lifts)) as Readonly<Record<string, Lift>>,
    retired: parts.flatMap(({ retired = [] }) => retired),
  };
}
