import { firstFew } from './first-few.ts';

describe('The first few of many names', () => {
  it.each<[readonly string[], string]>([
    [[], ''],
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c', 'd', 'e'], 'a, b, c, d, e'],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'a, b, c, d, e and 2 more'],
  ])('of %j is "%s"', (names, text) => {
    expect(firstFew(names)).toBe(text);
  });
});
