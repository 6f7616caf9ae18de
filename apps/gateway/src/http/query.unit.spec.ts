import { Query } from './query.ts';

describe('Parameters of a query', () => {
  it.each([
    ['', true],
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('of the API beside Kubernetes are flags when they say %j', (text, means) => {
    expect(new Query({ follow: text }).strictFlag('follow')).toBe(means);
  });

  it('of the API beside Kubernetes are refused when they are no flags, and when they are not known', () => {
    expect(() => new Query({ follow: 'maybe' }).strictFlag('follow')).toThrow('follow="maybe" is neither true nor false');
    expect(new Query({}).strictFlag('follow')).toBeUndefined();
    expect(Query.knowing([], { timeout: '32s' }).has('from')).toBe(false);
    expect(() => Query.knowing(['from', 'to'], { form: '0' })).toThrow('there is no parameter "form": from, to');
    expect(() => Query.knowing([], { form: '0' })).toThrow('there is no parameter "form" here');
    expect(Query.knowing(['from'], { from: '0' }).text('from')).toBe('0');
  });

  it('of Kubernetes are flags as upstream reads them', () => {
    expect(['', 'maybe', 'FALSE', '0'].map((watch) => new Query({ watch }).flag('watch'))).toEqual([true, true, false, false]);
  });
});
