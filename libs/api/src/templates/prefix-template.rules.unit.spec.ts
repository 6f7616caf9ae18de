import type { FieldError } from '../status/status.ts';
import { causeText } from '../testing/cause-text.ts';
import { prefixSpecDefaults } from './prefix-template.defaults.ts';
import type { PrefixTemplate, PrefixTemplateSpec } from './prefix-template.model.ts';
import { prefixSpecErrors, prefixTemplateErrors } from './prefix-template.rules.ts';

const collected = (collect: (errors: FieldError[]) => void): string[] => {
  const errors: FieldError[] = [];
  collect(errors);
  return errors.map(causeText);
};
const template = (given: PrefixTemplate) => collected((errors) => prefixTemplateErrors(given, 'spec', errors));
const prefix = (spec: PrefixTemplateSpec) => collected((errors) => prefixSpecErrors(prefixSpecDefaults(spec), 'spec', errors));

describe('prefixTemplate rules', () => {
  it.each(['name', 'namespace', 'generateName'] as const)('resources T-81: metadata.%s', (field) => {
    expect(template({ metadata: { [field]: 'foo' } })).toContain(`Forbidden spec.metadata.${field}`);
  });

  it('resources T-82: labels, annotations and a range of a parent', () => {
    const metadata = { labels: { foo: 'bar' }, annotations: { bar: 'baz' } };
    expect(template({ metadata, spec: { ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'parent' } } })).toEqual([]);
  });

  it('resources 1.4: syntax of labels and annotations; other fields in the order of Kubernetes', () => {
    const metadata = {
      finalizers: ['a.b/c'],
      uid: 'u',
      ownerReferences: [{}],
      labels: { 'a/b/c': '' },
      annotations: { '-': '' },
    };
    expect(template({ metadata, spec: { ipFamily: 'IPv4', prefix: '10.0.0.0/8' } })).toEqual([
      'Invalid spec.metadata.labels',
      'Invalid spec.metadata.annotations',
      'Forbidden spec.metadata.uid',
      'Forbidden spec.metadata.ownerReferences',
      'Forbidden spec.metadata.finalizers',
    ]);
  });
});

const parentRef = { name: 'parent' };

describe('rules of a Prefix spec in a template (resources 2.8)', () => {
  it.each<[string, PrefixTemplateSpec, string[]]>([
    ['T-53', {}, ['Required spec.ipFamily', 'Required spec.prefix']],
    ['T-54', { ipFamily: 'invalid', prefix: '' }, ['Invalid spec.prefix', 'NotSupported spec.ipFamily', 'Invalid spec.prefix']],
    ['T-55', { ipFamily: 'IPv4', prefix: 'beef::/64' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
    ['T-55', { ipFamily: 'IPv6', prefix: '10.0.0.0/8' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
    ['T-56', { ipFamily: 'IPv4', prefixLength: -10, parentRef }, ['Invalid spec.prefixLength', 'Invalid spec']],
    ['T-56', { ipFamily: 'IPv4', prefixLength: 40, parentRef }, ['Invalid spec.prefixLength']],
    ['T-56', { ipFamily: 'IPv6', prefixLength: 140, parentRef }, ['Invalid spec.prefixLength']],
    ['T-57', { ipFamily: 'IPv4', prefixLength: 8, parentRef: {} }, ['Required spec.parentRef.name', 'Invalid spec.parentRef.name']],
    ['T-57', { ipFamily: 'IPv4', prefixLength: 8, parentRef: { name: 'foo*' } }, ['Invalid spec.parentRef.name']],
    ['T-58', { ipFamily: 'IPv4', prefix: '10.0.0.0/8', prefixLength: 16 }, ['Invalid spec.prefixLength']],
    ['T-59', { ipFamily: 'IPv4', parentRef }, ['Invalid spec']],
    ['T-60', { ipFamily: 'IPv4', prefix: '10.0.0.0/8' }, []],
    ['T-60', { ipFamily: 'IPv4', prefixLength: 24, parentRef }, []],
    ['P-2', { ipFamily: 'IPv6', prefix: 'beef::/64' }, []],
    ['B-82', { ipFamily: 'IPv4', prefixLength: 24 }, ['Invalid spec.prefixLength', 'Required spec.prefix']],
    ['B-83', { ipFamily: 'IPv4', parentSelector: {} }, ['Invalid spec']],
    ['B-84', { ipFamily: 'IPv4', prefix: '10.0.0.0/24', prefixLength: 25, parentRef }, ['Invalid spec.prefixLength']],
    [
      'B-85',
      { prefix: '10.0.0.0/24', prefixLength: 24, parentRef },
      ['Invalid spec.prefix', 'Required spec.ipFamily', 'Invalid spec.prefix', 'Invalid spec.prefixLength'],
    ],
    ['B-86', { ipFamily: 'IPv6', prefix: '10.0.0.0/24' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
    ['G-13', { prefix: '10.40.0.0/16' }, []],
    ['G-14', { prefix: '10.40.255.53/32', parentSelector: { matchLabels: { pool: 'batch' } } }, []],
  ])('resources %s', (_number, spec, expected) => {
    expect(prefix(spec)).toEqual(expected);
  });
});
