import { Latencies, secondsOf } from './latencies.ts';
import { TrackedChange } from './tracked-change.ts';

describe('Latencies', () => {
  const minutes = (n: number) => n * 60_000;

  it('tell p50 and p99 of an hour, to within a quarter, and forget what is older', () => {
    const latencies = new Latencies();
    for (let i = 1; i <= 100; i++) latencies.note('total', i / 100, minutes(i / 10));
    const { total } = latencies.summary(minutes(10));
    expect(total?.count).toBe(100);
    for (const [told, is] of [
      [total?.p50, 0.5],
      [total?.p99, 0.99],
    ] as const) {
      expect(told).toBeGreaterThanOrEqual(is);
      expect(told).toBeLessThan(is * 1.26);
    }
    latencies.note('append', 1e9, minutes(65));
    expect(Object.keys(latencies.summary(minutes(65)))).toEqual(['append', 'total']);
    expect(Object.keys(latencies.summary(minutes(71)))).toEqual(['append']);
    expect([...latencies.samples(minutes(126))]).toEqual([]);
  });

  it('take hosts into account where a change concerns any, and no time below nothing', () => {
    const at = (ms: number) => new Date(1_000_000 + ms);
    const metadata = { requestId: 'r', $correlationId: 'r', time: at(10).toISOString(), actor: { user: 'u', verified: false } };
    const change = new TrackedChange(
      { stream: 'Network-a.b', events: [{ stream: 'Network-a.b', metadata }], position: 1n } as never,
      at(0),
    );
    change.derived = at(30);
    expect([...secondsOf(change)]).toEqual([
      ['append', 0.01],
      ['derive', 0.02],
    ]);
    change.rowsAt = at(25);
    change.note('endpoints.300', 1n, { names: new Set(['a', 'b']), queues: [] });
    change.noteApplied('a', () => ({ applied: at(20).toISOString() }));
    expect(Object.fromEntries(secondsOf(change))).toEqual({ append: 0.01 });
    change.noteApplied('b', () => ({ applied: at(125).toISOString() }));
    expect(Object.fromEntries(secondsOf(change))).toEqual({ append: 0.01, derive: 0.015, apply: 0.1, total: 0.125 });
  });
});
