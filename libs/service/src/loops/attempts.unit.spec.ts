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

  it('does not wait when something else is owed, and starts again with short pauses', () => {
    const attempts = new Attempts();
    for (let i = 0; i < 6; i++) attempts.sent('a', 'x', 'refused', 0);
    expect(attempts.waitMs('a', 'y', 0)).toBe(0);
    attempts.sent('a', 'y', 'refused', 0);
    expect(attempts.waitMs('a', 'y', 0)).toBe(50);
  });

  it('waits longer each time also when several things are owed in turn', () => {
    const attempts = new Attempts();
    for (let i = 0; i < 6; i++) for (const owed of ['x', 'y', 'z']) attempts.sent('a', owed, 'undone', 0);
    expect(['x', 'y', 'z', 'new'].map((owed) => attempts.waitMs('a', owed, 0))).toEqual([1_600, 1_600, 1_600, 0]);
    expect(attempts.problems(1)).toEqual(['a is still owed after 6 attempts: undone']);
    attempts.settled('a');
    expect([attempts.waitMs('a', 'x', 0), attempts.size]).toEqual([0, 0]);
  });

  it('remembers a few things of each key, the newest', () => {
    const attempts = new Attempts();
    for (let i = 0; i <= 8; i++) attempts.sent('a', `x${i}`, 'done', 0);
    expect([0, 1, 8].map((i) => attempts.waitMs('a', `x${i}`, 0))).toEqual([0, 50, 50]);
  });

  it('is shown as a problem from the fourth time on, until it is settled', () => {
    const attempts = new Attempts();
    for (let i = 0; i < 5; i++) attempts.sent('a', 'x', '403 no', 0);
    expect(attempts.problems(1)).toEqual([]);
    attempts.sent('a', 'x', '403 no', 0);
    for (let i = 0; i < 6; i++) attempts.sent('b', 'x', '403 no', 0);
    expect(attempts.problems(1)).toEqual(['a is still owed after 6 attempts: 403 no', 'and 1 more']);
    attempts.settled('a');
    attempts.settled('b');
    expect(attempts.problems(1)).toEqual([]);
  });
});
