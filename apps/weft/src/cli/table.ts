/** Columns for people: wide enough for what stands in them, two blanks apart; colours on a terminal, plain text when piped. */
import type { Style, Terminal } from './terminal.ts';

export type Column = Readonly<{ name: string /** Shown with `-o wide` only. */; wide?: boolean }>;

const GAP = '   ';
const STYLES: readonly (readonly [word: RegExp, style: Style])[] = [
  [/^(True|Available|Ready|Bound|Allocated|Attached|intact)$/, 'green'],
  [/^(False|Error|Failed|Conflict|Lost|Unavailable|Damaged|wrong)$/, 'red'],
  [/^(Pending|Unknown|Deleting|Terminating|Waiting)$/, 'yellow'],
  [/^(<none>|<unknown>)$/, 'dim'],
];

export function tableOf(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  { style }: Pick<Terminal, 'style'>,
): readonly string[] {
  const widths = columns.map((name, at) => rows.reduce((width, row) => Math.max(width, (row[at] ?? '').length), name.length));
  const line = (cells: readonly string[], styled: (cell: string) => string) =>
    cells
      // What is invisible counts in no width, so the padding stands outside.
      .map((cell, at) => (at === cells.length - 1 ? styled(cell) : styled(cell) + ' '.repeat((widths[at] as number) - cell.length)))
      .join(GAP);
  return [line(columns, (name) => style('bold', name)), ...rows.map((cells) => line(cells, (cell) => coloured(cell, style)))];
}

function coloured(cell: string, style: Terminal['style']): string {
  const known = STYLES.find(([word]) => word.test(cell));
  return known === undefined ? cell : style(known[1], cell);
}
