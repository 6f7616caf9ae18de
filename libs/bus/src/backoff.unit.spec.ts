import { Backoff } from './backoff.ts';

describe('Backoff', () => {
  it('doubles up to its bound, and starts anew after a reset', () => {
    const backoff = new Backoff(50, 300, () => 0);
    expect([1, 2, 3, 4, 5].map(() => backoff.nextMs())).toEqual([50, 100, 200, 300, 300]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(50);
  });

  it('shortens by up to a half at random', () => {
    const backoff = new Backoff(100, 100, () => 0.999);
    expect(backoff.nextMs()).toBeCloseTo(50, 0);
  });

  it('stays bounded after very many failures', () => {
    const backoff = new Backoff(50, 2_000, () => 0);
    for (let i = 0; i < 5_000; i++) expect(backoff.nextMs()).toBeLessThanOrEqual(2_000);
  });
});
