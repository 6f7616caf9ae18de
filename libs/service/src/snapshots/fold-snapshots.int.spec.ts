/** Snapshots in a real directory: random histories of all kinds, files that were cut, changed, deleted, or are of another log. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Append, askEverything, createFold, type Fold, registry, systemClock } from '@weft/api';
import { readByRows } from '@weft/fabric';
import { AllKinds, below, randomOf } from '@weft/testing';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { weftDomains } from '../runtime/domains.ts';
import { quietLog } from '../testing/runtime.ts';
import { differencesOf } from './compare-folds.ts';
import { FoldSnapshots } from './fold-snapshots.ts';

const kinds = registry(weftDomains);
const STEPS = 80;
const newFold = () => createFold(kinds, { followed: readByRows(kinds) });

function lived(seed: number): AllKinds {
  const history = new AllKinds(seed);
  history.populate();
  for (let step = 0; step < STEPS; step++) history.step();
  return history;
}

/** A log that may be cut. */
function storeOf(appends: readonly Append[], storeId = 'store') {
  const events = appends.flatMap((append) => append.events);
  return {
    storeId,
    async *readAll({ from = 0n }: { from?: bigint } = {}) {
      const found = events.findLast(({ position }) => position <= from);
      if (found !== undefined) yield found;
    },
  };
}

function folded(appends: readonly Append[], fold = newFold()): Fold {
  for (const append of appends) if (append.position > fold.position) fold.apply(append);
  return fold;
}

