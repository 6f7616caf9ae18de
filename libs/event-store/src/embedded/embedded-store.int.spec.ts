/** What the embedded store promises beyond the contract: several processes, crashes, full disks, damaged files. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { DamagedError, DirectoryError, type StoreError, UnavailableError } from '../errors.ts';
import type { FlushSeam } from '../group-commit.ts';
import type { EventStore } from '../port.ts';
import { all, anEvent, aStream, idsOf, record, someEvents } from '../testing/fixtures.ts';
import { checkDataFile } from './data-file.ts';
import { type EmbeddedStoreOptions, openEmbeddedStore, verifyEmbeddedStore } from './embedded-store.ts';
import { DATA_FILE, decodeHead, encodeHead, indexKey, logKey, META_FORMAT, META_HEAD, openEnvironment, streamKey } from './environment.ts';

const loader = fileURLToPath(new URL('../../../../tools/loader/register.mjs', import.meta.url));
const programOf = (name: string) => fileURLToPath(new URL(`./testing/${name}.ts`, import.meta.url));

let directory = '';
const opened: EventStore[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-store-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const store of opened.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

async function open(options: Partial<EmbeddedStoreOptions> = {}): Promise<EventStore> {
  const store = await openEmbeddedStore({ directory, ...options });
  opened.push(store);
  return store;
}

function run(program: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', loader, programOf(program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the process ended with code ${code}`);
  return text;
}

const dataFile = () => join(directory, DATA_FILE);
const faultOf = (work: Promise<unknown>): Promise<StoreError> =>
  work.then(
    () => {
      throw new Error('it was accepted');
    },
    (error) => error as StoreError,
  );

/** A flush that waits: `reached` when it stands before, or behind, the commit. */
function heldFlush(where: 'before' | 'behind'): { flush: FlushSeam; reached: () => boolean; release: () => void; hold: () => void } {
  let [holding, waiting] = [false, false];
  let release = () => {};
  const wait = () =>
    new Promise<void>((resolve) => {
      waiting = true;
      release = resolve;
    });
  return {
    flush: async (commit) => {
      if (holding && where === 'before') await wait();
      await commit();
      if (holding && where === 'behind') await wait();
    },
    hold: () => {
      holding = true;
    },
    reached: () => waiting,
    release: () => {
      holding = false;
      release();
    },
  };
}

describe('The embedded store and its flush', () => {
  it.each(['before', 'behind'] as const)(
    'answers no append, and delivers no event, while the flush is held %s the commit',
    async (where) => {
      const held = heldFlush(where);
      const store = await open({ flush: held.flush });
      const told = record(store, { after: await store.head() });
      await until('caught up', () => told.caughtUp.length === 1);
      held.hold();
      let answered = 0;
      const appends = Array.from({ length: 10 }, () => store.append(aStream(), 'none', someEvents(1)).then(() => answered++));
      await until('the flush is held', held.reached);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(answered).toBe(0);
      if (where === 'before') expect(told.events).toEqual([]);
      held.release();
      await Promise.all(appends);
      await until('delivered', () => told.events.length === 10);
    },
  );

  it('writes what gathered during one flush with the next one', async () => {
    let flushes = 0;
    const store = await open({
      flush: (commit) => {
        flushes++;
        return commit();
      },
    });
    const before = flushes;
    await Promise.all(Array.from({ length: 500 }, () => store.append(aStream(), 'none', someEvents(1))));
    expect(flushes - before).toBeLessThan(10);
  });

  it('hands a subscriber what was appended, and decodes none of it, while commit follows commit', async () => {
    const store = await open();
    const told = record(store, { after: await store.head() });
    await until('caught up', () => told.caughtUp.length === 1);
    const written = new Map<string, unknown>();
    const append = async (count: number) => {
      const events = someEvents(count);
      for (const { id, data } of events) written.set(id, data);
      await store.append(aStream(), 'none', events);
    };
    await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        for (let i = 0; i < 10; i++) await append(1 + (client % 4));
      }),
    );
    await until('delivered', () => told.events.length === written.size);
    expect(told.events.filter(({ id, data }) => written.get(id) !== data)).toEqual([]);
  });

  it('answers with outcome unknown when a flush fails before the commit, writes nothing, and goes on', async () => {
    let failing = false;
    const store = await open({
      flush: (commit) => {
        if (failing) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        return commit();
      },
    });
    const stream = aStream();
    const events = someEvents(2);
    failing = true;
    const outcomes = await Promise.allSettled([store.append(stream, 'none', events), store.append(aStream(), 'none', someEvents(1))]);
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual([
      expect.any(UnavailableError),
      expect.any(UnavailableError),
    ]);
    expect((outcomes[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'Unavailable', retry: 'unknown' });
    expect(await all(store.readStream(stream))).toEqual([]);
    expect(await faultOf(store.ping())).toMatchObject({ code: 'Unavailable', message: expect.stringContaining('EIO: i/o error') });
    failing = false;
    expect(await store.append(stream, 'none', events)).toMatchObject({ revision: 1n, repeated: false });
    await store.ping();
  });

  it('recognises the retry when a flush fails behind the commit, and still delivers the events once', async () => {
    let failing = false;
    const store = await open({
      flush: async (commit) => {
        await commit();
        if (failing) throw new Error('EIO');
      },
    });
    const told = record(store, { after: await store.head() });
    const stream = aStream();
    const events = someEvents(2);
    failing = true;
    expect((await faultOf(store.append(stream, 'none', events))).code).toBe('Unavailable');
    failing = false;
    expect(await store.append(stream, 'none', events)).toMatchObject({ revision: 1n, repeated: true });
    await store.append(stream, 1n, someEvents(1));
    await until('delivered', () => told.events.length === 3);
    expect(told.events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n]);
  });
});

