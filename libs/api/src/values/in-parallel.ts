/** Runs `work` on each item in order, at most `max` at a time. Rejects with the first failure; the other workers go on with the items that are left. */
export async function inParallel<T>(items: readonly T[], max: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
}
