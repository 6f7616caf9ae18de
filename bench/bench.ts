/** What one benchmark is. `main.ts` lists them all: a new one is a file and a line there. */
import type { Summary } from './stats.ts';

export type Goal = Readonly<{ want: string; met: boolean }>;

export type Result = Readonly<{
  name: string;
  perSecond?: number;
  latencyMs?: Summary;
  rawLatenciesMs?: readonly number[];
  /** Any other figure, with its unit. */
  figure?: string;
  /** The figure divided by that of a reference load of the same run, and which. */
  ratio?: Readonly<{ value: number; to: string }>;
  goal?: Goal;
  /** Why it ended early. */
  problem?: string;
}>;

/** So many interfaces, and goals in seconds: until all are Available, from the first creation or from the last one. */
export type PlacingSize = Readonly<{ count: number; seconds?: number; secondsAfter?: number }>;

export type BenchOptions = Readonly<{
  /** Fewer samples and smaller worlds: all of it in two minutes. */
  quick: boolean;
  /** Of `placing`, in place of its own. */
  sizes?: readonly PlacingSize[];
  say: (line: string) => void;
}>;

export type Bench = Readonly<{ name: string; run: (options: BenchOptions) => Promise<readonly Result[]> }>;

export function atMost(limit: number, value: number, unit: string): Goal {
  return { want: `≤ ${limit} ${unit}`, met: value <= limit };
}

export function atLeast(limit: number, value: number, unit: string): Goal {
  return { want: `≥ ${limit}${unit}`, met: value >= limit };
}
