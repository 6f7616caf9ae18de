import { SpareTime } from './spare-time.ts';

it('there is spare time when the log has not grown and no work waits', () => {
  const spare = new SpareTime();
  const asked = [
    spare.isNow({ position: 5n, nowMs: 0 }),
    spare.isNow({ position: 5n, nowMs: 1 }),
    spare.isNow({ position: 6n, nowMs: 2 }),
    spare.isNow({ position: 6n, nowMs: 3 }),
    spare.isNow({ position: 6n, nowMs: 4, works: true }),
  ];
  expect(asked).toEqual([true, true, false, true, false]);
});

it.each([
  ['the log grows', (tick: number) => ({ position: BigInt(tick) })],
  ['work waits', () => ({ position: 7n, works: true })],
] as const)('there is spare time each five seconds while %s, however long a tick takes', (_, at) => {
  const spare = new SpareTime();
  expect(spare.isNow({ nowMs: 0, position: 0n, works: true })).toBe(false);
  const ticksMs = [250, 2_000, 4_999, 5_000, 5_250, 9_999, 17_000, 21_999, 22_000];
  expect(ticksMs.filter((nowMs, tick) => spare.isNow({ ...at(tick + 1), nowMs }))).toEqual([5_000, 17_000, 22_000]);
});
