import fc from 'fast-check';
import type { LabelSelectorModel } from './label-selector.model.ts';
import { matchesLabels, parseLabelSelector } from './label-selector.ts';
import { anchorsOf, anchorValues, selects } from './selecting.ts';

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

/** The same selector as clients write it in a query. */
function textOf({ matchLabels = {}, matchExpressions = [] }: LabelSelectorModel): string {
  const expressions = matchExpressions.map(({ key: label, operator, values = [] }) => {
    if (operator === 'Exists') return label;
    if (operator === 'DoesNotExist') return `!${label}`;
    return `${label} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...Object.entries(matchLabels).map(([label, wanted]) => `${label}=${wanted}`), ...expressions].join(',');
}

describe('selectors of a spec', () => {
  it('select what the same selector selects as a query', () => {
    fc.assert(
      fc.property(selector, labels, (spec, of) => {
        const parsed = parseLabelSelector(textOf(spec));
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
});