describe('The embedded store with several processes', () => {
  it('is created once when three processes open an empty directory at the same moment, and counts without loss', async () => {
    const stream = aStream();
    const runs = [1, 2, 3].map(() => run('count-together', directory, stream, '60'));
    const results = (await Promise.all(runs.map(outputOf))).map((text) => JSON.parse(text) as { storeId: string; refused: number });
    const store = await open();
    expect(new Set(results.map(({ storeId }) => storeId))).toEqual(new Set([store.storeId]));
    const events = await all(store.readStream(stream));
    expect(events.map(({ revision }) => revision)).toEqual(Array.from({ length: 180 }, (_, i) => BigInt(i)));
    expect(new Set(events.map(({ data }) => data['pid'])).size).toBe(3);
    expect(await verifyEmbeddedStore(directory)).toMatchObject({ events: 181, streams: 2 });
  });

  it('delivers to a subscription here what another process appends, complete and in order with our own', async () => {
    const store = await open();
    const [theirs, mine] = [aStream(), aStream()];
    const told = record(store, { after: await store.head() });
    const other = outputOf(run('count-together', directory, theirs, '50'));
    let revision: bigint | 'none' = 'none';
    while (!told.events.some(({ stream }) => stream === theirs)) revision = (await store.append(mine, revision, someEvents(1))).revision;
    for (let i = 0; i < 50; i++) revision = (await store.append(mine, revision, someEvents(1))).revision;
    await other;
    const expected = (await all(store.readAll())).slice(1);
    await until('delivered', () => told.events.length >= expected.length);
    expect(idsOf(told.events)).toEqual(idsOf(expected));
  });

  it('touches its file once a commit can be seen, since who was woken by the write itself may have looked before', async () => {
    let now = new Date('2001-01-01T00:00:00Z');
    const store = await open({ clock: { ...systemClock, now: () => now } });
    for (let i = 0; i < 3; i++) {
      now = new Date(now.getTime() + 60_000);
      await store.append(aStream(), 'none', someEvents(1));
      // Any write behind it would have left the time of the system.
      await until('its time', () => statSync(dataFile()).mtimeMs === now.getTime());
    }
  });

  it('loses no acknowledged event when a process is killed while it appends, and others go on', async () => {
    const store = await open();
    const acknowledged: { stream: string; revision: bigint; id: string }[] = [];
    for (const [round, killAfter] of [37, 211, 400].entries()) {
      const child = run('append-forever', directory, `Crash-${round}`);
      const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
      const closed = once(child, 'close');
      let seen = 0;
      let own: bigint | 'none' = 'none';
      for await (const line of lines) {
        const [stream = '', revision = '', id = ''] = line.split(' ');
        if (id.length === 36) acknowledged.push({ stream, revision: BigInt(revision), id });
        if (++seen === killAfter) child.kill('SIGKILL');
        if (seen % 20 === 0) own = (await store.append(`Own-${round}.x`, own, someEvents(1))).revision;
      }
      await closed;
      expect(seen).toBeGreaterThanOrEqual(killAfter);
      await store.append(`Own-${round}.x`, own, someEvents(1)); // The dead process left no lock behind.
    }
    const known = new Map<string, string>();
    for await (const { stream, revision, id } of store.readAll()) known.set(`${stream} ${revision}`, id);
    expect(acknowledged.filter(({ stream, revision, id }) => known.get(`${stream} ${revision}`) !== id)).toEqual([]);
    await verifyEmbeddedStore(directory);
  });
});

