import { CONTEXTS, type JsonObject } from '@weft/api';
import type { RowChange, RowSubscriber, TableChange } from '@weft/bus';
import { hostsTable, importsTable, placementsTable } from '@weft/fabric';
import { mostOfOne, slowClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { RowMirror } from './row-mirror.ts';

const identity = { host: 'a', index: 1, underlay: 'fd00::1' };
const placements = placementsTable('a');
const imports = importsTable('a');
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (fields: object) => Promise.reject(fields) };
const why = { position: '1', because: [] };

function placement(n: number, vni: number, placedAt = 1): RowChange {
  const row = {
    ...why,
    nic: `n${n}`,
    mac: '02:00:00:00:00:01',
    ips: [`10.0.${n >> 8}.${n & 255}`],
    namespace: 'ns',
    name: `n${n}`,
    network: 'net',
  };
  return { key: `n${n}`, row: { ...row, vni, placedAt: `${placedAt}`, heldAt: '1' } };
}

function endpoint(n: number): RowChange {
  const row = { ...why, nic: `e${n}`, mac: '02:00:00:00:00:02', ips: [`10.1.${n >> 8}.${n & 255}`], host: 'b' };
  return { key: `e${n}`, row };
}

/** A mirror of rows that a test gives; it notes what the mirror follows, and when it handed on what. */
function given() {
  const clock = slowClock();
  const tables = new Map<string, Map<string, JsonObject>>();
  const calls: string[] = [];
  const handed: { table: string; turn: number; put: number; remove: number }[] = [];
  const progress: { gate: bigint | undefined; complete: boolean; up: number }[] = [];
  let upTo = 0n;
  /** Tables of which a snapshot is awaited. */
  const unknown = new Set<string>();
  let change: (change: TableChange) => void = () => {};
  let moved: () => void = () => {};
  const subscriber: RowSubscriber = {
    follow: (_, table) => {
      calls.push(`follow ${table}`);
      tables.set(table, new Map());
    },
    unfollow: (_, table) => {
      calls.push(`unfollow ${table}`);
      tables.delete(table);
    },
    view: (table) => {
      const rows = tables.get(table);
      return rows && { table, complete: true, rev: 1n, rows };
    },
    gaplessTo: (_, asked) => ([...(asked ?? tables.keys())].some((table) => unknown.has(table)) ? undefined : upTo),
    onChange: (listener) => {
      change = listener;
      return () => {};
    },
    onProgress: (listener) => {
      moved = () => listener(CONTEXTS[0]);
      return () => {};
    },
    close: async () => {},
  };
  const mirror: RowMirror = new RowMirror({
    identity,
    subscriber,
    clock,
    log,
    actual: { get: () => undefined },
    onChange: ({ put, remove }, table) => handed.push({ table, turn: clock.turns(), put: put.length, remove: remove.length }),
    onLeft: () => {},
    onProgress: () => {
      const up = [...mirror.compiler.state.values()].filter((object) => object.kind === 'port' && object.up).length;
      progress.push({ gate: mirror.gate, complete: mirror.complete, up });
    },
  });
  mirror.start();
  const rows = (table: string, changes: readonly RowChange[]): void => {
    const held = tables.get(table);
    for (const { key, row } of changes) {
      if (row === undefined) held?.delete(key);
      else held?.set(key, row);
    }
    if (held !== undefined) change({ table, rev: 2n, changes });
  };
  const reach = (position: bigint): void => {
    upTo = position;
    moved();
  };
  const links = (): readonly string[] =>
    [...mirror.compiler.state.values()].flatMap((object) => (object.kind === 'port' && object.up ? object.nic : []));
  const objects = (kind: string): number => [...mirror.compiler.state.values()].filter((object) => object.kind === kind).length;
  return { mirror, rows, reach, calls, handed, progress, objects, links, unknown };
}

/** A network with a port here, of which 500 endpoints have come and are not worked off. */
async function givenLargeNetwork() {
  const all = given();
  const { mirror, rows } = all;
  rows(hostsTable, [{ key: 'b', row: { ...why, host: 'b', index: 2, underlay: 'fd00::2' } }]);
  rows(placements, [placement(1, 200)]);
  await until('it is there', () => mirror.complete);
  rows(
    'endpoints.200',
    Array.from({ length: 500 }, (_, n) => endpoint(n)),
  );
  return all;
}

