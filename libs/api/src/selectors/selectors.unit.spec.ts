import fc from 'fast-check';
import { testKind } from '../testing/test-kind.ts';
import { matchesFields, parseFieldSelector, unsupportedField } from './field-selector.ts';
import { type LabelSelector, matchesLabels, parseLabelSelector, type Requirement } from './label-selector.ts';

const selector = (text: string) => {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
};

describe('A label selector', () => {
  // http-api 7.
  it.each<[string, Record<string, string>, boolean]>([
    ['', {}, true],
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'b' }, true],
    ['a=b', {}, false],
    ['a=', { a: '' }, true],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a', { a: '' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['!a', { a: 'x' }, false],
    ['a in (x, y)', { a: 'y' }, true],
    ['a in (x,y)', {}, false],
    ['a notin (x,y)', {}, true],
    ['a notin (x,y)', { a: 'x' }, false],
    ['a>5', { a: '6' }, true],
    ['a>5', { a: '5' }, false],
    ['a<5', { a: '4' }, true],
    ['a<5', { a: 'four' }, false],
    ['a = b , c', { a: 'b', c: '' }, true],
    ['example.com/a=b,!c', { 'example.com/a': 'b' }, true],
    ['constructor', {}, false],
  ])('%s on %j: %s', (text, labels, expected) => {
    expect(matchesLabels(selector(text), labels)).toBe(expected);
  });

  it.each(['a=b,', ',', 'a in x', 'a in (x', 'a==b==c', '=b', 'a b', 'a>x', '!', 'a/b/c', '-a', 'a=b!'])('%s is refused', (text) => {
    expect(parseLabelSelector(text)).toMatchObject({ ok: false, why: expect.any(String) });
  });

  const key = fc.stringMatching(/^[a-z]([-a-z0-9_.]{0,8}[a-z0-9])?$/);
  const value = fc.stringMatching(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?)?$/);
  const requirement: fc.Arbitrary<Requirement> = fc.oneof(
    fc.record({
      key,
      operator: fc.constantFrom('in' as const, 'notin' as const),
      values: fc.uniqueArray(value, { minLength: 1, maxLength: 3 }).map((values) => values.sort()),
    }),
    fc.record({ key, operator: fc.constantFrom('exists' as const, 'absent' as const) }),
    fc.record({ key, operator: fc.constantFrom('gt' as const, 'lt' as const), value: fc.nat().map(BigInt) }),
  );

  it('reads back from its own text', () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), (requirements) =>
        expect(selector(labelSelectorText(requirements))).toEqual(requirements),
      ),
    );
  });

  it('parses or refuses any text, and never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseLabelSelector(text).ok === 'boolean'));
  });
});

describe('A field selector', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: { name: 'a', namespace: 'ns', uid: '', resourceVersion: '1', creationTimestamp: '' },
  };

  it.each<[string, boolean]>([
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a,metadata.namespace=ns', true],
    ['metadata.name!=a', false],
    ['metadata.name=b', false],
    ['spec.colour=', true],
  ])('%s: %s', (text, expected) => {
    const parsed = parseFieldSelector(text);
    expect(parsed.ok && matchesFields(testKind, parsed.value, object)).toBe(expected);
  });

  it('names the first field that is not offered', () => {
    const parsed = parseFieldSelector('metadata.name=a,spec.x=1');
    expect(parsed.ok && unsupportedField(testKind, parsed.value)).toBe('spec.x');
  });

  it.each(['metadata.name', 'a=b=c', 'a=\\x'])('%s is refused', (text) => expect(parseFieldSelector(text)).toMatchObject({ ok: false }));

  it('takes any value once it is escaped', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const parsed = parseFieldSelector(`metadata.name=${escapeFieldValue(a)},reason!=${escapeFieldValue(b)}`);
        expect(parsed).toEqual({
          ok: true,
          value: [
            { field: 'metadata.name', equal: true, value: a },
            { field: 'reason', equal: false, value: b },
          ],
        });
      }),
    );
  });
});

/** Text that parses to the same selector. */
function labelSelectorText(selector: LabelSelector): string {
  return selector.map(requirementText).join(',');
}

function requirementText(requirement: Requirement): string {
  const { key } = requirement;
  switch (requirement.operator) {
    case 'in':
    case 'notin':
      return `${key} ${requirement.operator} (${requirement.values.join(',')})`;
    case 'exists':
      return key;
    case 'absent':
      return `!${key}`;
    case 'gt':
      return `${key}>${requirement.value}`;
    case 'lt':
      return `${key}<${requirement.value}`;
  }
}

function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (character) => `\\${character}`);
}
