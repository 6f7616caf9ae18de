/** Variables without effect: those that nothing reads are a typing error more often than not, and an error in silence: the setting has no effect. */
import { uplinkSettingsWithoutEffect } from '@weft/dataplane-agent';
import type { Environment } from '@weft/service';
import { VARIABLES } from './environment.ts';

/** More edits than that make another word. */
const EDITS_MAX = 4;

/** One line for people about each variable whose name begins as ours do and is none of them, or that is for something else than what is started. */
export function variablesWithoutEffect(env: Environment, { processes }: Readonly<{ processes: boolean }>): readonly string[] {
  const unknown = Object.keys(env).filter((name) => name.startsWith('WEFT_') && !VARIABLES.includes(name));
  const lines = unknown.sort().map((name) => {
    const near = nearest(name);
    return `${name} is not a variable of Weft and has no effect${near === undefined ? '' : `; did you mean ${near}?`}`;
  });
  lines.push(...uplinkSettingsWithoutEffect(env));
  if (!processes && env['WEFT_HEALTH'])
    lines.push('WEFT_HEALTH has no effect without --processes: /readyz and /metrics are served where WEFT_HTTP says');
  return lines;
}

function nearest(name: string): string | undefined {
  const [first] = VARIABLES.map((known) => ({ known, edits: editsBetween(name, known) })).sort((a, b) => a.edits - b.edits);
  return first !== undefined && first.edits <= EDITS_MAX ? first.known : undefined;
}

/** Levenshtein's distance: characters to insert, remove or replace. */
function editsBetween(a: string, b: string): number {
  let row = [...Array(b.length + 1).keys()];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
