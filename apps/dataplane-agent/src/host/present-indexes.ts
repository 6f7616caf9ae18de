/**
 * Host indexes that have namespaces `weft-<index>-…` on this machine, or an agent that may make them at any time (DESIGN 9.11). Two control planes know
 * nothing of each other's numbers, so a new Host must not get one of these: its agent would take those namespaces for its own. A Host that has its
 * index keeps it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { INDEX_LOCK } from './host-lock.ts';

/** Where iproute2 keeps named namespaces. */
const NAMED_NAMESPACES = '/run/netns';
/** A line each, with the name at its end; `@` stands for a zero byte, as at the start of an abstract name and where it is filled up. */
const UNIX_SOCKETS = '/proc/net/unix';
const LOCKED = new RegExp(` @${INDEX_LOCK}(\\d+)@*$`, 'gm');

export async function presentHostIndexes(directory = NAMED_NAMESPACES, sockets = UNIX_SOCKETS): Promise<readonly number[]> {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  const traces = names.flatMap((name) => /^weft-(\d{1,5})-/.exec(name)?.[1] ?? []);
  const locks = [...(await readFile(sockets, 'utf8')).matchAll(LOCKED)].map(([, index]) => index);
  return [...new Set([...traces, ...locks].map(Number))].sort((a, b) => a - b);
}
