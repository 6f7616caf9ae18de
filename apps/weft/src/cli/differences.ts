/** Fields that differ, for people: `+` came, `-` went, `~` changed. */
import type { Terminal } from './terminal.ts';

export type Difference = Readonly<{ field: string; before?: unknown; after?: unknown }>;

/** More of one object are counted only. */
const LINES_MAX = 12;
const VALUE_LENGTH_MAX = 100;

export function differenceLines(changed: readonly Difference[], { style }: Pick<Terminal, 'style'>, max = LINES_MAX): readonly string[] {
  const lines = changed.slice(0, max).map(({ field, before, after }) => {
    if (before === undefined) return style('green', `  + ${field}: ${textOfValue(after)}`);
    if (after === undefined) return style('red', `  - ${field}: ${textOfValue(before)}`);
    return style('yellow', `  ~ ${field}: ${textOfValue(before)} -> ${textOfValue(after)}`);
  });
  return changed.length > max ? [...lines, `    and ${changed.length - max} more (-o json names all)`] : lines;
}

function textOfValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}
