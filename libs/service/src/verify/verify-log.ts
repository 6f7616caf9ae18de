/**
 * Verifies a log: it is read from its start, checked append by append (`LogCheck`), and made into rows twice: as it grew, some thousand events at a time, and
 * anew from what it came to. At its end every loop is asked about everything. O(events), in memory as a service that folds the log.
 */
import {
  type Append,
  type Change,
  type Draft,
  type Finding,
  type Fold,
  type JsonObject,
  LogCheck,
  type Registry,
  sameJson,
} from '@weft/api';
import { RowProjection, type RowsOf, readByRows, rowsIn } from '@weft/fabric';
import { differencesOf } from '../snapshots/compare-folds.ts';

export type OwedText = Readonly<{ loop: string; key: string; commands: readonly Draft[] }>;

export type LogReport = Readonly<{
  position: bigint;
  events: number;
  appends: number;
  streams: number;
  /** Events of others in the same store, which are passed over. */
  foreign: number;
  /** Events that name something before them as their cause. */
  caused: number;
  /** How many things have a holder, of those that only one may hold: addresses, numbers, port ranges. */
  held: Readonly<Record<string, number>>;
  /** Living objects by kind, records by ledger; without those that have none. */
  objects: Readonly<Record<string, number>>;
  records: Readonly<Record<string, number>>;
  /** The first of them; `found` counts all. */
  findings: readonly Finding[];
  found: number;
  rows: number;
  /** Rows that come out differently when they are made anew, the first of them, and rows that cannot be made. */
  rowProblems: readonly string[];
  /** The snapshot that a start would begin with, and what of it the log does not say: absent when there is none. */
  snapshot?: Readonly<{ position: bigint; differs: readonly string[] }>;
  /** The first of what loops owe; `owing` counts all keys that owe something. */
  owed: readonly OwedText[];
  owing: number;
}>;

export type VerifyOptions = Readonly<{
  /** With the lifts of events that the pages have been through. */
  registry: Registry;
  /** The whole log, in today's types. */
  pages: AsyncIterable<readonly Append[]> | Iterable<readonly Append[]>;
  /** Where the log ended when it began to be read: what comes later is left out. */
  upTo: bigint;
  /** As of when loops are asked (Unix time, ms): by default the time of the last event, so that what has become due since is not owed. */
  nowMs?: number;
  onProgress?: (position: bigint) => void;
  /** Of a snapshot; it is compared where it stands. */
  snapshot?: Fold;
  /** How rows are made: by default as in services. */
  projections?: readonly RowsOf[];
}>;

const SHOWN_MAX = 1_000;
/** After so many appends the rows that these touch are made: what several of them touch is made once, as in a service that has fallen behind. */
const ROWS_EVERY = 4_096;

export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { registry, pages, upTo, nowMs, onProgress, snapshot, projections = rowsIn(registry) } = options;
  const check = new LogCheck(registry, { followed: readByRows(registry) });
  const { fold } = check;
  const grown = new Rows(projections, registry, fold);
  let position = 0n;
  let differs: readonly string[] | undefined;
  for await (const page of pages) {
    for (const append of page) {
      if (append.position > upTo) break;
      ({ position } = append);
      const change = check.take(append);
      if (change !== undefined) grown.take(change);
      if (position === snapshot?.position) differs = [...differencesOf(registry, snapshot, fold)].slice(0, SHOWN_MAX);
    }
    onProgress?.(position);
    if (position >= upTo) break;
  }
  grown.settle();
  const owed: OwedText[] = [];
  let owing = 0;
  for (const each of check.owed(nowMs ?? check.timeMs)) {
    if (++owing <= SHOWN_MAX) owed.push({ loop: each.loop.name, key: each.key, commands: each.owed });
  }
  return {
    position,
    ...check.counts,
    held: check.held,
    objects: counted(registry.kinds.map(({ kind }) => [kind, fold.count(kind)])),
    records: counted(registry.ledgers.map(({ ledger }) => [ledger, fold.records(ledger).size])),
    findings: check.findings,
    found: check.found,
    rows: grown.count,
    rowProblems: [...grown.faults, ...grown.differFrom(new Rows(projections, registry, fold))].slice(0, SHOWN_MAX),
    ...(snapshot !== undefined && differs !== undefined && { snapshot: { position: snapshot.position, differs } }),
    owed,
    owing,
  };
}

function counted(entries: readonly (readonly [name: string, count: number])[]): Readonly<Record<string, number>> {
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

/** The rows of all projections, by table and key. */
class Rows {
  readonly #projections: readonly RowProjection[];
  readonly #rows = new Map<string, Map<string, JsonObject>>();
  #noted = 0;

  /** Begins with the present states of the fold. */
  constructor(projections: readonly RowsOf[], registry: Registry, fold: LogCheck['fold']) {
    this.#projections = projections.map((rows) => new RowProjection(rows, registry, fold));
    this.settle();
  }

  take(change: Change): void {
    for (const projection of this.#projections) projection.note(change);
    if (++this.#noted === ROWS_EVERY) this.settle();
  }

  /** Afterwards the rows are those of the last change that was taken. */
  settle(): void {
    this.#noted = 0;
    for (const projection of this.#projections)
      for (const { table, changes } of projection.settle()) {
        const rows = this.#of(table);
        for (const { key, row } of changes) {
          if (row === undefined) rows.delete(key);
          else rows.set(key, row);
        }
      }
  }

  get count(): number {
    return [...this.#rows.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get faults(): readonly string[] {
    return this.#projections.flatMap(({ faults }) => faults.map((fault) => `cannot be made: ${fault}`));
  }

  /** Both must be settled. */
  *differFrom(anew: Rows): Iterable<string> {
    for (const table of new Set([...this.#rows.keys(), ...anew.#rows.keys()])) {
      const [grown, made] = [this.#of(table), anew.#of(table)];
      for (const key of new Set([...grown.keys(), ...made.keys()]))
        if (!sameJson(grown.get(key), made.get(key))) yield `row ${key} of table ${table} differs when it is made anew`;
    }
  }

  #of(table: string): Map<string, JsonObject> {
    let rows = this.#rows.get(table);
    if (rows === undefined) this.#rows.set(table, (rows = new Map()));
    return rows;
  }
}
