/**
 * One agent per host namespace: two cannot hold one VNI (DESIGN 9.11). The lock is a socket in Linux' abstract namespace, named after the host
 * namespace itself: bound by one process at a time, gone with it however it dies, and no file that could be left over. Abstract names belong to the
 * network namespace that the agent runs in, so agents that run in different ones do not see each other's lock.
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
  const id = await namespaceId(netns);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = netns === undefined ? "this process's network namespace" : `network namespace ${netns}`;
      const why = `another dataplane agent works in ${where}; one per namespace, since two cannot hold one VNI: stop it, or set WEFT_HOST_NETNS`;
      reject(cause.code === 'EADDRINUSE' ? new HostLockedError(why) : cause);
    });
    server.listen(`\0${prefix}/${id}`, resolve);
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