describe('The embedded store and damaged files', () => {
  /** A closed store with this many events, each of which says its number. */
  async function filled(count: number): Promise<void> {
    const store = await openEmbeddedStore({ directory });
    const events = Array.from({ length: count }, (_, n) =>
      anEvent({ data: { text: `needle-${String(n).padStart(8, '0')}-${'x'.repeat(100)}` } }),
    );
    for (let at = 0; at < count; at += 1_000) {
      await Promise.all(
        events
          .slice(at, at + 1_000)
          .map((event, i) =>
            store.append(`Filled-.${(at + i) % 97}`, at + i < 97 ? 'none' : BigInt(Math.floor((at + i) / 97) - 1), [event]),
          ),
      );
    }
    await store.close();
  }

  async function refusal(): Promise<StoreError> {
    const fault = await faultOf(openEmbeddedStore({ directory }));
    expect(fault.message).toContain(DATA_FILE);
    return fault;
  }

  it.each<[string, (bytes: number) => number]>([
    ['three quarters', (bytes) => Math.floor((bytes * 3) / 4)],
    ['its half', (bytes) => Math.floor(bytes / 2)],
    ['all but its last page', (bytes) => bytes - 4_096],
    ['all but its last byte', (bytes) => bytes - 1],
    ['its first page', () => 4_096],
    ['a hundred bytes', () => 100],
    ['nothing', () => 0],
  ])('refuses a file that was cut to %s, names the remedy, and changes nothing', async (_, keep) => {
    await filled(3_000);
    truncateSync(dataFile(), keep(statSync(dataFile()).size));
    const cut = readFileSync(dataFile());
    const fault = await refusal();
    expect(fault).toBeInstanceOf(DamagedError);
    expect(fault.message).toContain('put a backup of this file in its place');
    expect(readFileSync(dataFile()).equals(cut)).toBe(true);
  });

  it('takes a file whose last pages are missing but free', async () => {
    await filled(500);
    const env = openEnvironment(dataFile());
    env.root.transactionSync(() => env.meta.putSync(Buffer.from('big'), Buffer.alloc(200_000)));
    env.root.transactionSync(() => env.meta.removeSync(Buffer.from('big')));
    for (let i = 0; i < 5; i++) env.root.transactionSync(() => env.meta.putSync(Buffer.from('small'), Buffer.of(i)));
    await env.root.close();
    const whole = readFileSync(dataFile());
    const accepts = async (missing: number): Promise<boolean> => {
      writeFileSync(dataFile(), whole.subarray(0, whole.length - missing * 4_096));
      return checkDataFile(dataFile(), systemClock).then(
        () => true,
        () => false,
      );
    };
    let missing = 0;
    while (await accepts(missing + 1)) missing++;
    expect(missing).toBeGreaterThan(20);
    expect(await accepts(missing)).toBe(true);
    const store = await open();
    await store.append(aStream(), 'none', someEvents(10));
    expect(await verifyEmbeddedStore(directory)).toMatchObject({ events: 511 });
  });

  it('refuses a file that is something else', async () => {
    writeFileSync(dataFile(), 'not a database\n'.repeat(1_000));
    expect(await refusal()).toBeInstanceOf(DamagedError);
  });

  /** Changes one byte of each copy of an event on the disk. */
  function corrupt(n: number): void {
    const bytes = readFileSync(dataFile());
    const needle = Buffer.from(`needle-${String(n).padStart(8, '0')}`);
    let found = 0;
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      bytes[at + needle.length + 5] = 0x79;
      found++;
    }
    expect(found).toBeGreaterThan(0);
    writeFileSync(dataFile(), bytes);
  }

  it('refuses a log whose last 10,000 events hold a wrong byte', async () => {
    await filled(3_000);
    corrupt(1_500);
    const fault = await refusal();
    expect(fault).toBeInstanceOf(DamagedError);
    expect(fault.message).toContain('wrong checksum');
    expect(await faultOf(verifyEmbeddedStore(directory))).toBeInstanceOf(DamagedError);
  });

  it('opens a log with a wrong byte further back, finds it behind the start, and then fails ping and ends subscriptions', async () => {
    await filled(15_000);
    corrupt(1_000);
    const store = await open();
    const told = record(store, { after: await store.head() });
    let fault: unknown;
    await until('the damage is found', () =>
      store.ping().then(
        () => false,
        (error) => {
          fault = error;
          return true;
        },
      ),
    );
    expect(fault).toBeInstanceOf(DamagedError);
    expect(await faultOf(store.append(aStream(), 'none', someEvents(1)))).toBeInstanceOf(DamagedError);
    await until('the subscription ended', () => told.ended.length === 1);
    expect(told.ended).toEqual([fault]);
    expect(await faultOf(verifyEmbeddedStore(directory))).toBeInstanceOf(DamagedError);
  });

  it('does not look again at a sound log', async () => {
    await filled(12_000);
    expect(await verifyEmbeddedStore(directory)).toMatchObject({ events: 12_001, streams: 98 });
    const store = await open();
    await store.ping();
    expect((await all(store.readAll())).length).toBe(12_001);
  });

  async function tamper(change: (env: ReturnType<typeof openEnvironment>) => void): Promise<void> {
    await filled(500);
    const env = openEnvironment(dataFile());
    env.root.transactionSync(() => change(env));
    await env.root.close();
  }

  /** Key and value of the append that begins at a revision of a stream. */
  function entryOf(env: ReturnType<typeof openEnvironment>, stream: string, revision: number): [Buffer, Buffer] {
    const number = env.streams.getBinary(streamKey(stream))?.readUInt32BE(0) as number;
    const key = indexKey(number, revision);
    return [key, Buffer.from(env.index.getBinary(key) as Buffer)];
  }

  it('refuses a log that lacks a block', async () => {
    await tamper((env) => env.log.removeSync(logKey(2)));
    expect((await refusal()).message).toContain('position 2 is missing');
  });

  it('refuses a log that lacks its last block', async () => {
    await tamper((env) => env.log.removeSync(logKey(decodeHead(env.meta.getBinary(META_HEAD)).lastBlock)));
    expect(await refusal()).toBeInstanceOf(DamagedError);
  });

  it('refuses a head record that is older than the log', async () => {
    await tamper((env) => {
      const head = decodeHead(env.meta.getBinary(META_HEAD));
      env.meta.putSync(META_HEAD, encodeHead({ ...head, position: head.position - 1 }));
    });
    expect(await refusal()).toBeInstanceOf(DamagedError);
  });

  it('refuses a log without a head record', async () => {
    await tamper((env) => env.meta.removeSync(META_HEAD));
    expect((await refusal()).message).toContain('no head record');
  });

  it.each(['log', 'streams', 'index', 'meta'] as const)(
    'refuses a log whose database of %s is gone, names the remedy, and makes no new one',
    async (name) => {
      await tamper((env) => env[name].dropSync());
      const before = readFileSync(dataFile());
      const fault = await refusal();
      expect(fault).toBeInstanceOf(DamagedError);
      expect(fault.message).toContain('put a backup of this file in its place');
      expect(readFileSync(dataFile()).equals(before)).toBe(true);
    },
  );

  it('refuses a log whose format is gone', async () => {
    await tamper((env) => env.meta.removeSync(META_FORMAT));
    expect(await refusal()).toBeInstanceOf(DamagedError);
  });

  it('refuses a log of whose pages nothing is left, with the remedy', async () => {
    await filled(3_000);
    const bytes = readFileSync(dataFile());
    writeFileSync(dataFile(), bytes.fill(0, 2 * 4_096));
    const fault = await refusal();
    expect(fault).toBeInstanceOf(DamagedError);
    expect(fault.message).toContain('put a backup of this file in its place');
  });

  it('reads no other stream where the index leads to one, and verify finds it', async () => {
    await tamper((env) => {
      const [key, value] = entryOf(env, 'Filled-.0', 0);
      value.writeUInt32BE(3, 6); // One event, it was.
      env.index.putSync(key, value);
    });
    const store = await open();
    expect(await faultOf(all(store.readStream('Filled-.0')))).toBeInstanceOf(DamagedError);
    expect(await faultOf(verifyEmbeddedStore(directory))).toBeInstanceOf(DamagedError);
  });

  it('leaves a file of another format alone and names it', async () => {
    await tamper((env) => env.meta.putSync(META_FORMAT, Buffer.from('weft-event-store/9')));
    const fault = await refusal();
    expect(fault).toBeInstanceOf(DirectoryError);
    expect(fault.message).toMatch(/has the format "weft-event-store\/9".*start the version that wrote it/);
  });
});

