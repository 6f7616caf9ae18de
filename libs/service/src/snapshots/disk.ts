/** What snapshots need of a file system. */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface Disk {
  /** Names in a directory; none when it is not there. */
  names(directory: string): Promise<readonly string[]>;
  /** Length, and Unix time of the last change in ms; undefined when there is no such file. */
  stat(path: string): Promise<Readonly<{ bytes: number; changedMs: number }> | undefined>;
  /** For reading. Throws when there is no such file. */
  open(path: string): Promise<DiskFile>;
  /** For writing; makes its directory. Throws when there is such a file. */
  create(path: string): Promise<DiskFile>;
  /** Resolves when the new name is durable. */
  rename(from: string, to: string): Promise<void>;
  /** It may be gone already. */
  remove(path: string): Promise<void>;
}

export interface DiskFile {
  /** Fewer bytes at the end of the file, none behind it. */
  read(at: number, length: number): Promise<Uint8Array>;
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written is durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const systemDisk: Disk = {
  names: (directory) => readdir(directory).catch(() => []),
  stat: async (path) => {
    const found = await stat(path).catch(() => undefined);
    return found && { bytes: found.size, changedMs: found.mtimeMs };
  },
  open: (path) => systemFile(path, 'r'),
  create: async (path) => {
    await mkdir(dirname(path), { recursive: true });
    return systemFile(path, 'wx');
  },
  rename: async (from, to) => {
    await rename(from, to);
    const directory = await open(dirname(to), 'r');
    await directory.sync().finally(() => directory.close());
  },
  remove: (path) => rm(path, { force: true }),
};

async function systemFile(path: string, flags: 'r' | 'wx'): Promise<DiskFile> {
  const file = await open(path, flags);
  return {
    read: async (at, length) => {
      const bytes = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(bytes, 0, length, at);
      return bytes.subarray(0, bytesRead);
    },
    write: async (at, bytes) => {
      await file.write(bytes, 0, bytes.length, at);
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
