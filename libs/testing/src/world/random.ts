/** Random numbers from a seed: the same seed gives the same run. */
export type Random = () => number;

/** A generator that can be copied: the copy gives the same numbers from here on. */
export type Seeded = Random & Readonly<{ copy: () => Seeded }>;

/** Gives numbers in [0, 1), by Mulberry32. */
export function randomOf(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Object.assign(next, { copy: () => randomOf(state) });
}

/** An integer in [0, below). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
