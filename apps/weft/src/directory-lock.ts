/**
 * One `weft up` per data directory (DESIGN 9.15). The lock is a file that names its holder; a holder that is dead, or whose pid is another process by
 * now, holds nothing. It appears with its whole content at once (a hard link to a finished file), so two that start at once cannot both have it.
 */
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { identityOf, isSameProcess, type ProcessIdentity } from '@weft/bus';

export class DirectoryLockedError extends Error {
  readonly code = 'DirectoryLocked';
}

type Holder = Readonly<{ pid: number; identity?: ProcessIdentity; url?: string }>;

export interface DirectoryLock {
  /** Writes down where the holder serves, for the error of later starts. */
  serves(url: string): void;
  release(): void;
}

const ATTEMPTS_MAX = 5;

/** Makes the directory when it is missing. Throws a DirectoryLockedError that names the holder's pid and URL, or why there can be no directory. */
export function lockDirectory(directory: string): DirectoryLock {
  makeDirectory(directory);
  const file = join(directory, 'weft.lock');
  const mine = `${file}.${process.pid}`;
  const identity = identityOf(process.pid);
  const holder: Holder = { pid: process.pid, ...(identity && { identity }) };
  writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (tryLink(mine, file)) return held(file, holder);
      const other = readHolder(file);
      if (other !== undefined && isAlive(other)) throw locked(directory, other);
      discard(file, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new DirectoryLockedError(`${directory} is being locked and released by other processes; try again`);
}

/** Not by mkdir's own `recursive`: in a folder that takes no entries (/proc) Node does not return from it. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !existsSync(dirname(directory))) {
      makeDirectory(dirname(directory));
      makeDirectory(directory);
    } else if (code === 'EEXIST' || code === 'ENOTDIR') {
      if (code === 'EEXIST' && statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
      throw new Error(`${directory} is a file, or lies in one: choose a directory with WEFT_DATA`, { cause: error });
    } else if (code === 'ENOENT') {
      throw new Error(`${directory} cannot be made (${message}): choose another directory with WEFT_DATA`, { cause: error });
    } else throw error;
  }
}

function held(file: string, holder: Holder): DirectoryLock {
  let released = false;
  return {
    serves: (url) => {
      const fresh = `${file}.${process.pid}`;
      writeFileSync(fresh, JSON.stringify({ ...holder, url }), { mode: 0o600 });
      renameSync(fresh, file);
    },
    release: () => {
      if (!released && readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
      released = true;
    },
  };
}

function locked(directory: string, { pid, url }: Holder): DirectoryLockedError {
  const where = url === undefined ? '' : ` and serves ${url}`;
  return new DirectoryLockedError(
    `Weft already runs on ${directory}: process ${pid}${where}. Stop it (kill ${pid}), or give this one a directory of its own with WEFT_DATA.`,
  );
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, identity }: Holder): boolean {
  if (identity !== undefined) return isSameProcess(identity);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes a dead holder's file away; one that became alive in between is put back. */
function discard(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch {
    return; // Another starter was faster.
  }
  const moved = readHolder(aside);
  if (moved !== undefined && isAlive(moved)) tryLink(aside, file);
  rmSync(aside, { force: true });
}
