import type { FieldError } from '../status/status.ts';
import { causeText } from '../testing/cause-text.ts';
import type { LabelSelectorModel } from './label-selector.model.ts';
import { labelSelectorErrors } from './label-selector.rules.ts';

describe('rules of a label selector (resources 1.3)', () => {
  it.each<[string, LabelSelectorModel, string[]]>([
    ['empty', {}, []],
    [
      'one of each operator',
      {
        matchLabels: { a: 'b' },
        matchExpressions: [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'In', values: ['c'] },
        ],
      },
      [],
    ],
    ['In without values', { matchExpressions: [{ key: 'a', operator: 'In' }] }, ['Required s.matchExpressions[0].values']],
    [
      'Exists with values',
      { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
      ['Forbidden s.matchExpressions[0].values'],
    ],
    ['another operator', { matchExpressions: [{ key: 'a', operator: 'Like' }] }, ['Invalid s.matchExpressions[0].operator']],
    ['no key', { matchExpressions: [{ operator: 'Exists' }] }, ['Invalid s.matchExpressions[0].key', 'Invalid s.matchExpressions[0].key']],
    [
      'a bad value',
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['b', 'c d'] }] },
      ['Invalid s.matchExpressions[0].values[1]'],
    ],
    ['a bad label', { matchLabels: { a: 'b c' } }, ['Invalid s.matchLabels']],
  ])('%s', (_case, selector, expected) => {
    const errors: FieldError[] = [];
    labelSelectorErrors(selector, 's', errors);
    expect(errors.map(causeText)).toEqual(expected);
  });
});
