/** Makes a failure small: leaves out kinds of decisions, then parts of what is left, as long as the same still fails. */
import type { Decision } from './decisions.ts';
import { type RunOptions, type RunReport, simulate } from './simulation.ts';

export type Failure = Readonly<{ seed: number; steps: number; kept: readonly number[]; report: RunReport }>;

export type ShrinkOptions = Readonly<{
  run: RunOptions;
  report: RunReport;
  /** Runs that are tried at most. */
  runsMax: number;
  onProgress?: (failure: Failure) => void;
}>;

export async function shrink({ run, report, runsMax, onProgress }: ShrinkOptions): Promise<Failure> {
  const deeds = new Map<number, string>();
  const wanted = failureText(report);
  let runs = 0;
  const attempt = async (kept: readonly number[], steps: number): Promise<RunReport | undefined> => {
    if (runs >= runsMax) return undefined;
    runs++;
    const numbers = new Set(kept);
    const found = await simulate({ ...run, steps, keeps: (decision) => note(deeds, decision) && numbers.has(decision.number) });
    return failureText(found) === wanted ? found : undefined;
  };
  const all = Array.from({ length: report.decisions }, (_, number) => number).filter((number) => run.keeps?.(numbered(number)) ?? true);
  let best: Failure = { seed: run.seed, steps: run.steps, kept: all, report };
  const take = (kept: readonly number[], steps: number, found: RunReport | undefined): boolean => {
    if (found === undefined) return false;
    best = { seed: run.seed, steps, kept, report: found };
    onProgress?.(best);
    return true;
  };
  // Also without anything that would have been decided later.
  take(all, run.steps, await attempt(all, run.steps));
  for (const deed of new Set(deeds.values())) {
    const kept = best.kept.filter((number) => deeds.get(number) !== deed);
    if (kept.length < best.kept.length) take(kept, best.steps, await attempt(kept, best.steps));
  }
  for (let parts = 2; runs < runsMax && best.kept.length > 0; ) {
    const size = Math.ceil(best.kept.length / parts);
    let smaller = false;
    for (let first = 0; first < best.kept.length && runs < runsMax; ) {
      const kept = [...best.kept.slice(0, first), ...best.kept.slice(first + size)];
      if (take(kept, best.steps, await attempt(kept, best.steps))) smaller = true;
      else first += size;
    }
    if (size === 1 && !smaller) break;
    if (size > 1) parts = Math.min(best.kept.length, parts * 2);
  }
  for (let steps = Math.floor(best.steps / 2); steps > 100; steps = Math.floor(steps / 2)) {
    if (!take(best.kept, steps, await attempt(best.kept, steps))) break;
  }
  return best;
}

/** What failed first, without what differs from run to run. */
function failureText({ failures: [first = ''] }: RunReport): string {
  return first
    .replace(/^step \d+, \d+ ms: /, '')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|#?\d+/g, '*')
    .split('\n')[0]!
    .slice(0, 60);
}

function note(deeds: Map<number, string>, { number, deed }: Decision): true {
  deeds.set(number, deed.of === 'window' ? deed.window : deed.of);
  return true;
}

const numbered = (number: number): Decision => ({ number, atMs: 0, seed: 0, deed: { of: 'read' } });

/** `0-4,7,9`. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',') || 'none';
}

export function inRanges(text: string): (decision: Decision) => boolean {
  const ranges = text === 'none' ? [] : text.split(',').map((range) => range.split('-').map(Number));
  return ({ number }) => ranges.some(([from = 0, to = from]) => from <= number && number <= to);
}