describe('RowMirror', () => {
  it('works a large table off in slices, and is neither complete nor opens its gate before', async () => {
    const { mirror, rows, reach, handed, progress, objects } = given();
    rows(hostsTable, [{ key: 'b', row: { ...why, host: 'b', index: 2, underlay: 'fd00::2' } }]);
    rows(placements, [placement(1, 200, 5)]);
    await until('the first is taken', () => mirror.complete);
    const before = handed.length;
    rows(
      'endpoints.200',
      Array.from({ length: 1_000 }, (_, n) => endpoint(n)),
    );
    reach(9n);
    expect([mirror.complete, [...mirror.completeTables()], mirror.gate]).toEqual([false, [], 0n]);
    await until('it has come so far', () => mirror.gate === 9n);
    expect(progress.at(-1)).toEqual({ gate: 9n, complete: true, up: 1 });
    expect(objects('route')).toBe(1_000);
    const turns = handed.slice(before).map(({ turn }) => turn);
    expect(turns.length).toBeGreaterThan(10);
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4);
  });

  it('lets many links come up in slices, and says how far it is after that', async () => {
    const { mirror, rows, reach, handed, progress } = given();
    rows(
      placements,
      Array.from({ length: 1_000 }, (_, n) => placement(n, 200, 5)),
    );
    await until('all are taken', () => mirror.complete);
    const before = handed.length;
    reach(4n);
    reach(5n);
    await until('it has come so far', () => mirror.gate === 5n);
    expect(progress.filter(({ gate }) => gate === 5n)).toEqual([{ gate: 5n, complete: true, up: 1_000 }]);
    expect(mostOfOne(handed.slice(before).map(({ turn }) => turn))).toBeLessThanOrEqual(4);
  });

  it('lets a link come up while a table of another network is awaited, and none of that network', async () => {
    const { mirror, rows, reach, links, unknown } = given();
    rows(placements, [placement(1, 200, 5), placement(2, 201, 5)]);
    await until('all are taken', () => mirror.complete);
    unknown.add('policies.201');
    reach(9n);
    await until('all is worked off', () => mirror.gate === undefined);
    expect(links()).toEqual(['n1']);
    unknown.clear();
    reach(9n);
    await until('all is worked off', () => mirror.gate === 9n);
    expect(links()).toEqual(['n1', 'n2']);
  });

  it('lets a link come up before the rows of another network are worked off, and behind those of its own', async () => {
    const { mirror, rows, reach, handed, links, objects } = given();
    rows(hostsTable, [{ key: 'b', row: { ...why, host: 'b', index: 2, underlay: 'fd00::2' } }]);
    rows(placements, [placement(1, 200, 5), placement(2, 201, 5)]);
    await until('all are taken', () => mirror.complete);
    const many = Array.from({ length: 3_000 }, (_, n) => endpoint(n));
    rows('endpoints.200', many);
    reach(9n);
    await until('one has come up', () => links().length > 0);
    expect(links()).toEqual(['n2']);
    expect(objects('route')).toBeLessThan(3_000);
    await until('so has the other one', () => links().length > 1);
    expect([objects('route'), mirror.gate]).toEqual([3_000, 9n]);
    const last = handed.map(({ table }) => table).lastIndexOf('endpoints.200');
    expect(handed.slice(last + 1)).toEqual([expect.objectContaining({ table: placements, put: 1 })]);
  });

  it('follows and leaves only the tables of a network that comes or goes', async () => {
    const { mirror, rows, calls, objects } = given();
    rows(placements, [placement(1, 200), placement(2, 201)]);
    await until('both are there', () => calls.includes('follow endpoints.200') && calls.includes('follow endpoints.201'));
    calls.length = 0;
    rows(imports, [{ key: '202', row: { ...why, vni: 202 } }]);
    rows(placements, [placement(3, 202)]);
    await until('the third is there', () => objects('router') === 3);
    expect(calls).toEqual([...new Set(calls)]);
    expect(calls.every((call) => call.startsWith('follow ') && call.endsWith('.202'))).toBe(true);
    const tables = calls.length;
    calls.length = 0;
    rows(placements, [{ key: 'n3', row: undefined }]);
    await until('what only placements need is left', () => calls.length > 0 && objects('router') === 2);
    expect(calls.every((call) => call.startsWith('unfollow ') && call.endsWith('.202'))).toBe(true);
    expect(calls).not.toContain('unfollow endpoints.202'); // It is imported still.
    rows(imports, [{ key: '202', row: undefined }]);
    await until('all is left', () => calls.length === tables);
    await until('nothing is to be done', () => mirror.complete);
  });

  it('takes nothing that came of a network before it went for what it has when it is back', async () => {
    const { mirror, rows, objects } = await givenLargeNetwork();
    rows(placements, [{ key: 'n1', row: undefined }]);
    rows(placements, [placement(1, 200)]);
    rows('endpoints.200', [endpoint(999)]);
    await until('nothing is to be done', () => mirror.complete);
    expect([objects('route'), objects('router')]).toEqual([0, 1]);
  });

  it('forgets the rows of a network that goes, also those that it has not worked off yet', async () => {
    const { mirror, rows, objects } = await givenLargeNetwork();
    await until('some are taken', () => objects('route') > 0);
    rows(placements, [{ key: 'n1', row: undefined }]);
    rows(
      'endpoints.200',
      Array.from({ length: 500 }, (_, n) => endpoint(500 + n)),
    );
    await until('nothing is to be done', () => mirror.complete);
    expect([objects('route'), objects('router')]).toEqual([0, 0]);
    rows(placements, [placement(1, 200)]);
    await until('it is there again', () => mirror.complete && objects('router') === 1);
    rows('endpoints.200', [endpoint(1)]);
    await until('so is its endpoint', () => mirror.complete && objects('route') > 0);
    expect(objects('route')).toBe(1);
  });
});
