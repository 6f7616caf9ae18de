import { VirtualClock } from '@weft/testing/virtual-clock';
import type { AppliedReport, ControlPlane, ProgrammedNic } from '../agent/control-plane.ts';
import { quietLog } from '../testing/fabric-bench.ts';
import { AppliedTables } from './applied-tables.ts';
import { Reporter } from './reporter.ts';

function given() {
  const clock = new VirtualClock({ turns: 20 });
  const nics: ProgrammedNic[][] = [];
  const applied: AppliedReport[] = [];
  let reachable = true;
  let awaited = false;
  const news = new Map<string, bigint>();
  const controlPlane = {
    reportProgrammed: async (batch) => {
      nics.push([...batch]);
      return reachable;
    },
    reportApplied: async (report) => {
      applied.push(report);
      return reachable;
    },
  } as Pick<ControlPlane, 'reportProgrammed' | 'reportApplied'> as ControlPlane;
  const reporter = new Reporter({
    controlPlane,
    clock,
    random: () => 0,
    log: quietLog,
    applied: () => (news.size === 0 ? undefined : { tables: new Map(news), position: 1n, faults: [] }),
    isAwaited: () => awaited,
    onApplied: ({ tables }) => {
      awaited = false;
      for (const table of tables.keys()) news.delete(table);
    },
  });
  const reach = (now: boolean): void => {
    reachable = now;
  };
  const wait = (): void => {
    awaited = true;
  };
  return { clock, nics, applied, news, reporter, reach, wait };
}

describe('the reporter', () => {
  it('says at once what is programmed, together what comes together, and nothing twice', async () => {
    const { nics, reporter, clock } = given();
    reporter.programmed('x', '5');
    reporter.programmed('y', '6');
    await clock.advance(0);
    reporter.programmed('x', '5');
    await clock.advance(0);
    reporter.programmed('x', '7');
    await clock.advance(0);
    expect(nics).toEqual([
      [
        { nic: 'x', position: '5' },
        { nic: 'y', position: '6' },
      ],
      [{ nic: 'x', position: '7' }],
    ]);
  });

  it('keeps only the newest state of each NIC while nobody takes it, and says that afterwards', async () => {
    const { nics, clock, reporter, reach } = given();
    reach(false);
    for (let i = 0; i < 1_000; i++) {
      reporter.programmed('x', `${i}`);
      reporter.programmed('gone', `${i}`);
    }
    reporter.gone('gone');
    await clock.advance(60_000);
    expect(reporter.waiting).toBe(1);
    // 0.1 s doubling to 10 s: about a dozen tries in a minute.
    expect(nics.length).toBeLessThan(20);
    reach(true);
    await clock.advance(10_000);
    expect(nics.at(-1)).toEqual([{ nic: 'x', position: '999' }]);
    expect(reporter.waiting).toBe(0);
    const { length } = nics;
    await clock.advance(60_000);
    expect(nics).toHaveLength(length);
  });

  it('says much in pieces', async () => {
    const { nics, reporter, clock } = given();
    for (let i = 0; i < 1_201; i++) reporter.programmed(`${i}`, '1');
    await clock.advance(0);
    expect(nics.map(({ length }) => length)).toEqual([500, 500, 201]);
  });

  it('says everything again to whom forgot', async () => {
    const { nics, reporter, clock } = given();
    reporter.programmed('x', '5');
    await clock.advance(0);
    reporter.forget();
    reporter.programmed('x', '5');
    await clock.advance(0);
    expect(nics).toHaveLength(2);
  });

  it('tells of tables at once after a pause, then at most once a second', async () => {
    const { applied, news, clock, reporter } = given();
    for (let i = 0; i < 100; i++) {
      news.set('hosts', BigInt(i));
      reporter.appliedChanged();
      await clock.advance(50);
    }
    expect(applied.length).toBeGreaterThanOrEqual(5);
    expect(applied.length).toBeLessThanOrEqual(6);
    expect(applied[0]?.tables.get('hosts')).toBe(0n);
    await clock.advance(2_000);
    expect(applied.at(-1)?.tables.get('hosts')).toBe(99n);
  });

  it('does not let those wait a second who wait for it, and does not flood them either', async () => {
    const { applied, news, clock, reporter, wait } = given();
    const changes = (at: number, isAwaited: boolean) => {
      news.set('nat', BigInt(at));
      if (isAwaited) wait();
      reporter.appliedChanged();
    };
    changes(1, false);
    await clock.advance(5);
    changes(2, false);
    await clock.advance(100);
    expect(applied).toHaveLength(1);
    changes(3, true);
    await clock.advance(0);
    expect(applied.at(-1)?.tables.get('nat')).toBe(3n);
    for (let i = 0; i < 100; i++) {
      changes(i, true);
      await clock.advance(1);
    }
    expect(applied.length).toBeGreaterThanOrEqual(6);
    expect(applied.length).toBeLessThanOrEqual(8);
    changes(1_000, false);
    await clock.advance(1_001);
    expect(applied.at(-1)?.tables.get('nat')).toBe(1_000n);
  });

  it('tries what was not taken no sooner because somebody waits', async () => {
    const { applied, clock, reporter, reach, news, wait } = given();
    reach(false);
    for (let i = 0; i < 30; i++) {
      news.set('nat', BigInt(i));
      wait();
      reporter.appliedChanged();
      await clock.advance(1_000);
    }
    expect(applied.length).toBeLessThan(10);
  });

  it('tells of tables again what was not taken', async () => {
    const { applied, news, clock, reporter, reach } = given();
    reach(false);
    news.set('hosts', 5n);
    reporter.appliedChanged();
    await clock.advance(30_000);
    expect(applied.length).toBeLessThan(10);
    reach(true);
    await clock.advance(10_000);
    expect(news.size).toBe(0);
  });

  it('is silent once it is stopped', async () => {
    const { applied, news, nics, clock, reporter } = given();
    reporter.stop();
    news.set('hosts', 5n);
    reporter.appliedChanged();
    reporter.programmed('x', '5');
    await clock.advance(5_000);
    expect([applied, nics]).toEqual([[], []]);
  });
});

