import { LogMarks } from './log-marks.ts';

describe('LogMarks', () => {
  it('knows which positions are too far back, to within a hundredth', () => {
    const marks = new LogMarks(1_000, 0n);
    expect(marks.isFarther(0n)).toBe(false);
    for (let event = 1; event <= 5_000; event++) marks.take(BigInt(event * 7), 1);
    const at = (event: number) => marks.isFarther(BigInt(event * 7));
    expect([at(5_000), at(4_500), at(4_000)]).toEqual([false, false, false]);
    expect([at(3_988), at(3_000), at(1)]).toEqual([true, true, true]);
  });

  it('counts each event of an append', () => {
    const marks = new LogMarks(100, 0n);
    for (let append = 1; append <= 60; append++) marks.take(BigInt(append), 2);
    expect([marks.isFarther(8n), marks.isFarther(12n)]).toEqual([true, false]);
  });

  it('does not know of what was before it began, until that is too far back in any case', () => {
    const marks = new LogMarks(100, 500n);
    expect([marks.isFarther(499n), marks.isFarther(500n)]).toEqual([undefined, false]);
    for (let event = 1; event <= 99; event++) marks.take(500n + BigInt(event), 1);
    expect(marks.isFarther(499n)).toBeUndefined();
    for (let event = 100; event <= 102; event++) marks.take(500n + BigInt(event), 1);
    expect(marks.isFarther(499n)).toBe(true);
  });
});
