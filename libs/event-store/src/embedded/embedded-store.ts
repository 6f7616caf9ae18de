/**
 * The event store in one directory: lmdb, used by several processes of one machine at once. An append is answered when it is on the
 * disk; a process that is killed leaves nothing half written. What was damaged from outside is refused at open, with the remedy.
 */
import { accessSync, constants, type FSWatcher, mkdirSync, statfsSync, utimes, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock, type Timer, type Timers } from '@weft/api';
import { DamagedError, DirectoryError, StoreError } from '../errors.ts';
import { type FlushSeam, GroupCommit } from '../group-commit.ts';
import { LocalStore } from '../local-store.ts';
import type { EventStore } from '../port.ts';
import { type Surroundings, storeIdentity } from '../store-identity.ts';
import { checkDataFile, damaged } from './data-file.ts';
import { EmbeddedLog } from './embedded-log.ts';
import { EmbeddedWriter } from './embedded-writer.ts';
import { DATA_FILE, type Environment, FORMAT, META_FORMAT, openEnvironment, SETUP_TRANSACTIONS } from './environment.ts';
import { checkBlocks, checkTail, type Verified, verifyAll } from './verify.ts';

export type EmbeddedStoreOptions = Surroundings &
  Readonly<{
    directory: string;
    /** Stands around each flush; for tests. */
    flush?: FlushSeam;
    /** Check the events before the last 10,000 behind the start; on unless given. */
    checkInBackground?: boolean;
  }>;

/** How long an append of another process may stay unseen when the file watch misses it. */
const POLL_MS = 250;
/** Blocks checked at once behind a start, about 1 ms, and the pause after them. */
const CHECK_BLOCKS = 256;
const CHECK_PAUSE_MS = 5;

/** Throws DamagedError and DirectoryError, whose messages name the remedy. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EventStore> {
  const { directory, readOnly = false } = options;
  if (!readOnly) prepareDirectory(directory);
  const file = join(directory, DATA_FILE);
  const clock = options.clock ?? systemClock;
  const { env, log } = await openData(file, clock, readOnly);
  let stop = () => {};
  let store: LocalStore | undefined;
  try {
    const writer = new EmbeddedWriter(env, log);
    const commits = new GroupCommit({
      commit: async (take) => {
        try {
          const page = await writer.commit(take);
          if (page !== undefined) touch(file, clock.now());
          return page;
        } catch (error) {
          throw explained(error, file);
        }
      },
      publish: (page) => store?.publish(page),
      flush: options.flush,
      clock,
    });
    const follow = followOthers(file, clock, () => store?.wake());
    let fault: DamagedError | undefined;
    store = new LocalStore({
      clock,
      log,
      commits,
      fault: () => fault,
      readOnly,
      follow,
      release: async () => {
        stop();
        follow.stop();
        await env.root.close();
      },
    });
    store.storeId = await storeIdentity(store, directory, options);
    if (options.checkInBackground ?? true) {
      stop = checkBehind(env, log, clock, (error) => {
        fault = error;
        store?.fail(error);
      });
    }
    return store;
  } catch (error) {
    await (store === undefined ? env.root.close() : store.close());
    throw error;
  }
}

/** Checks every event and every index entry of a log that exists and may be in use. Throws DamagedError, DirectoryError. */
export async function verifyEmbeddedStore(directory: string, onProgress?: (position: number) => void): Promise<Verified> {
  const { env, log } = await openData(join(directory, DATA_FILE), systemClock, true);
  try {
    const steps = verifyAll(log, log.head());
    for (let i = 0; ; i++) {
      const step = steps.next();
      if (step.done) return step.value;
      onProgress?.(step.value);
      if (i % CHECK_BLOCKS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await env.root.close();
  }
}

function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw directoryError(directory, error);
  }
}

/** Looks as far as every start does. `readOnly`: a log that is not there is refused. */
async function openData(file: string, timers: Timers, readOnly: boolean): Promise<Readonly<{ env: Environment; log: EmbeddedLog }>> {
  let env: Environment | undefined;
  let holdsEvents = false;
  try {
    holdsEvents = (await checkDataFile(file, timers)) > SETUP_TRANSACTIONS;
    if (readOnly && !holdsEvents)
      throw new DirectoryError(
        `there is no event log in ${dirname(file)} (${DATA_FILE} is missing or empty): name the directory that holds one`,
      );
    // What is missing in a log is a loss: put there anew, it would look like a log that had just begun.
    env = openEnvironment(file, { create: !holdsEvents, readOnly });
    const log = new EmbeddedLog(env, file);
    checkFormat(env, file, holdsEvents);
    checkTail(env, log, holdsEvents);
    return { env, log };
  } catch (error) {
    await env?.root.close();
    if (error instanceof StoreError) throw error;
    throw holdsEvents && !isOfTheDirectory(error) ? damaged(file, textOf(error)) : directoryError(file, error);
  }
}

