/**
 * One agent per host namespace: two cannot hold one VNI (DESIGN 9.11). And one per host index on a machine: each takes all namespaces of its index
 * for its own, and two control planes number their hosts alike (ADR 18).
 *
 * A lock is a socket in Linux' abstract namespace: bound by one process at a time, gone with it however it dies, and no file that could be left over.
 * Abstract names belong to the network namespace that the agent runs in, so agents that run in different ones do not see each other's locks.
 */
import { readlink, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';

export class HostLockedError extends Error {
  readonly code = 'HostLocked';
}

export interface HostLock {
  release(): Promise<void>;
}

/** `netns`: name of the host namespace; absent: the one this process is in. Rejects with a HostLockedError when another agent has it. */
export async function lockHost(netns: string | undefined, prefix = 'weft-dataplane-agent'): Promise<HostLock> {
  const where = netns === undefined ? "this process's network namespace" : `network namespace ${netns}`;
  const why = `another dataplane agent works in ${where}; one per namespace, since two cannot hold one VNI: stop it, or set WEFT_HOST_NETNS`;
  return await lock(`${prefix}/${await namespaceId(netns)}`, why);
}

/** Prefix of the names of locks on indexes; the index follows. */
export const INDEX_LOCK = 'weft-host-index/';

/** Rejects with a HostLockedError when another agent on this machine works under this index. */
export async function lockIndex(host: string, index: number): Promise<HostLock> {
  const why =
    `another dataplane agent on this machine works as host number ${index} of another Weft, and namespaces weft-${index}-… are its own: ` +
    `stop it; or stop this one and delete Host ${host}, which gets another number at the next start`;
  return await lock(`${INDEX_LOCK}${index}`, why);
}

async function lock(name: string, why: string): Promise<HostLock> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cause.code === 'EADDRINUSE' ? new HostLockedError(why) : cause));
    server.listen(`\0${name}`, resolve);
  });
  server.unref();
  return { release: () => close(server) };
}

/** Inode of the namespace: the same however it is named. */
async function namespaceId(netns: string | undefined): Promise<string> {
  if (netns === undefined) return (await readlink('/proc/self/ns/net')).replace(/^net:\[(\d+)\]$/, '$1');
  try {
    return String((await stat(`/run/netns/${netns}`)).ino);
  } catch (cause) {
    throw new Error(`there is no network namespace ${JSON.stringify(netns)}: make it with "ip netns add ${netns}"`, { cause });
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
