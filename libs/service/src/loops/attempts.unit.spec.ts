import { Attempts } from './attempts.ts';

describe('What is owed again and again', () => {
  it('waits longer each time, up to half a minute', () => {
    const attempts = new Attempts();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      attempts.sent('a', 'x', 'refused', 1_000);
      waits.push(attempts.waitMs('a', 'x', 1_000));
    }
    expect(waits.slice(0, 4)).toEqual([50, 100, 200, 400]);
    expect(waits.at(-1)).toBe(30_000);
    expect(attempts.waitMs('a', 'x', 40_000)).toBe(0);
  });

  it('does not wait when something else is owed, and begins anew then', () => {
    const attempts = new Attempts();
    for (let i = 0; i < 6; i++) attempts.sent('a', 'x', 'refused', 0);
    expect(attempts.waitMs('a', 'y', 0)).toBe(0);
    attempts.sent('a', 'y', 'refused', 0);
    expect(attempts.waitMs('a', 'y', 0)).toBe(50);
  });

  it('shows from the fourth time on, and no more once it is settled', () => {
    const attempts = new Attempts();
    for (let i = 0; i < 3; i++) attempts.sent('a', 'x', '403 no', 0);
    expect(attempts.problems(1)).toEqual([]);
    attempts.sent('a', 'x', '403 no', 0);
    for (let i = 0; i < 4; i++) attempts.sent('b', 'x', '403 no', 0);
    expect(attempts.problems(1)).toEqual(['a is still owed after 4 attempts: 403 no', 'and 1 more']);
    attempts.settled('a');
    attempts.settled('b');
    expect(attempts.problems(1)).toEqual([]);
  });
});
