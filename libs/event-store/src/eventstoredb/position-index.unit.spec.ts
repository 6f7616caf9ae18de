import type { RecordedEvent } from '@weft/api';
import { anEvent } from '../testing/fixtures.ts';
import { PositionIndex } from './position-index.ts';

const seconds = (n: number) => new Date(n * 1_000).toISOString();
const at = (position: number, time: number): RecordedEvent => ({
  ...anEvent({ time: seconds(time) }),
  stream: 'Thing-.x',
  revision: 0n,
  position: BigInt(position),
});
/** Events at positions 10, 20, ... whose times are their numbers. */
const events = (first: number, last: number): RecordedEvent[] =>
  Array.from({ length: last - first + 1 }, (_, i) => at((first + i) * 10, first + i));

describe('PositionIndex', () => {
  it('answers with the beginning while nothing passed by', () => {
    const index = new PositionIndex();
    expect(index.knownAtOrBelow(99n)).toBe(0n);
    expect(index.timeMarkAtOrBefore(99_000)).toEqual({ position: 0n, maxTimeMs: Number.NEGATIVE_INFINITY });
  });

  it('remembers positions wherever a page begins, and gives the largest at or below', () => {
    const index = new PositionIndex();
    index.observe(500n, events(51, 60));
    index.observe(0n, events(1, 10));
    expect(index.knownAtOrBelow(99n)).toBe(0n);
    expect(index.knownAtOrBelow(100n)).toBe(100n);
    expect(index.knownAtOrBelow(599n)).toBe(100n);
    expect(index.knownAtOrBelow(9_999n)).toBe(600n);
  });

  it('takes times only without a gap from the first event on, and twice the same only once', () => {
    const index = new PositionIndex();
    index.observe(100n, events(11, 20));
    expect(index.end.position).toBe(0n);
    index.observe(0n, events(1, 10));
    index.observe(0n, events(1, 10));
    index.observe(50n, events(6, 20));
    expect(index.end).toEqual({ position: 200n, maxTimeMs: 20_000 });
    index.observe(210n, events(22, 30));
    expect(index.end.position).toBe(200n);
  });

  it('gives a mark whose running maximum is not behind the time', () => {
    const index = new PositionIndex();
    index.observe(0n, [...events(1, 600), at(6_010, 5), at(6_020, 700)]);
    expect(index.timeMarkAtOrBefore(300_000)).toEqual({ position: 2_560n, maxTimeMs: 256_000 });
    expect(index.timeMarkAtOrBefore(255_999)).toEqual({ position: 0n, maxTimeMs: Number.NEGATIVE_INFINITY });
    expect(index.timeMarkAtOrBefore(700_000)).toEqual({ position: 6_020n, maxTimeMs: 700_000 });
    expect(index.timeMarkAtOrBefore(699_999)).toEqual({ position: 5_120n, maxTimeMs: 512_000 });
  });

  it('stays within its bound and keeps answering, more coarsely', () => {
    const index = new PositionIndex(16);
    for (let page = 0; page < 200; page++) index.observe(BigInt(page * 2_560), events(page * 256 + 1, (page + 1) * 256));
    const known = index.knownAtOrBelow(300_000n);
    expect(known).toBeLessThanOrEqual(300_000n);
    expect(known).toBeGreaterThan(200_000n);
    const mark = index.timeMarkAtOrBefore(30_000_000);
    expect(mark.maxTimeMs).toBeLessThanOrEqual(30_000_000);
    expect(mark.position).toBe(BigInt(mark.maxTimeMs / 100));
    expect(mark.position).toBeGreaterThan(200_000n);
  });

  it('passes over times that cannot be read', () => {
    const index = new PositionIndex();
    index.observe(0n, [at(10, 1), { ...at(20, 2), metadata: { ...anEvent().metadata, time: 'soon' } }, at(30, 3)]);
    expect(index.end).toEqual({ position: 30n, maxTimeMs: 3_000 });
  });
});
