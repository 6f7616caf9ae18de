import { Steps } from './steps.ts';

const nothing = { sent: 9, lost: 0, overflowed: 0, doubled: 0, reordered: 0, gapMsMax: 1, gaps: [] };

describe('Steps', () => {
  it('tell of each gap what was under way when it began, and what was before', () => {
    const steps = new Steps(1_000);
    steps.begin('killed', 1_000);
    steps.begin('started again', 1_100);
    const gaps = [{ first: 150, last: 151, lost: 2, ms: 3, untilMs: 1_153 }];
    const early = [{ first: 1, last: 9, lost: 8, ms: 120, untilMs: 1_130 }];
    const told = steps.gapsOf({ plain: { ...nothing, gaps }, back: nothing, policed: { ...nothing, gaps: early } });
    expect(told).toEqual([
      { way: 'policed', atMs: 10, ms: 120, lost: 8, first: 1, last: 9, step: 'killed (since 0 ms)', before: 'nothing' },
      {
        way: 'plain',
        atMs: 150,
        ms: 3,
        lost: 2,
        first: 150,
        last: 151,
        step: 'started again (since 100 ms)',
        before: 'killed (since 0 ms)',
      },
    ]);
  });
});
