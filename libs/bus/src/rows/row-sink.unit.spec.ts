import type { ChunkMessage, DeltaMessage, ProgressMessage } from './row-messages.ts';
import { RowSink } from './row-sink.ts';
import { RowSource } from './row-source.ts';
import type { TableChange } from './rows-port.ts';

const T = 'endpoints.7';
const row = (v: number) => ({ v });

function sinkFor(...tables: string[]) {
  const changes: TableChange[] = [];
  let progresses = 0;
  const sink = new RowSink({ silenceMs: 5_000, onChange: (change) => changes.push(change), onProgress: () => progresses++ });
  for (const table of tables) sink.follow(table);
  return { sink, changes, progressCount: () => progresses };
}

function sourceWith(count: number, { term = 'term-1', chunkCharacters = 1e6, rev = 10n } = {}): RowSource {
  const source = new RowSource(chunkCharacters);
  source.change(
    T,
    Array.from({ length: count }, (_, i) => ({ key: `k${i}`, row: row(i) })),
    rev,
  );
  source.progress(rev);
  source.open(term);
  return source;
}

/** A delta, with its one message. */
function delta(source: RowSource, key: string, v: number | undefined, rev: bigint): DeltaMessage {
  const [message, ...more] = source.change(T, [{ key, row: v === undefined ? undefined : row(v) }], rev);
  source.progress(rev);
  if (message === undefined || more.length > 0) throw new Error('one delta was expected');
  return message;
}

function progress(source: RowSource): ProgressMessage {
  const [message] = source.takeProgress();
  if (message === undefined) throw new Error('a progress message was expected');
  return message;
}

function chunks(source: RowSource, table = T): ChunkMessage[] {
  const scan = source.snapshot(table);
  const all: ChunkMessage[] = [];
  for (let each = scan.next(); each.done !== true; each = scan.next()) all.push(each.value);
  return all;
}

/** Brings the sink in line with the source. */
function bringInLine(sink: RowSink, source: RowSource): void {
  sink.progress(progress(source), 0);
  sink.revs(source.revs(sink.tables), 0);
  for (const { table } of [...sink.tablesInNeed()]) for (const chunk of chunks(source, table)) sink.chunk(chunk, 0);
  expect(sink.isInNeedOfAnything).toBe(false);
}

const need = (sink: RowSink) => [...sink.tablesInNeed()].map(({ table }) => table);

