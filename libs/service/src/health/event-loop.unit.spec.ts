import { systemClock } from '@weft/api';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import type { LoopDelays } from '../platform.ts';
import { EventLoopWatch } from './event-loop.ts';

const delaysOf = (maxMs: number): LoopDelays => ({ p50Ms: 0, p99Ms: maxMs / 4, p999Ms: maxMs / 2, maxMs });

describe('EventLoopWatch', () => {
  const clock = new VirtualClock();
  let measured: number[];
  let watch: EventLoopWatch;
  beforeEach(async () => {
    measured = [];
    watch = new EventLoopWatch(clock, { start: () => {}, take: () => delaysOf(measured.shift() ?? 0), stop: () => {} });
    await watch.start();
    await watch.start();
  });
  afterEach(() => watch.stop());

  async function periods(...maxMs: number[]): Promise<void> {
    for (const each of maxMs) {
      measured.push(each);
      await clock.advance(10_000);
    }
  }

  it('says that the loop stands still too long when it did so in three periods in a row, and no longer after a good one', async () => {
    await periods(900, 500);
    expect(watch.problems()).toEqual([]);
    await periods(600);
    expect(watch.problems()).toEqual(['the event loop stands still too long: for up to 900 ms in the last 30 s']);
    await periods(1_234);
    expect(watch.problems()).toEqual(['the event loop stands still too long: for up to 1234 ms in the last 40 s']);
    await periods(499);
    expect(watch.problems()).toEqual([]);
    await periods(700, 700);
    expect(watch.problems()).toEqual([]);
  });

  it('shows the delays of the last period', async () => {
    expect(watch.delays).toEqual(delaysOf(0));
    await periods(80);
    expect(watch.delays).toEqual(delaysOf(80));
    await periods(4);
    expect(watch.delays).toEqual(delaysOf(4));
  });

  it('measures how long the loop of this process stands still', async () => {
    const real = new EventLoopWatch({ ...systemClock, every: (_, run) => systemClock.every(50, run) });
    await real.start();
    await until('the loop was measured', () => {
      const end = performance.now() + 30;
      while (performance.now() < end);
      return real.delays.maxMs >= 20 && real.delays.p50Ms > 0;
    });
    await real.stop();
  });
});