describe('applied tables', () => {
  const now = new Date(1_000);

  it('come once the kernel has answered in all lanes that their change went to', () => {
    const tables = new AppliedTables('a');
    tables.noted('hosts', 10n, { number: 1, lanes: new Set(['r200', 'r201']) }, now);
    tables.noted('placements.a', 11n, { number: 2, lanes: new Set(['r201']) }, now);
    tables.settled((lane, note) => lane === 'r201' && note === 1, [], now);
    expect(tables.pending).toBe(2);
    tables.settled((lane) => lane === 'r200', [], now);
    expect([...tables.unreported]).toEqual([['hosts', 10n]]);
    expect(tables.pendingSince).toEqual(now);
    tables.settled(() => true, [], now);
    expect([...tables.unreported]).toEqual([
      ['hosts', 10n],
      ['placements.a', 11n],
    ]);
    expect(tables.pendingSince).toBeUndefined();
  });

  const one = { number: 1, lanes: new Set(['host']) };
  it('wait while one of their objects is refused', () => {
    const tables = new AppliedTables('a');
    for (const table of ['hosts', 'placements.a', 'endpoints.200', 'endpoints.201']) tables.noted(table, 10n, one, now);
    tables.settled(() => true, ['route/200/10.0.0.1'], now);
    expect([...tables.unreported.keys()]).toEqual(['placements.a', 'endpoints.201']);
    tables.settled(() => true, ['port/x', 'guard/fd00::1'], now);
    expect([...tables.unreported.keys()]).toEqual(['placements.a', 'endpoints.201', 'endpoints.200']);
    tables.settled(() => true, [], now);
    expect(tables.pending).toBe(0);
  });

  it('count a change that no row made as waiting, and have no rev to tell of it', () => {
    const tables = new AppliedTables('a');
    tables.noted('placements.a', 0n, one, now);
    expect(tables.pending).toBe(1);
    tables.settled(() => true, [], now);
    expect(tables.unreported.size).toBe(0);
  });

  it('tell when the newest change came, was compiled and was applied, until all is reported', () => {
    const tables = new AppliedTables('a');
    const at = (ms: number) => new Date(ms);
    tables.noted('hosts', 10n, { number: 1, lanes: new Set(['r200']) }, at(2), at(1));
    tables.noted('endpoints.200', 11n, { number: 2, lanes: new Set(['r200']) }, at(4), at(3));
    tables.noted('placements.a', 0n, { number: 2, lanes: new Set(['r200']) }, at(5));
    tables.settled((_, note) => note === 1, [], at(6));
    expect(tables.stages).toEqual({ delivered: at(1), compiled: at(2), applied: at(6) });
    tables.settled(() => true, [], at(7));
    expect(tables.stages).toEqual({ delivered: at(3), compiled: at(4), applied: at(7) });
    tables.reported(new Map([['hosts', 10n]]));
    expect(tables.stages).toBeDefined();
    tables.reported(tables.unreported);
    expect(tables.stages).toBeUndefined();
  });

  it('say whether others wait for what is not reported, until just that is', () => {
    const tables = new AppliedTables('a');
    tables.noted('nat', 10n, one, now, now, true);
    expect(tables.isAwaited).toBe(false);
    tables.settled(() => true, [], now);
    expect(tables.isAwaited).toBe(true);
    const first = new Map(tables.unreported);
    tables.noted('nat', 11n, one, now, now, true);
    tables.settled(() => true, [], now);
    tables.reported(first);
    expect(tables.isAwaited).toBe(true);
    tables.reported(new Map(tables.unreported));
    expect(tables.isAwaited).toBe(false);
  });

  it('tell a rev that moved without a row once', () => {
    const tables = new AppliedTables('a');
    expect(tables.reached('endpoints.200', 7n, now)).toBe(true);
    expect(tables.reached('endpoints.200', 7n, now)).toBe(false);
    tables.settled(() => true, [], now);
    tables.reported(new Map([['endpoints.200', 7n]]));
    expect(tables.unreported.size).toBe(0);
  });
});