describe('RowSink', () => {
  it('takes no late answer for one about a table that it has followed only since it asked', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor('hosts');
    bringInLine(sink, source);
    const asked = sink.tables;
    sink.follow(T);
    bringInLine(sink, sourceWith(2));
    sink.reconnected();
    delta(source, 'k0', 7, 20n);
    progress(source);
    sink.revs(source.revs(asked), 0);
    expect(sink.gaplessToOf([T])).toBe(10n);
    expect(sink.needsRevs).toBe(true);
    sink.revs(source.revs(sink.tables), 0);
    expect([sink.needsRevs, need(sink)]).toEqual([false, [T]]);
  });

  it('shows nothing as complete before the end mark, then all at once', () => {
    const source = sourceWith(5, { chunkCharacters: 20 });
    const { sink, changes } = sinkFor(T);
    sink.progress(progress(source), 0);
    sink.revs(source.revs([T]), 0);
    const all = chunks(source);
    expect(all.length).toBeGreaterThan(2);
    for (const chunk of all.slice(0, -1)) sink.chunk(chunk, 0);
    expect(sink.view(T)).toMatchObject({ complete: false, rev: 0n });
    expect(sink.view(T)?.rows.size).toBe(0);
    expect(sink.gaplessTo).toBeUndefined();
    sink.chunk(all.at(-1) as ChunkMessage, 0);
    expect(sink.view(T)).toMatchObject({ complete: true, rev: 10n });
    expect(sink.gaplessTo).toBe(10n);
    expect(changes.map((change) => [change.rev, change.changes.length])).toEqual([[10n, 5]]);
  });

  it('takes nothing for reached that a former term reached, whatever the first message of the next one is', () => {
    const source = sourceWith(5);
    const { sink } = sinkFor(T);
    bringInLine(sink, source);
    expect(sink.gaplessTo).toBe(10n);
    const [first] = chunks(sourceWith(5, { term: 'term-2', rev: 12n, chunkCharacters: 20 }));
    sink.chunk(first as ChunkMessage, 0);
    expect(sink.term).toBe('term-2');
    expect(sink.gaplessTo).toBeUndefined();
  });

  it('keeps of rows what it is told to, and their digests all the same', () => {
    const source = sourceWith(2);
    const changes: TableChange[] = [];
    const sink = new RowSink({
      silenceMs: 5_000,
      keep: (table, { v }) => ({ of: `${table} ${String(v)}` }),
      onChange: (change) => changes.push(change),
      onProgress: () => {},
    });
    sink.follow(T);
    bringInLine(sink, source);
    sink.delta(delta(source, 'k1', 7, 11n), 0);
    sink.delta(delta(source, 'k0', undefined, 12n), 0);
    expect(sink.view(T)).toMatchObject({ rev: 12n, rows: new Map([['k1', { of: `${T} 7` }]]) });
    expect(changes.slice(1).map((change) => change.changes)).toEqual([
      [{ key: 'k1', row: { of: `${T} 7` } }],
      [{ key: 'k0', row: undefined }],
    ]);
    sink.progress(progress(source), 0);
    expect(sink.isInNeedOfAnything).toBe(false);
  });

  it('holds an empty table of which the projector knows nothing as complete, as of when it began', () => {
    const source = sourceWith(0);
    const { sink, progressCount } = sinkFor('unheard.of');
    bringInLine(sink, source);
    expect(sink.view('unheard.of')).toMatchObject({ complete: true, rev: 10n });
    expect(progressCount()).toBeGreaterThan(0);
  });

  it('holds a table without rows that a former projector emptied, and did not live to tell, as of when the present one began', () => {
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, sourceWith(1));
    bringInLine(sink, sourceWith(0, { term: 'term-2', rev: 12n }));
    expect(sink.view(T)).toMatchObject({ complete: true, rev: 12n });
    expect(changes.at(-1)).toEqual({ table: T, changes: [{ key: 'k0', row: undefined }], rev: 12n });
  });

  it('holds a table that was empty already as of when the present projector began, without asking for it', () => {
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, sourceWith(0));
    const anew = sourceWith(0, { term: 'term-2', rev: 12n });
    sink.progress(progress(anew), 0);
    sink.revs(anew.revs([T]), 0);
    expect([...sink.tablesInNeed()]).toEqual([]);
    expect(sink.view(T)).toMatchObject({ complete: true, rev: 12n });
    expect(changes).toEqual([]);
  });

  it('counts by progress messages alone while no table is followed', () => {
    const source = sourceWith(1);
    const { sink } = sinkFor();
    sink.progress(progress(source), 0);
    source.progress(20n);
    progress(source); // Lost.
    source.progress(30n);
    sink.progress(progress(source), 0);
    expect(sink.gaplessTo).toBe(30n);
    expect(sink.isInNeedOfAnything).toBe(false);
  });

  it('is gapless to nothing from the moment a table is followed until it is complete', () => {
    const source = sourceWith(3);
    const { sink } = sinkFor('other');
    bringInLine(sink, source);
    expect(sink.gaplessTo).toBe(10n);
    sink.follow(T);
    expect(sink.gaplessTo).toBeUndefined();
    for (const chunk of chunks(source)) sink.chunk(chunk, 0);
    expect(sink.gaplessTo).toBe(10n);
    sink.follow('third');
    sink.unfollow('third');
    expect(sink.gaplessTo).toBe(10n);
  });

  it('applies a delta, and ignores its repeat and one that is stale', () => {
    const source = sourceWith(2);
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, source);
    const first = delta(source, 'k0', 100, 11n);
    const second = delta(source, 'k1', undefined, 12n);
    for (const message of [first, first, second, first, second]) sink.delta(message, 0);
    expect(changes.slice(1)).toEqual([
      { table: T, changes: [{ key: 'k0', row: row(100) }], rev: 11n },
      { table: T, changes: [{ key: 'k1', row: undefined }], rev: 12n },
    ]);
    expect(sink.isInNeedOfAnything).toBe(false);
    sink.progress(progress(source), 0);
    expect(sink.gaplessTo).toBe(12n);
  });

  it('sees by the states that a delta was lost, and keeps the last complete rows meanwhile', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor(T);
    bringInLine(sink, source);
    delta(source, 'k0', 100, 11n); // Lost.
    sink.delta(delta(source, 'k1', 101, 12n), 0);
    sink.progress(progress(source), 0);
    expect(need(sink)).toEqual([T]);
    expect(sink.gaplessTo).toBe(10n);
    expect(sink.view(T)).toMatchObject({ complete: true, rev: 10n });
    for (const chunk of chunks(source)) sink.chunk(chunk, 0);
    expect(sink.gaplessTo).toBe(12n);
    expect(sink.view(T)?.rows).toEqual(
      new Map([
        ['k0', row(100)],
        ['k1', row(101)],
      ]),
    );
  });

  it('sees by the progress that the last delta was lost', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor(T);
    bringInLine(sink, source);
    delta(source, 'k0', 100, 11n); // Lost.
    expect(need(sink)).toEqual([]);
    sink.progress(progress(source), 0);
    expect(need(sink)).toEqual([T]);
  });

  it('tells two changes at the same rev apart', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor(T);
    bringInLine(sink, source);
    sink.delta(delta(source, 'k0', 100, 11n), 0);
    delta(source, 'k0', 101, 11n); // Lost.
    sink.progress(progress(source), 0);
    expect(need(sink)).toEqual([T]);
  });

  it('is not put off by a repeat of the first of two changes at the same rev', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor(T);
    bringInLine(sink, source);
    const first = delta(source, 'k0', 100, 11n);
    for (const message of [first, delta(source, 'k0', 101, 11n), first]) sink.delta(message, 0);
    expect(need(sink)).toEqual([]);
    sink.progress(progress(source), 0);
    expect(sink.isInNeedOfAnything).toBe(false);
    expect(sink.gaplessTo).toBe(11n);
  });

  it('tells when a table is complete, also while others are not and no row changed', () => {
    const source = sourceWith(1);
    const { sink, progressCount } = sinkFor('empty', T);
    sink.progress(progress(source), 0);
    const before = progressCount();
    for (const chunk of chunks(source, 'empty')) sink.chunk(chunk, 0);
    expect(sink.gaplessTo).toBeUndefined();
    expect(progressCount()).toBe(before + 1);
  });

  it('does not apply a delta whose outcome differs from what it promises', () => {
    const source = sourceWith(2);
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, source);
    const message = delta(source, 'k0', 100, 11n);
    sink.delta({ ...message, lines: ['"k0"\t{"v":666}'] }, 0);
    expect(changes).toHaveLength(1);
    expect(need(sink)).toEqual([T]);
  });

  it('does not take a snapshot whose rows differ from its digest', () => {
    const source = sourceWith(2);
    const { sink } = sinkFor(T);
    sink.progress(progress(source), 0);
    const [only] = chunks(source);
    sink.chunk({ ...(only as ChunkMessage), lines: ['"k0"\t{"v":0}', '"k1"\t{"v":666}'] }, 0);
    expect(sink.view(T)?.complete).toBe(false);
    expect(need(sink)).toEqual([T]);
  });

  it('gives up a snapshot at once when a chunk was lost', () => {
    const source = sourceWith(9, { chunkCharacters: 20 });
    const { sink } = sinkFor(T);
    sink.progress(progress(source), 0);
    const all = chunks(source);
    sink.chunk(all[0] as ChunkMessage, 7);
    expect([...sink.tablesInNeed()]).toEqual([{ table: T, receivingSinceMs: 7 }]);
    sink.chunk(all[2] as ChunkMessage, 8);
    expect([...sink.tablesInNeed()]).toEqual([{ table: T, receivingSinceMs: undefined }]);
    for (const chunk of all.slice(3)) sink.chunk(chunk, 9);
    expect(sink.view(T)?.complete).toBe(false);
  });

  it('takes chunks twice without harm', () => {
    const source = sourceWith(5, { chunkCharacters: 20 });
    const { sink, changes } = sinkFor(T);
    sink.progress(progress(source), 0);
    for (const chunk of chunks(source)) {
      sink.chunk(chunk, 0);
      sink.chunk(chunk, 0);
    }
    expect(sink.view(T)?.complete).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('says how far some tables are while another one lags or has just been followed, and tells when they move', () => {
    const { sink, progressCount } = sinkFor(T);
    const source = sourceWith(1);
    bringInLine(sink, source);
    sink.follow('endpoints.8');
    expect([sink.gaplessTo, sink.gaplessToOf([T]), sink.gaplessToOf([T, 'endpoints.8']), sink.gaplessToOf([])]).toEqual([
      undefined,
      10n,
      undefined,
      10n,
    ]);
    const before = progressCount();
    sink.delta(delta(source, 'k0', 7, 11n), 0);
    sink.progress(progress(source), 0);
    expect([sink.gaplessToOf([T]), progressCount()]).toEqual([11n, before + 1]);
    delta(source, 'k0', 8, 12n); // It is lost.
    sink.progress(progress(source), 0);
    source.progress(13n);
    sink.progress(progress(source), 0);
    expect([sink.gaplessToOf([T]), sink.gaplessToOf([])]).toEqual([11n, 13n]);
    const late = progressCount();
    for (const chunk of chunks(source)) sink.chunk(chunk, 0);
    expect([sink.gaplessToOf([T]), sink.gaplessTo, progressCount()]).toEqual([13n, undefined, late + 1]);
  });

  it('is not taken back by a snapshot that comes a second time, late', () => {
    const { sink, changes } = sinkFor(T);
    const source = sourceWith(1);
    const old = chunks(source);
    bringInLine(sink, source);
    sink.delta(delta(source, 'k0', 7, 11n), 0);
    sink.progress(progress(source), 0);
    delta(source, 'k0', 8, 12n); // It is lost, and what names it is not: the table needs a snapshot.
    sink.progress(progress(source), 0);
    expect([need(sink), sink.gaplessTo]).toEqual([[T], 11n]);
    changes.splice(0);
    for (const chunk of old) sink.chunk(chunk, 0);
    expect([sink.view(T)?.rev, sink.gaplessTo, need(sink), changes]).toEqual([11n, 11n, [T], []]);
    for (const chunk of chunks(source)) sink.chunk(chunk, 0);
    expect([sink.view(T)?.rev, sink.gaplessTo, need(sink)]).toEqual([12n, 12n, []]);
  });

  it('takes changes that pass between the chunks into the snapshot', () => {
    const source = sourceWith(6, { chunkCharacters: 20 });
    const { sink } = sinkFor(T);
    sink.progress(progress(source), 0);
    sink.revs(source.revs([T]), 0);
    const scan = source.snapshot(T);
    const next = () => scan.next().value as ChunkMessage;
    const first = next();
    sink.chunk(first, 0);
    sink.delta(delta(source, 'k0', 100, 21n), 0); // Read already.
    sink.chunk(first, 0); // A repeat, overtaken.
    sink.delta(delta(source, 'k5', 105, 22n), 0); // Not read yet.
    sink.chunk(next(), 0);
    sink.delta(delta(source, 'k4', undefined, 23n), 0); // Never to be read.
    sink.delta(delta(source, 'k9', 109, 24n), 0); // New.
    for (let each = scan.next(); each.done !== true; each = scan.next()) sink.chunk(each.value, 0);
    expect(sink.view(T)).toMatchObject({ complete: true, rev: 24n });
    expect(sink.view(T)?.rows).toEqual(source.tables.get(T)?.rows);
    sink.progress(progress(source), 0);
    expect(sink.gaplessTo).toBe(24n);
  });

  it('applies a delta in parts only as a whole', () => {
    const source = sourceWith(1, { chunkCharacters: 20 });
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, source);
    const change = () =>
      source.change(
        T,
        Array.from({ length: 5 }, (_, i) => ({ key: `n${i}`, row: row(Number(source.tables.get(T)?.rev)) })),
        (source.tables.get(T)?.rev ?? 0n) + 1n,
      );
    const parts = change();
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) {
      expect(changes).toHaveLength(1);
      sink.delta(part, 0);
      if (part !== parts.at(-1)) sink.delta(part, 0); // A repeat.
    }
    expect(changes[1]?.changes).toHaveLength(5);
    const second = change();
    for (const part of second.filter((_, i) => i !== 1)) sink.delta(part, 0);
    expect(changes).toHaveLength(2);
    sink.progress(progress(source), 0);
    expect(need(sink)).toEqual([T]);
  });

  describe('numbers', () => {
    it('asks for revs when a number is missing, and holds gaplessTo until it has them', () => {
      const source = sourceWith(2);
      const { sink } = sinkFor(T, 'other');
      bringInLine(sink, source);
      source.change('other', [{ key: 'a', row: row(1) }], 11n); // Lost, and so is the progress that tells of it.
      source.progress(11n);
      progress(source);
      source.progress(12n);
      sink.progress(progress(source), 0);
      expect(sink.needsRevs).toBe(true);
      expect(sink.gaplessTo).toBe(10n);
      sink.revs(source.revs(sink.tables), 0);
      expect(sink.needsRevs).toBe(false);
      expect(need(sink)).toEqual(['other']);
      expect(sink.gaplessTo).toBe(10n);
      for (const chunk of chunks(source, 'other')) sink.chunk(chunk, 0);
      expect(sink.gaplessTo).toBe(12n);
    });

    it('asks again when the answer is older than a number that was seen', () => {
      const source = sourceWith(2);
      const { sink } = sinkFor(T);
      bringInLine(sink, source);
      progress(source); // Lost.
      const early = source.revs([T]);
      progress(source); // Lost.
      sink.progress(progress(source), 0);
      sink.revs(early, 0);
      expect(sink.needsRevs).toBe(true);
      sink.revs(source.revs([T]), 0);
      expect(sink.needsRevs).toBe(false);
    });

    it('does not go back to an answer that was overtaken', () => {
      const source = sourceWith(2);
      const { sink } = sinkFor(T);
      bringInLine(sink, source);
      const early = source.revs([T]);
      sink.delta(delta(source, 'k0', 100, 11n), 0);
      sink.progress(progress(source), 0);
      sink.revs(early, 0);
      source.progress(12n);
      sink.progress(progress(source), 0);
      expect(sink.isInNeedOfAnything).toBe(false);
      expect(sink.gaplessTo).toBe(12n);
    });

    it('does not take an old snapshot of a table followed anew for the present one', () => {
      const source = sourceWith(2);
      const { sink } = sinkFor(T);
      const old = chunks(source);
      bringInLine(sink, source);
      sink.delta(delta(source, 'k0', 100, 11n), 0);
      sink.progress(progress(source), 0);
      sink.unfollow(T);
      sink.follow(T);
      for (const chunk of old) sink.chunk(chunk, 0);
      expect(sink.view(T)).toMatchObject({ complete: true, rev: 10n });
      expect(sink.needsRevs).toBe(true);
      source.progress(12n);
      sink.progress(progress(source), 0);
      expect(sink.gaplessTo ?? 0n).toBeLessThan(11n);
      sink.revs(source.revs([T]), 0);
      expect(need(sink)).toEqual([T]);
    });

    it('asks for revs after a reconnect', () => {
      const source = sourceWith(2);
      const { sink } = sinkFor(T);
      bringInLine(sink, source);
      sink.reconnected();
      expect(sink.needsRevs).toBe(true);
      expect(sink.gaplessTo).toBe(10n);
      sink.revs(source.revs([T]), 0);
      expect(sink.isInNeedOfAnything).toBe(false);
    });
  });

  describe('terms', () => {
    it('needs no snapshot from a new projector that has the same rows', () => {
      const { sink, changes } = sinkFor(T);
      bringInLine(sink, sourceWith(3));
      const next = sourceWith(3, { term: 'term-2' });
      sink.progress(progress(next), 0);
      expect(sink.gaplessTo).toBeUndefined();
      expect(sink.view(T)?.complete).toBe(true);
      sink.revs(next.revs([T]), 0);
      expect(sink.isInNeedOfAnything).toBe(false);
      expect(sink.gaplessTo).toBe(10n);
      expect(changes).toHaveLength(1);
    });

    it('needs no snapshot from a new projector that has the same rows at a later rev, and takes its changes', () => {
      const { sink, changes } = sinkFor(T);
      bringInLine(sink, sourceWith(3));
      const later = sourceWith(3, { term: 'term-2', rev: 50n });
      sink.progress(progress(later), 0);
      sink.revs(later.revs([T]), 0);
      expect(sink.isInNeedOfAnything).toBe(false);
      expect(sink.view(T)).toMatchObject({ complete: true, rev: 50n });
      sink.delta(delta(later, 'k1', 7, 60n), 0);
      expect(sink.view(T)?.rows.get('k1')).toEqual(row(7));
      expect(changes).toHaveLength(2);
    });

    it('takes lower revs from a new projector: another log, or an older one', () => {
      const { sink, changes } = sinkFor(T);
      bringInLine(sink, sourceWith(3, { rev: 100n }));
      const restored = sourceWith(2, { term: 'term-2', rev: 5n });
      sink.progress(progress(restored), 0);
      sink.revs(restored.revs([T]), 0);
      expect(need(sink)).toEqual([T]);
      expect(sink.gaplessTo).toBeUndefined();
      expect(sink.view(T)?.rows.size).toBe(3);
      for (const chunk of chunks(restored)) sink.chunk(chunk, 0);
      expect(sink.view(T)).toMatchObject({ complete: true, rev: 5n });
      expect(changes.at(-1)).toEqual({ table: T, changes: [{ key: 'k2', row: undefined }], rev: 5n });
      expect(sink.gaplessTo).toBe(5n);
      sink.delta(delta(restored, 'k0', 1, 6n), 0);
      expect(sink.view(T)?.rev).toBe(6n);
    });

    it('lets a stale term say nothing, of whatever kind', () => {
      const stale = sourceWith(3, { rev: 50n });
      const { sink, changes } = sinkFor(T);
      bringInLine(sink, sourceWith(2, { term: 'term-2' }));
      sink.delta(delta(stale, 'k0', 666, 51n), 5_000);
      sink.progress(progress(stale), 5_000);
      sink.revs(stale.revs([T]), 5_000);
      for (const chunk of chunks(stale)) sink.chunk(chunk, 5_000);
      expect(sink.term).toBe('term-2');
      expect(sink.isInNeedOfAnything).toBe(false);
      expect(changes).toHaveLength(1);
    });

    it('lets an older term speak when the present one is silent: a clock may have been set back', () => {
      const older = sourceWith(2, { term: 'term-1', rev: 20n });
      const { sink } = sinkFor(T);
      bringInLine(sink, sourceWith(2, { term: 'term-2' }));
      sink.progress(progress(older), 5_001);
      expect(sink.term).toBe('term-1');
      sink.revs(older.revs([T]), 5_002);
      for (const chunk of chunks(older)) sink.chunk(chunk, 5_003);
      expect(sink.gaplessTo).toBe(20n);
    });
  });

  it('changes nothing when a message holds lines that cannot be read', () => {
    const source = sourceWith(2);
    const { sink, changes } = sinkFor(T);
    bringInLine(sink, source);
    const message = delta(source, 'k0', 100, 11n);
    for (const lines of [['{'], ['"k0"\t7'], ['7\t{}'], ['"k0"\t{"v":1}', '']]) {
      expect(() => sink.delta({ ...message, lines }, 0)).toThrow(/a line of rows/);
    }
    sink.delta(message, 0);
    expect(changes).toHaveLength(2);
  });
});
