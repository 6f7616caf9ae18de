/** How events of a stream come together in messages. */
import { eventBatches, eventMessages } from './streamed.ts';

const frame = (i: number, length: number) => `id: ${i}-0\ndata: {"event":"${'x'.repeat(length)}"}\n\n`;

describe('Messages of batched events', () => {
  it('have together what single messages have', () => {
    const frames = [1, 2, 3].map((i) => frame(i, 10)).join('');
    expect(eventMessages(frames)).toHaveLength(3);
    expect(eventBatches(frames)).toHaveLength(1);
    expect(eventBatches(': only a comment\n\n')).toEqual([]);
  });

  it('stay below what clients take, and none is empty', () => {
    const frames = Array.from({ length: 40 }, (_, i) => frame(i, i % 8 === 0 ? 1_048_576 : 100_000)).join('');
    const sizes = eventBatches(frames).map((message) => message.length);
    expect(Math.max(...sizes)).toBeLessThan(4_194_304);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(5 * 1_048_576 + 35 * 100_000);
    expect(sizes.length).toBeLessThan(20);
  });
});
