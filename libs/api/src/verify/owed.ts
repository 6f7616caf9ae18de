/**
 * Checks a log at rest, which means that no loop owes anything: it asks every loop about everything. It shares no code with the tracked reads by which
 * services ask loops, so it finds what these have missed. O(everything).
 */
import { createFold } from '../fold/fold.ts';
import type { DomainModule } from '../kind/kind.ts';
import type { Append } from '../log/envelope.ts';
import { askEverything, type Owed } from '../loops/ask-everything.ts';
import { registry } from '../registry/registry.ts';

/** What loops owe when a log ends. `nowMs` (Unix time): by default the time of its last event; then commands that are due later are not owed yet. */
export function owedByLog(domains: readonly DomainModule[], log: readonly Append[], nowMs?: number): readonly Owed[] {
  const kinds = registry(domains);
  const fold = createFold(kinds);
  for (const append of log) fold.apply(append);
  const last = log.at(-1)?.events.at(-1)?.metadata.time;
  return [...askEverything(kinds, fold, nowMs ?? Date.parse(last ?? '1970-01-01T00:00:00Z'))];
}

/** One line for each loop and key, for people. */
export function owedText(owed: readonly Owed[]): string {
  return owed.map(({ loop, key, owed: drafts }) => `loop ${loop.name} owes ${JSON.stringify(drafts)} about ${key}`).join('\n');
}
