/** `weft diff --host`: what a host was told at two moments, made of the log up to each. */
import { differences, type JsonObject } from '@weft/api';
import { tablesFollowedBy } from '@weft/fabric';
import { RebuiltRows } from '@weft/service';
import { type Difference, differenceLines } from '../cli/differences.ts';
import { CommandError, DONE, NO } from '../cli/exit-codes.ts';
import { formatOf, writeDocument } from '../cli/output.ts';
import { type Call, textOf } from '../cli/verb.ts';
import { positionOf, progressOf, withLog } from './open-log.ts';

type RowDifference = Readonly<{ table: string; key: string; lifetime?: 'began' | 'ended'; changed: readonly Difference[] }>;

export function diffRows(host: string, { options, terminal }: Call): Promise<number> {
  return withLog(terminal, async ({ store, kinds }) => {
    const from = await positionOf(store, textOf(options, 'from') ?? '');
    const to = await positionOf(store, textOf(options, 'to') ?? (await store.head()).toString());
    if (from > to) throw new CommandError('--from lies behind --to');
    const rebuilt = new RebuiltRows(kinds, store);
    const progress = progressOf(terminal, 'diff');
    const rowsAt = async (position: bigint) => {
      await rebuilt.readTo(position, (at) => progress(`log folded up to position ${at}`));
      return rebuilt.fold.get({ kind: 'Host', name: host }) === undefined ? undefined : rowsOf(host, rebuilt);
    };
    const [before, after] = [await rowsAt(from), await rowsAt(to)];
    if (before === undefined && after === undefined)
      throw new CommandError(
        `host "${host}" not found at position ${from} or ${to}: "weft history host/${host}" tells if and when it was there`,
        NO,
      );
    const found = differencesBetween(before ?? NONE, after ?? NONE);
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') {
      await writeDocument({ host, from: from.toString(), to: to.toString(), rows: found }, format, terminal);
    } else for (const each of found) for (const line of linesOf(each, format === 'name', terminal)) terminal.say(line);
    return found.length === 0 ? DONE : NO;
  });
}

const NONE: ReadonlyMap<string, JsonObject> = new Map();

/** By table and key. Which events a row rests on does not change what it says. */
function rowsOf(host: string, { tables }: RebuiltRows): ReadonlyMap<string, JsonObject> {
  const rows = new Map<string, JsonObject>();
  for (const { table } of tablesFollowedBy(host, tables)) {
    for (const [key, { position: _, because: __, ...row }] of tables.get(table)?.rows ?? []) rows.set(`${table} ${key}`, row);
  }
  return rows;
}

function differencesBetween(before: ReadonlyMap<string, JsonObject>, after: ReadonlyMap<string, JsonObject>): readonly RowDifference[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((place) => {
    const [was, is] = [before.get(place), after.get(place)];
    const changed = differences(was, is);
    if (changed.length === 0) return [];
    const blank = place.indexOf(' ');
    const lifetime = was === undefined ? 'began' : is === undefined ? 'ended' : undefined;
    return [{ table: place.slice(0, blank), key: place.slice(blank + 1), ...(lifetime && { lifetime }), changed }];
  });
}

function linesOf({ table, key, lifetime, changed }: RowDifference, namesOnly: boolean, terminal: Call['terminal']): readonly string[] {
  const place = `${table} ${key}`;
  if (namesOnly) return [place];
  const [colour, mark] =
    lifetime === 'began' ? (['green', '+'] as const) : lifetime === 'ended' ? (['red', '-'] as const) : (['yellow', '~'] as const);
  return [terminal.style(colour, `${mark} ${place}${lifetime === undefined ? '' : ` ${lifetime}`}`), ...differenceLines(changed, terminal)];
}
