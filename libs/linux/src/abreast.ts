import { inParallel } from '@weft/api';

/** Networks, and guests within one, worked on at the same time: bounded by the CPUs rather than by the kernel. */
const ABREAST = 2;

/**
 * Works on each. After a failure nothing more is begun, and the promise rejects only once nothing is under way any more: otherwise a
 * read or write that is still running would touch the kernel after its caller believes that all of it has ended.
 */
export async function abreast<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  await inParallel(items, ABREAST, async (item) => {
    if (failures.length > 0) return;
    await work(item).catch((error: unknown) => void failures.push(error));
  });
  if (failures.length > 0) throw failures[0];
}
