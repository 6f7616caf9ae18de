import { msOfTime, textOfTime } from './times.ts';

describe('Times of events', () => {
  it('are read and written as those before them were, and as others are', () => {
    const [one, other] = ['2026-01-01T00:00:00.123Z', '2026-01-01T00:00:00.124Z'];
    for (const text of [one, one, other, 'yesterday', 'yesterday', one]) {
      const ms = msOfTime(text);
      expect(ms).toBe(Date.parse(text));
      if (!Number.isNaN(ms)) expect(textOfTime(new Date(ms))).toBe(text);
    }
  });
});
