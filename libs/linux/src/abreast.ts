import { inParallel } from '@weft/api';

/** Networks, and guests within one, worked on at the same time: bounded by the CPUs rather than by the kernel. */
const ABREAST = 2;

/**
 * Works on each. After a failure nothing more is begun, and it is told once nothing is under way any more: what is still read or written of a kernel
 * behind a read or write that has ended would be taken for what it is then.
 */
export async function abreast<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  await inParallel(items, ABREAST, async (item) => {
    if (failures.length > 0) return;
    await work(item).catch((error: unknown) => void failures.push(error));
  });
  if (failures.length > 0) throw failures[0];
}