/** lmdb's numbers for what has nothing to do with the content: no room in the map, too many readers or databases. */
const LMDB_LIMITS: ReadonlySet<unknown> = new Set([-30_792, -30_791, -30_790, -30_789, -30_788, -30_785]);

/** A system error has its name or its small number as code, an error of Node's own begins with `ERR_`. */
function isOfTheDirectory(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code === 'number') return code > -30_000 || LMDB_LIMITS.has(code);
  return typeof code === 'string' && !code.startsWith('ERR_');
}

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'give the user that runs Weft the right to read and write it, or choose another directory',
  EPERM: 'give the user that runs Weft the right to read and write it, or choose another directory',
  EROFS: 'it lies on a file system that is mounted read-only; choose another directory',
  ENOTDIR: 'a part of the path is a file; choose another directory',
  EEXIST: 'it is a file; choose another directory',
  ENOSPC: 'the disk is full; make room, then start again',
  EDQUOT: "the user's quota is used up; make room, then start again",
};

function directoryError(path: string, cause: unknown): DirectoryError {
  const code = (cause as NodeJS.ErrnoException).code;
  const remedy =
    (typeof code === 'string' ? REMEDIES[code] : undefined) ??
    'check that it is a directory on a local disk that this user may write, with room left';
  return new DirectoryError(`data directory ${path} cannot be used: ${textOf(cause)}; ${remedy}`, { cause });
}

/** Below this a disk counts as full: a batch does not fit. */
const ROOM_BYTES_MIN = 2 ** 20;

/** In lmdb's errors the code is the system's number. */
const EROFS = 30;

/** lmdb reports a full disk as an input/output error, when a part of a page still fitted. */
function explained(error: unknown, file: string): unknown {
  const { code } = error as { code?: unknown };
  if (code === EROFS || code === 'EROFS') {
    return new Error(
      `the disk of ${file} is read-only: the system's log says why; make it writable, mount it again and start Weft again: ${textOf(error)}`,
      { cause: error },
    );
  }
  let room: number;
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    room = bavail * bsize;
  } catch {
    return error;
  }
  if (room >= ROOM_BYTES_MIN) return error;
  return new Error(`the disk of ${file} is full (${room} bytes left), make room: ${textOf(error)}`, { cause: error });
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A new file gets its format; one of another format is left alone. */
function checkFormat(env: Environment, file: string, holdsEvents: boolean): void {
  const known = env.meta.getBinary(META_FORMAT)?.toString();
  if (known === FORMAT) return;
  if (known !== undefined) {
    throw new DirectoryError(
      `${file} has the format "${known}", this version of Weft reads "${FORMAT}"; start the version that wrote it, or choose another directory`,
    );
  }
  if (holdsEvents) throw damaged(file, 'its format is missing');
  env.meta.transactionSync(() => {
    if (env.meta.getBinary(META_FORMAT) === undefined) env.meta.put(META_FORMAT, Buffer.from(FORMAT));
  });
}

/**
 * Wakes the watches of others. lmdb's own write does it before others can see the commit: who looks at once finds nothing, and would look again only with
 * the poll. Where it fails, the poll remains.
 */
function touch(file: string, now: Date): void {
  utimes(file, now, now, () => {});
}

/** Wakes when another process writes: a watch on the file, and a poll for what a watch may miss. */
function followOthers(file: string, timers: Timers, wake: () => void): { start(): void; stop(): void } {
  let watcher: FSWatcher | undefined;
  let poll: Timer | undefined;
  return {
    start() {
      poll = timers.every(POLL_MS, wake);
      try {
        watcher = watch(file, wake);
        watcher.on('error', () => watcher?.close()); // The poll continues.
      } catch {
        // No watches left on this machine (ENOSPC): the poll is slower, and enough.
      }
    },
    stop() {
      poll?.cancel();
      watcher?.close();
      [poll, watcher] = [undefined, undefined];
    },
  };
}

/** Reads the whole log slowly. Returns how to stop it. */
function checkBehind(env: Environment, log: EmbeddedLog, timers: Timers, onDamage: (error: DamagedError) => void): () => void {
  const steps = checkBlocks(env, log, log.head());
  let timer: Timer;
  const run = () => {
    try {
      for (let i = 0; i < CHECK_BLOCKS; i++) if (steps.next().done) return;
      timer = timers.after(CHECK_PAUSE_MS, run, { background: true });
    } catch (error) {
      onDamage(error instanceof DamagedError ? error : log.damaged(String(error)));
    }
  };
  timer = timers.after(CHECK_PAUSE_MS, run, { background: true });
  return () => timer.cancel();
}
