/**
 * Compares rows that were rebuilt from the log with those that the running projectors publish, at one position for each context, while they go on:
 *
 *   running:  … rows of a context, complete and gapless to position g ── copied at that moment
 *   rebuilt:  … reads on to g ─────────────────────────────────────────── compared there
 */
import { type Clock, CONTEXTS, type Context, type JsonObject, sameJson, within } from '@weft/api';
import { type Bus, createRowSubscriber, type RowSubscriber } from '@weft/bus';
import { tablesOfHost } from '@weft/fabric';
import type { Logger } from '../platform.ts';
import type { RebuiltRows } from './rebuilt-rows.ts';

export type RowDifference = Readonly<{ table: string; key: string; rebuilt?: JsonObject; running?: JsonObject }>;
export type RowComparison = Readonly<{
  context: Context;
  position: bigint;
  tables: number;
  rows: number;
  /** The first of them; `different` counts all. */
  differences: readonly RowDifference[];
  different: number;
}>;

/** Nobody publishes the rows of a context, or not in time. */
export class NotPublishedError extends Error {}

type Published = Readonly<{ context: Context; position: bigint; tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>> }>;

const SHOWN_MAX = 100;

export type CompareOptions = Readonly<{ rebuilt: RebuiltRows; bus: Bus; clock: Clock; log: Logger; waitMs: number }>;

/** `rebuilt` has been read to the present; it is read on. Throws a NotPublishedError. */
export async function compareRows({ rebuilt, bus, clock, log, waitMs }: CompareOptions): Promise<readonly RowComparison[]> {
  const subscriber = createRowSubscriber({ bus, clock, log, contexts: CONTEXTS });
  try {
    const tables = new Map<string, Context>([...rebuilt.tables].map(([table, { context }]) => [table, context]));
    // Of hosts that have gone, too: their rows ought to be gone.
    for (const { key } of rebuilt.fold.all()) {
      if (key.kind === 'Host') for (const { table, context } of tablesOfHost(key.name)) tables.set(table, context);
    }
    for (const [table, context] of tables) subscriber.follow(context, table);
    const published = await Promise.all(
      CONTEXTS.map((context) => whenPublished(subscriber, { context, tables, from: rebuilt.fold.position, clock, waitMs })),
    );
    const compared: RowComparison[] = [];
    for (const each of [...published].sort((a, b) => (a.position < b.position ? -1 : 1))) {
      await rebuilt.readTo(each.position);
      compared.push(comparisonOf(rebuilt, each));
    }
    return compared;
  } finally {
    await subscriber.close();
  }
}

/** A copy of the rows of a context at a moment at which all of them are of one position. */
async function whenPublished(
  subscriber: RowSubscriber,
  {
    context,
    tables,
    from,
    clock,
    waitMs,
  }: Readonly<{ context: Context; tables: ReadonlyMap<string, Context>; from: bigint; clock: Clock; waitMs: number }>,
): Promise<Published> {
  const own = [...tables].flatMap(([table, of]) => (of === context ? [table] : []));
  const look = (): Published | undefined => {
    const position = subscriber.gaplessTo(context);
    const views = own.map((table) => subscriber.view(table));
    if (position === undefined || position < from || views.some((view) => view === undefined || !view.complete || view.rev > position))
      return undefined;
    return { context, position, tables: new Map(own.map((table, at) => [table, new Map(views[at]?.rows ?? [])])) };
  };
  let stop = () => {};
  const seen = new Promise<Published>((resolve) => {
    const tell = () => {
      const found = look();
      if (found !== undefined) resolve(found);
    };
    stop = subscriber.onProgress(tell);
    tell();
  });
  try {
    const found = await within(clock, waitMs, seen);
    if (found !== undefined) return found;
    throw new NotPublishedError(`nobody has published the rows of the ${context} context within ${waitMs / 1_000} s`);
  } finally {
    stop();
  }
}

/** Of the tables that are followed: there may be more by now. */
function comparisonOf(rebuilt: RebuiltRows, { context, position, tables }: Published): RowComparison {
  const differences: RowDifference[] = [];
  let different = 0;
  let rows = 0;
  for (const [table, seen] of tables) {
    const made = rebuilt.tables.get(table)?.rows ?? NONE;
    for (const key of new Set([...made.keys(), ...seen.keys()])) {
      rows++;
      const [a, b] = [made.get(key), seen.get(key)];
      if (a !== undefined && b !== undefined && sameJson(a, b)) continue;
      if (++different <= SHOWN_MAX) differences.push({ table, key, ...(a && { rebuilt: a }), ...(b && { running: b }) });
    }
  }
  return { context, position, tables: tables.size, rows, differences, different };
}

const NONE: ReadonlyMap<string, JsonObject> = new Map();
