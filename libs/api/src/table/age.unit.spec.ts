import { ageOf, humanDuration } from './age.ts';

const [s, m, h, d] = [1_000, 60_000, 3_600_000, 86_400_000];

describe('An age', () => {
  it.each<[number, string]>([
    [-2 * s, '<invalid>'],
    [-500, '0s'],
    [0, '0s'],
    [119 * s, '119s'],
    [2 * m, '2m'],
    [2 * m + 30 * s, '2m30s'],
    [9 * m + 59 * s, '9m59s'],
    [10 * m + 30 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [7 * h + 59 * m, '7h59m'],
    [8 * h + 59 * m, '8h'],
    [47 * h, '47h'],
    [2 * d, '2d'],
    [2 * d + 4 * h, '2d4h'],
    [7 * d + 23 * h, '7d23h'],
    [8 * d + 23 * h, '8d'],
    [729 * d, '729d'],
    [730 * d, '2y'],
    [735 * d, '2y5d'],
    [8 * 365 * d + 5 * d, '8y'],
  ])('of %i ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));

  it('of nothing is unknown', () => {
    expect(ageOf(undefined, new Date())).toBe('<unknown>');
    expect(ageOf('2026-01-02T03:04:05Z', new Date('2026-01-02T03:04:15.999Z'))).toBe('10s');
  });
});
