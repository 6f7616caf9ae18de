/** `weft replay rows`: what hosts are told, made of the log alone, and compared with what the running projectors publish. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '@weft/api';
import {
  compareRows,
  createLog,
  NotPublishedError,
  openBus,
  RebuiltRows,
  type RowComparison,
  type SwitchedOver,
  switchOver,
} from '@weft/service';
import { CommandError, DONE, NO, NO_ANSWER } from '../cli/exit-codes.ts';
import { formatOf } from '../cli/output.ts';
import { type Call, textOf } from '../cli/verb.ts';
import { positionOf, progressOf, withLog } from './open-log.ts';

const PUBLISHED_MS_MAX = 30_000;
const REBUILT_MS_MAX = 120_000;
const TEXT_MAX = 300;

export function replayRows({ options, terminal }: Call, clock: Clock = systemClock): Promise<number> {
  return withLog(terminal, async ({ where, config, store, kinds }) => {
    const at = textOf(options, 'at');
    const upTo = at === undefined ? await store.head() : await positionOf(store, at, clock);
    const rebuilt = new RebuiltRows(kinds, store);
    const startedMs = clock.monotonicMs();
    const progress = progressOf(terminal, 'replay', clock);
    await rebuilt.readTo(upTo, (position) => progress(`log folded up to position ${position}`));
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const { fold, events } = rebuilt;
    const rows = [...rebuilt.tables.values()].reduce((sum, table) => sum + table.rows.size, 0);
    const made = {
      store: where,
      position: fold.position.toString(),
      events,
      tables: rebuilt.tables.size,
      rows,
      tookMs,
      faults: rebuilt.faults,
    };
    const directory = textOf(options, 'directory');
    if (directory !== undefined) writeTables(directory, rebuilt);
    const compares = options['compare'] !== false && at === undefined;
    const switches = options['switch'] === true;
    const { compared, switched } = compares ? await comparison() : { compared: [], switched: [] };
    const isSame = rebuilt.faults.length === 0 && compared.every(({ different }) => different === 0);
    if (formatOf(options) === 'json') {
      const contexts = compared.map((each) => ({ ...each, position: each.position.toString() }));
      terminal.say(JSON.stringify({ ...made, ...(switches && { switched }), ...(compares && { compared: contexts }) }));
    } else {
      const perSecond = Math.round((events / Math.max(tookMs, 1)) * 1_000);
      terminal.say(
        `${where}: ${rows} rows in ${rebuilt.tables.size} tables, made of ${events} events up to position ${made.position} in ${(tookMs / 1_000).toFixed(1)} s (${perSecond} events a second)`,
      );
      for (const fault of rebuilt.faults) terminal.say(terminal.style('red', `WRONG cannot be made: ${fault}`));
      for (const { context, rows: anew, different } of switched)
        terminal.say(`${context}: ${anew} rows were made anew where they are published, ${different} of them otherwise; these go on`);
      sayDifferences(compared);
    }
    return isSame ? DONE : NO;

    function sayDifferences(found: readonly RowComparison[]): void {
      if (formatOf(options) === 'json') return;
      for (const each of found) for (const line of linesOf(each)) terminal.say(each.different === 0 ? line : terminal.style('red', line));
    }

    /** With what is published once whoever publishes it has switched over, if that is asked for. */
    async function comparison(): Promise<Readonly<{ compared: readonly RowComparison[]; switched: readonly SwitchedOver[] }>> {
      const log = createLog('error', 'weft');
      const bus = openBus(config.bus, 'weft replay', log);
      try {
        const compare = () => compareRows({ rebuilt, bus, clock, log, waitMs: PUBLISHED_MS_MAX });
        const before = await compare();
        if (!switches) return { compared: before, switched: [] };
        sayDifferences(before);
        const switched = await switchOver(bus, REBUILT_MS_MAX);
        return { switched, compared: await compare() };
      } catch (error) {
        if (!(error instanceof NotPublishedError)) throw error;
        throw new CommandError(
          `${error.message}: is Weft running on ${config.data}, or where WEFT_NATS says? (--no-compare only makes the rows)`,
          NO_ANSWER,
        );
      } finally {
        await bus.close();
      }
    }
  });
}

function linesOf({ context, position, tables, rows, differences, different }: RowComparison): readonly string[] {
  if (different === 0) return [`${context}: ${rows} rows of ${tables} tables are published as they are made, at position ${position}`];
  const [first] = differences;
  const text = (row: unknown) => (row === undefined ? 'none' : JSON.stringify(row).slice(0, TEXT_MAX));
  return [
    `${context}: ${different} of ${rows} rows differ at position ${position}; the first: row ${first?.key} of table ${first?.table}`,
    `  made       ${text(first?.rebuilt)}`,
    `  published  ${text(first?.running)}`,
  ];
}

function writeTables(directory: string, { tables }: RebuiltRows): void {
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) throw new CommandError(`${directory} is not empty: choose another directory`);
  for (const [table, { rows }] of tables) {
    const lines = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, row]) => `${JSON.stringify({ key, row })}\n`);
    writeFileSync(join(directory, `${table}.jsonl`), lines.join(''));
  }
}
