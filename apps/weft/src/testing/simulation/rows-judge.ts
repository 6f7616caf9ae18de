/**
 * Holds the rows that agents have to those of the log: what is said to be known up to a position is as the log had it at that position or later, whatever was lost on the
 * way.
 */
import type { RowSubscriber } from '@weft/bus';
import { keptOf } from '@weft/fabric';
import type { WorldFabric } from '@weft/testing';
import { textOf } from './rest.ts';

type Rows = ReadonlyMap<string, Parameters<typeof keptOf>[1]>;
/** Content of a table until right before the position at which it became another one; undefined: until now. */
type Version = { readonly text: string; until: bigint | undefined };

export class RowsJudge {
  readonly #fabric: WorldFabric;
  readonly #fail: (what: string) => void;
  readonly #versions = new Map<string, Version[]>();

  constructor(fabric: WorldFabric, fail: (what: string) => void) {
    this.#fabric = fabric;
    this.#fail = fail;
  }

  /** To be called with the position of each append, after the rows were made from it. */
  take(position: bigint): void {
    const { tables } = this.#fabric;
    for (const table of new Set([...this.#versions.keys(), ...tables.keys()])) {
      const versions = this.#versions.get(table) ?? [{ text: '', until: undefined }];
      this.#versions.set(table, versions);
      const last = versions.at(-1) as Version;
      const text = contentOf(table, tables.get(table) ?? new Map());
      if (last.text === text) continue;
      last.until = position;
      versions.push({ text, until: undefined });
    }
  }

  /** Looks at the rows that a host follows each time that more is known of them. */
  watch(host: string, rows: RowSubscriber): void {
    rows.onProgress((context) => {
      for (const [table, versions] of this.#versions) {
        const upTo = rows.gaplessTo(context, [table]);
        const view = rows.view(table);
        if (upTo === undefined || view?.complete !== true) continue;
        const text = contentOf(table, view.rows);
        if (versions.some((version) => (version.until === undefined || version.until > upTo) && version.text === text)) continue;
        this.#fail(`host ${host} knows table ${table} up to ${upTo}, and has rows of ${view.rev} that are others`);
      }
    });
  }
}

/** As a host keeps it. */
function contentOf(table: string, rows: Rows): string {
  return [...rows]
    .map(([key, row]) => `${key} ${textOf(keptOf(table, row))}`)
    .sort()
    .join('\n');
}
