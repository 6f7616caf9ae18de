/**
 * Host indexes that have namespaces `weft-<index>-…` on this machine (DESIGN 9.11). Two control planes know nothing of each other's numbers, so a new
 * Host must not get one whose namespaces are here: its agent would take them for its own. A Host that has its index keeps it.
 */
import { readdir } from 'node:fs/promises';

/** Where iproute2 keeps named namespaces. */
const NAMED_NAMESPACES = '/run/netns';

export async function presentHostIndexes(directory = NAMED_NAMESPACES): Promise<readonly number[]> {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  return [...new Set(names.flatMap((name) => /^weft-(\d{1,5})-/.exec(name)?.[1] ?? []).map(Number))].sort((a, b) => a - b);
}
