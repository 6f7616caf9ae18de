/** How tests, benchmarks and the demo wait: for a condition, never for a duration. It has an entry of its own, since the main one imports half of Weft. */

/**
 * Calls `holds` every `everyMs` until it gives anything but undefined and false, and resolves with that. A call that throws counts as false.
 * Rejects after `limitMs` with what was waited for and how the last call failed.
 */
export async function until<T>(
  what: string | (() => string),
  holds: () => Promise<T> | T,
  limitMs = 30_000,
  everyMs = 10,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + limitMs;
  for (let last = false; ; ) {
    let failure: unknown;
    try {
      const found = await holds();
      if (found !== undefined && found !== false) return found as Exclude<T, false | undefined>;
    } catch (error) {
      failure = error;
    }
    if (last) {
      const why = failure === undefined ? '' : ` (${failure instanceof Error ? failure.message : String(failure)})`;
      throw new Error(`not within ${limitMs} ms: ${typeof what === 'string' ? what : what()}${why}`, { cause: failure });
    }
    // After the deadline it looks once more, when this process has taken what came meanwhile: it may itself have had to wait for its turn.
    last = performance.now() > deadline;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