describe('Snapshots of a fold', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-snapshots-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  type More = Partial<ConstructorParameters<typeof FoldSnapshots>[0]>;
  const log = quietLog();
  beforeEach(() => log.lines.splice(0));
  const snapshots = (appends: readonly Append[], more: More = {}) =>
    new FoldSnapshots({
      directory,
      version: 'v',
      store: storeOf(appends),
      registry: kinds,
      clock: systemClock,
      ids: { uuid: randomUUID },
      random: () => 0,
      log,
      eventsBetween: 40,
      ...more,
    });
  const load = (appends: readonly Append[], more?: More) => snapshots(appends, more).load(newFold);
  const files = async () => (await readdir(directory)).sort();

  /** Follows the log, and writes while it goes on: one append or many come before a snapshot is there. */
  async function follow(
    appends: readonly Append[],
    random: () => number = randomOf(1),
    writer = snapshots(appends),
    fold = newFold(),
  ): Promise<Fold> {
    for (const append of appends) {
      fold.apply(append);
      writer.applied(append);
      writer.writeIfDue(fold);
      if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
      if (random() < 0.03) await writer.whenWritten();
    }
    await writer.whenWritten();
    return fold;
  }

  /** A file that stands alone, and some that continue it. */
  async function chain(appends: readonly Append[]): Promise<readonly string[]> {
    const most = Math.floor(appends.length * 0.9);
    const writer = snapshots(appends, { eventsBetween: 8 });
    const fold = folded(appends.slice(0, most));
    for (const append of appends.slice(0, most)) writer.applied(append);
    for (const append of appends.slice(most)) await follow([append], randomOf(1), writer, fold);
    const names = await files();
    expect(names.length).toBeGreaterThan(2);
    return names;
  }

  it.each([1, 2, 3, 4, 5, 6])('with the rest of the log are the fold from zero, history %i', async (seed) => {
    const history = lived(seed);
    history.rest();
    const { appends, now } = history.world;
    const random = randomOf(seed);
    const end = below(random, appends.length) + 1;
    await follow(appends.slice(0, end), random);
    const kept = (await load(appends)) as Fold;
    expect(kept.position).toBeGreaterThan((appends[0] as Append).position);
    const at = kept.position;
    expect([...differencesOf(kinds, kept, folded(appends.filter(({ position }) => position <= at)))]).toEqual([]);
    expect([...differencesOf(kinds, folded(appends, kept), folded(appends))]).toEqual([]);
    expect([...askEverything(kinds, kept, Date.parse(now))]).toEqual([]);
  });

  it('go on from what was loaded', async () => {
    const { appends } = lived(7).world;
    const half = appends.length >> 1;
    await follow(appends.slice(0, half));
    const again = snapshots(appends);
    const fold = (await again.load(newFold)) as Fold;
    const at = fold.position;
    await follow(
      appends.slice(half).filter(({ position }) => position > at),
      randomOf(1),
      again,
      folded(appends.slice(0, half), fold),
    );
    const kept = (await load(appends)) as Fold;
    expect(kept.position).toBeGreaterThan(at);
    expect([...differencesOf(kinds, folded(appends, kept), folded(appends))]).toEqual([]);
  });

  it('cost time only when a file is cut or changed anywhere', async () => {
    const { appends } = lived(8).world;
    const whole = new Map<string, Buffer>();
    for (const name of await chain(appends)) whole.set(name, await readFile(join(directory, name)));
    const anew = folded(appends);
    const random = randomOf(8);
    let used = 0;
    for (let i = 0; i < 60; i++) {
      for (const [name, bytes] of whole) await writeFile(join(directory, name), bytes);
      const [name, bytes] = [...whole][below(random, whole.size)] as [string, Buffer];
      const at = below(random, bytes.length);
      if (i % 2 === 0) await truncate(join(directory, name), at);
      else await writeFile(join(directory, name), bytes.with(at, (bytes[at] as number) ^ (1 << below(random, 8))));
      log.lines.splice(0);
      const kept = await load(appends);
      if (kept !== undefined) used++;
      const isPadding = i % 2 === 1 && bytes[at] === 0 && at < 1_024;
      if (!isPadding) expect(log.lines.some((line) => line.startsWith('warn a snapshot is damaged'))).toBe(true);
      expect([...differencesOf(kinds, folded(appends, kept), anew)]).toEqual([]);
    }
    expect(used).toBeGreaterThan(10);
  }, 120_000);

  it('cost time only when a file is deleted, or was not finished', async () => {
    const { appends } = lived(9).world;
    const names = await chain(appends);
    await rm(join(directory, names[1] as string));
    await writeFile(join(directory, 'left.part'), 'x');
    const kept = (await load(appends)) as Fold;
    expect(kept.position).toBe(BigInt((names[0] as string).split('-')[0] as string));
    expect([...differencesOf(kinds, folded(appends, kept), folded(appends))]).toEqual([]);
  });

  it('are not used by other code, nor for another store', async () => {
    const { appends } = lived(10).world;
    await follow(appends);
    expect(await load(appends, { version: 'w' })).toBeUndefined();
    expect(await load(appends, { store: storeOf(appends, 'another') })).toBeUndefined();
    expect(await load(appends)).toBeDefined();
  });

  it('are not used when the log was cut behind them, or goes on differently', async () => {
    const { appends } = lived(11).world;
    await chain(appends);
    const newest = (await load(appends)) as Fold;
    const cut = appends.filter(({ position }) => position < newest.position);
    const older = (await load(cut)) as Fold;
    expect(older.position).toBeLessThan(newest.position);
    expect(log.lines).toContain('warn a snapshot does not agree with the log: it is passed over');
    expect([...differencesOf(kinds, folded(cut, older), folded(cut))]).toEqual([]);
    const others = cut.map(
      (append) => ({ ...append, events: append.events.map((event) => ({ ...event, id: `other ${event.id}` })) }) as never,
    );
    expect(await load(others)).toBeUndefined();
  });

  it('take no more room than a few times what they hold', async () => {
    const { appends } = lived(12).world;
    const writer = snapshots(appends, { eventsBetween: 1 });
    const fold = newFold();
    let most = 0;
    for (const append of appends) {
      await follow([append], randomOf(1), writer, fold);
      const sizes = await Promise.all((await files()).map(async (name) => (await stat(join(directory, name))).size));
      most = Math.max(
        most,
        sizes.reduce((sum, size) => sum + size, 0),
      );
    }
    const alone = snapshots(appends, { directory: join(directory, 'alone'), eventsBetween: 1 });
    alone.applied(appends.at(-1) as Append);
    alone.writeIfDue(fold);
    await alone.whenWritten();
    const [name] = await readdir(join(directory, 'alone'));
    const { size } = await stat(join(directory, 'alone', name as string));
    expect(most).toBeLessThan(4 * size + 100 * 1_024);
  });

  it('are written by one of several processes that share a directory', async () => {
    const { appends } = lived(13).world;
    const [one, two] = [snapshots(appends), snapshots(appends, { eventsBetween: 45 })];
    const [a, b] = [newFold(), newFold()];
    for (const append of appends) {
      await follow([append], () => 1, one, a);
      await follow([append], () => 1, two, b);
    }
    const alone = await mkdtemp(join(tmpdir(), 'weft-snapshots-'));
    await follow(appends, () => 0, snapshots(appends, { directory: alone }));
    expect((await files()).length).toBeLessThan(1.5 * (await readdir(alone)).length);
    await rm(alone, { recursive: true });
    expect([...differencesOf(kinds, folded(appends, await load(appends)), folded(appends))]).toEqual([]);
  });

  it('hold everything where most has changed since the one before, and continue it where little has', async () => {
    const { appends } = lived(16).world;
    const [quarter, most] = [Math.floor(appends.length / 4), appends.length - 20];
    const writer = snapshots(appends, { eventsBetween: 8 });
    const fold = await follow(appends.slice(0, quarter), () => 1, writer);
    const between = appends.slice(quarter, most);
    for (const append of between.slice(0, -1)) {
      fold.apply(append);
      writer.applied(append);
    }
    await follow(between.slice(-1), () => 1, writer, fold);
    const [whole, ...others] = await files();
    expect(others).toEqual([]);
    const again = snapshots(appends, { eventsBetween: 8 });
    const kept = (await again.load(newFold)) as Fold;
    await follow(appends.slice(most), () => 1, again, kept);
    expect((await files())[0]).toBe(whole);
    expect((await files()).length).toBeGreaterThan(1);
    expect([...differencesOf(kinds, folded(appends, await load(appends)), folded(appends))]).toEqual([]);
  });

  it('wait for a while during a burst, unless it is a long one', async () => {
    const { appends } = lived(15).world;
    const clock = new VirtualClock();
    const writer = snapshots(appends, { clock, msBetween: 1_000, eventsBetween: 10 });
    const fold = newFold();
    let at = 0;
    const goOn = async (events: number) => {
      for (let came = 0; came < events; at++) {
        const append = appends[at] as Append;
        came += append.events.length;
        await follow([append], () => 1, writer, fold);
      }
    };
    await goOn(12);
    expect(await files()).toEqual([]);
    await clock.advance(1_000);
    await writer.whenWritten();
    expect(await files()).toHaveLength(1);
    const [first] = await files();
    await goOn(12);
    expect(await files()).toEqual([first]);
    await goOn(80);
    expect((await files()).at(-1)).not.toBe(first);
    await writer.stop();
  });

  it('that cannot be written are missed, and the next one holds everything', async () => {
    const { appends } = lived(14).world;
    const half = appends.length >> 1;
    await writeFile(join(directory, 'file'), '');
    const writer = snapshots(appends, { directory: join(directory, 'file') });
    const fold = await follow(appends.slice(0, half), randomOf(1), writer);
    expect(log.lines.some((line) => line.startsWith('warn a snapshot cannot be written'))).toBe(true);
    await rm(join(directory, 'file'));
    await follow(appends.slice(half), randomOf(1), writer, fold);
    const kept = await load(appends, { directory: join(directory, 'file') });
    expect([...differencesOf(kinds, folded(appends, kept as Fold), folded(appends))]).toEqual([]);
  });
});
