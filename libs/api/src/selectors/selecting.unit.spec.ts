import fc from 'fast-check';
import type { LabelSelectorModel } from './label-selector.model.ts';
import { matchesLabels, parseLabelSelector } from './label-selector.ts';
import { anchorsOf, anchorValues, selectorText, selects } from './selecting.ts';

const key = fc.constantFrom('app', 'tier', 'zone');
const value = fc.constantFrom('', 'a', 'b', 'c');
const labels = fc.dictionary(key, value);
const requirement = fc.oneof(
  fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
  fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
);
const selector: fc.Arbitrary<LabelSelectorModel> = fc.record(
  { matchLabels: fc.dictionary(key, value), matchExpressions: fc.array(requirement, { maxLength: 3 }) },
  { requiredKeys: [] },
);

describe('selectors of a spec', () => {
  it('select what the same selector selects as a query', () => {
    fc.assert(
      fc.property(selector, labels, (spec, of) => {
        const parsed = parseLabelSelector(selectorText(spec));
        expect(selects(spec, of)).toBe(parsed.ok && matchesLabels(parsed.value, of));
      }),
    );
  });

  it('given labels that a selector selects, then it is anchored at exactly one of the values that are looked at', () => {
    fc.assert(
      fc.property(selector, labels, (spec, of) => {
        fc.pre(selects(spec, of));
        const looked = anchorValues('ns/net', of);
        expect(anchorsOf('ns/net', spec).filter((anchor) => looked.includes(anchor))).toHaveLength(1);
      }),
    );
  });

  it('an empty selector selects everything, an object without labels too', () => {
    expect(selects({})).toBe(true);
    expect(anchorsOf('ns/net', {})).toEqual(['ns/net *']);
  });

  it('as text do not depend on the order in which they were written', () => {
    const [in1, exists] = [
      { key: 'tier', operator: 'In', values: ['b', 'a', 'b'] },
      { key: 'app', operator: 'Exists' },
    ];
    const not = [
      { key: 'old', operator: 'DoesNotExist' },
      { key: 'zone', operator: 'NotIn', values: ['x'] },
    ];
    const text = selectorText({ matchLabels: { b: '2', a: '1' }, matchExpressions: [in1, exists, ...not] });
    expect(text).toBe('!old,a=1,app,b=2,tier in (a,b),zone notin (x)');
    expect(selectorText({ matchExpressions: [...not, exists, in1, exists], matchLabels: { a: '1', b: '2' } })).toBe(text);
    expect(selectorText({})).toBe('');
  });
});