describe('The embedded store and its directory', () => {
  it('is made with its parents', async () => {
    const store = await open({ directory: join(directory, 'a', 'b') });
    await store.append(aStream(), 'none', someEvents(1));
    expect(existsSync(join(directory, 'a', 'b', DATA_FILE))).toBe(true);
  });

  it('that is a file is refused with the remedy', async () => {
    writeFileSync(join(directory, 'file'), '');
    for (const path of ['file', 'file/below']) {
      const fault = await faultOf(openEmbeddedStore({ directory: join(directory, path) }));
      expect(fault).toBeInstanceOf(DirectoryError);
      expect(fault.message).toContain('choose another directory');
    }
  });

  const notRoot = process.getuid?.() === 0 ? it.skip : it;
  notRoot('that may not be written is refused with the remedy (skipped for root, who may write everything)', async () => {
    mkdirSync(join(directory, 'mine'));
    chmodSync(join(directory, 'mine'), 0o500);
    const fault = await faultOf(openEmbeddedStore({ directory: join(directory, 'mine') }));
    expect(fault).toBeInstanceOf(DirectoryError);
    expect(fault.message).toContain('give the user that runs Weft the right');
  });

  /** A file system of its own, small enough to fill. */
  function mountSmall(): string | undefined {
    const mounted = join(directory, 'small');
    mkdirSync(mounted);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', mounted], { stdio: 'ignore' });
      return mounted;
    } catch {
      return undefined;
    }
  }
  const canMount = (() => {
    const probe = mkdtempSync(join(tmpdir(), 'weft-mount-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', probe], { stdio: 'ignore' });
      execFileSync('umount', [probe]);
      return true;
    } catch {
      return false;
    } finally {
      rmSync(probe, { recursive: true });
    }
  })();
  (canMount ? it : it.skip)(
    'that is full fails appends as unavailable, loses nothing acknowledged, and goes on when there is room (skipped where no tmpfs can be mounted)',
    async () => {
      const mounted = mountSmall() as string;
      try {
        const ballast = join(mounted, 'ballast');
        writeFileSync(ballast, Buffer.alloc(1_000_000));
        const store = await openEmbeddedStore({ directory: join(mounted, 'data') });
        const acknowledged: string[] = [];
        let fault: unknown;
        for (let i = 0; fault === undefined && i < 10_000; i++) {
          const events = [anEvent({ data: { fill: 'x'.repeat(2_000) } })];
          await store.append(`Full-.${i}`, 'none', events).then(
            () => acknowledged.push(...idsOf(events)),
            (error) => {
              fault = error;
            },
          );
        }
        expect(fault).toBeInstanceOf(UnavailableError);
        expect((fault as Error).message).toMatch(/the disk of .*events\.mdb is full/);
        expect((await faultOf(store.ping())).code).toBe('Unavailable');
        expect(acknowledged.length).toBeGreaterThan(100);
        expect(idsOf(await all(store.readAll())).slice(1)).toEqual(acknowledged);
        rmSync(ballast);
        const { repeated } = await store.append('Full-.again', 'none', someEvents(1));
        expect(repeated).toBe(false);
        await store.ping();
        await store.close();
        expect(await verifyEmbeddedStore(join(mounted, 'data'))).toMatchObject({ events: acknowledged.length + 2 });
      } finally {
        for (const store of opened.splice(0)) await store.close();
        execFileSync('umount', ['-l', mounted]);
      }
    },
  );

  (canMount ? it : it.skip)('that is mounted read-only is read and verified (skipped where no tmpfs can be mounted)', async () => {
    const mounted = mountSmall() as string;
    const data = join(mounted, 'data');
    try {
      const written = someEvents(3);
      const writer = await openEmbeddedStore({ directory: data });
      await writer.append(aStream(), 'none', written);
      await writer.close();
      for (const lock of ['kept', 'absent']) {
        if (lock === 'absent') rmSync(join(data, 'events.mdb-lock'));
        execFileSync('mount', ['-o', 'remount,ro', mounted]);
        expect(await verifyEmbeddedStore(data)).toMatchObject({ events: 4 });
        const reader = await openEmbeddedStore({ directory: data, readOnly: true });
        expect(idsOf(await all(reader.readAll())).slice(1)).toEqual(idsOf(written));
        await reader.close();
        expect((await faultOf(openEmbeddedStore({ directory: data }))).message).toContain('mounted read-only');
        execFileSync('mount', ['-o', 'remount,rw', mounted]);
      }
    } finally {
      for (const store of opened.splice(0)) await store.close();
      execFileSync('umount', ['-l', mounted]);
    }
  });

  /** A file system that the kernel stops writing to, as it does with a damaged one. */
  function mountFailing(): Readonly<{ mounted: string; fail: () => void }> {
    const mounted = join(directory, 'failing');
    mkdirSync(mounted);
    const image = `${mounted}.img`;
    writeFileSync(image, Buffer.alloc(16 * 2 ** 20));
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, mounted], { stdio: 'ignore' });
    const device = execFileSync('findmnt', ['-no', 'SOURCE', mounted]).toString().trim().replace('/dev/', '');
    return { mounted, fail: () => writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'test') };
  }
  const canFail = canMount && existsSync('/dev/loop-control') && spawnSync('mkfs.ext4', ['-V']).status === 0;
  (canFail ? it : it.skip)(
    'that becomes read-only fails appends as unavailable, with the remedy, and is read on (skipped where no ext4 can be mounted on a loop device)',
    async () => {
      const disk = mountFailing();
      try {
        const store = await openEmbeddedStore({ directory: join(disk.mounted, 'data') });
        const written = someEvents(3);
        await store.append(aStream(), 'none', written);
        disk.fail();
        for (const atOnce of [1, 1, 5, 1, 50, 1]) {
          const large = () => [anEvent({ data: { fill: 'x'.repeat(20_000) } })];
          for (const fault of await Promise.all(Array.from({ length: atOnce }, () => faultOf(store.append(aStream(), 'none', large()))))) {
            expect(fault).toBeInstanceOf(UnavailableError);
            expect(fault.message).toMatch(/the disk of .*events\.mdb is read-only: .*start Weft again/);
          }
        }
        expect((await faultOf(store.ping())).message).toContain('is read-only');
        expect(idsOf(await all(store.readAll())).slice(1)).toEqual(idsOf(written));
        await store.close();
      } finally {
        for (const store of opened.splice(0)) await store.close();
        execFileSync('umount', ['-l', disk.mounted]);
      }
    },
  );
});
