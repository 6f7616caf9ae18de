/** Rules of a Prefix: resources 2.8, 4.4, 6.2. Those of its spec in a template are tested where templates are. */
import type { JsonObject } from '@weft/api';
import { bareKinds, causesOf, causeText, objectOf } from '@weft/testing';
import { prefixKind } from './prefix.kind.ts';

const { created, replaced } = bareKinds([prefixKind]);
const manifest = (spec: JsonObject, metadata: JsonObject = {}) => ({ kind: 'Prefix', metadata: { name: 'foo', ...metadata }, spec });
const parentRef = { name: 'parent' };

describe('A Prefix that is created', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['T-53: nothing is said', {}, ['Required spec.ipFamily', 'Required spec.prefix']],
    ['T-54: an unknown family', { ipFamily: 'invalid' }, ['NotSupported spec.ipFamily', 'Required spec.prefix']],
    ['T-54: a prefix that is none', { ipFamily: 'IPv4', prefix: '' }, ['HTTP 400']],
    ['T-55: IPv6 in IPv4', { ipFamily: 'IPv4', prefix: 'beef::/64' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
    ['T-55: IPv4 in IPv6', { ipFamily: 'IPv6', prefix: '10.0.0.0/8' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
    ['T-56: a negative length', { ipFamily: 'IPv4', prefixLength: -10, parentRef }, ['Invalid spec.prefixLength', 'Invalid spec']],
    ['T-56: 40 bits of IPv4', { ipFamily: 'IPv4', prefixLength: 40, parentRef }, ['Invalid spec.prefixLength']],
    ['T-56: 140 bits of IPv6', { ipFamily: 'IPv6', prefixLength: 140, parentRef }, ['Invalid spec.prefixLength']],
    ['T-56: a root with a length', { ipFamily: 'IPv4', prefixLength: 8, prefix: '10.0.0.0/8' }, ['Invalid spec.prefixLength']],
    [
      'T-57: a parent without name',
      { ipFamily: 'IPv4', prefixLength: 8, parentRef: {} },
      ['Required spec.parentRef.name', 'Invalid spec.parentRef.name'],
    ],
    ['T-57: a bad name of the parent', { ipFamily: 'IPv4', prefixLength: 8, parentRef: { name: 'foo*' } }, ['Invalid spec.parentRef.name']],
    ['T-58: a root with another length', { ipFamily: 'IPv4', prefix: '10.0.0.0/8', prefixLength: 16 }, ['Invalid spec.prefixLength']],
    ['T-59: a child that asks for nothing', { ipFamily: 'IPv4', parentRef }, ['Invalid spec']],
    ['T-60: a root', { ipFamily: 'IPv4', prefix: '10.0.0.0/8' }, []],
    ['T-60: a child', { ipFamily: 'IPv4', prefixLength: 24, parentRef }, []],
    [
      'P-11: a bad selector',
      { ipFamily: 'IPv4', prefixLength: 24, parentSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      ['Required spec.parentSelector.matchExpressions[0].values'],
    ],
    ['B-82: a root with a length only', { ipFamily: 'IPv4', prefixLength: 8 }, ['Invalid spec.prefixLength', 'Required spec.prefix']],
    ['B-83: a child with neither', { ipFamily: 'IPv4', parentRef }, ['Invalid spec']],
    [
      'B-84: a length that is not that of the prefix',
      { ipFamily: 'IPv4', prefix: '10.0.0.0/24', prefixLength: 25, parentRef },
      ['Invalid spec.prefixLength'],
    ],
    [
      'B-85: a length, and no family',
      { prefix: '10.0.0.0/24', prefixLength: 24, parentRef },
      ['Invalid spec.prefix', 'Required spec.ipFamily', 'Invalid spec.prefix', 'Invalid spec.prefixLength'],
    ],
    ['B-86: IPv4 in IPv6', { ipFamily: 'IPv6', prefix: '10.0.0.0/24' }, ['Invalid spec.prefix', 'Invalid spec.prefix']],
  ])('resources %s', (_title, spec, causes) => {
    expect(causesOf(created('Prefix', manifest(spec)))).toEqual(causes);
  });

  it('resources G-13, G-14, D-1: has the family of its prefix, and keeps host bits', () => {
    expect(objectOf(created('Prefix', manifest({ prefix: '10.40.0.7/16' }))).spec).toEqual({ ipFamily: 'IPv4', prefix: '10.40.0.7/16' });
    const child = { prefix: '10.40.255.53/32', parentSelector: { matchLabels: { pool: 'batch' } } };
    expect(objectOf(created('Prefix', manifest(child))).spec).toEqual({ ...child, ipFamily: 'IPv4' });
  });

  it('resources 0.1: may have dots in its name', () => {
    expect(causesOf(created('Prefix', manifest({ prefix: '10.0.0.0/8' }, { name: 'a.b' })))).toEqual([]);
    expect(causesOf(created('Prefix', manifest({ prefix: '10.0.0.0/8' }, { name: 'A' })))).toEqual(['Invalid metadata.name']);
  });
});

describe('A Prefix that is changed', () => {
  const immutable = ['Forbidden spec'];
  const root = { ipFamily: 'IPv4', prefix: '10.0.0.0/8' };
  const child = { ipFamily: 'IPv4', prefixLength: 9, parentRef: { name: 'bar' } };
  const selecting = { ipFamily: 'IPv4', prefixLength: 9, parentSelector: { matchLabels: { foo: 'bar' } } };
  it.each<[string, JsonObject, JsonObject, readonly string[]]>([
    ['T-61, B-88: another prefix', root, { ...root, prefix: '11.0.0.0/8' }, immutable],
    ['T-61: another length', child, { ...child, prefixLength: 8 }, immutable],
    ['T-61, B-87: a root gets a parent', root, { ...root, parentRef }, immutable],
    ['T-61: another parent', child, { ...child, parentRef: { name: 'foo' } }, immutable],
    ['T-62: the parent that was chosen', selecting, { ...selecting, parentRef }, []],
    ['T-62: the prefix that was given', { ...child, prefixLength: 8 }, { ...child, prefixLength: 8, prefix: '10.0.0.0/8' }, []],
    ['P-U1: the selector goes', { ...selecting, parentRef }, { ipFamily: 'IPv4', prefixLength: 9, parentRef }, immutable],
    ['P-U1: the prefix goes', { ...child, prefix: '10.0.0.0/9' }, child, immutable],
  ])('resources %s', (_title, base, spec, causes) => {
    expect(causesOf(replaced('Prefix', manifest(base), spec))).toEqual(causes);
  });
});

describe('A status that an outside provider writes', () => {
  const meta = { name: 'foo', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  const written = (spec: JsonObject, status: JsonObject, old: JsonObject = status) => {
    const object = { apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'Prefix', metadata: meta, spec };
    return (prefixKind.statusRules?.({ ...object, status }, { ...object, status: old }) ?? []).map(causeText);
  };
  const wide = { ipFamily: 'IPv4', prefix: '0.0.0.0/0' };
  const ten = { ipFamily: 'IPv4', prefix: '10.0.0.0/8' };
  const allocated = (...used: readonly string[]) => ({ phase: 'Allocated', used: [...used] });
  it.each<[string, readonly string[], readonly string[]]>([
    ['T-63: a used range that is none', written(wide, allocated('')), ['Invalid status.used[0]']],
    ['T-64: used ranges overlap', written(wide, allocated('10.0.0.0/8', '10.0.0.0/16')), ['Invalid status.used']],
    [
      'T-64: used ranges of two families',
      written(wide, allocated('10.0.0.0/8', 'beef::/64')),
      ['Invalid status.used', 'Forbidden status.used[1]'],
    ],
    ['T-64: used, but not allocated', written(wide, { phase: 'Pending', used: ['10.0.0.0/8'] }), ['Invalid status.used']],
    ['T-65: used ranges side by side', written(wide, allocated('11.0.0.0/8', '10.0.0.0/8')), []],
    ['T-65: nothing is used', written(wide, allocated()), []],
    ['T-66: no phase after Allocated', written(ten, {}, { phase: 'Allocated' }), ['Forbidden status.phase']],
    ['T-66: Pending after Allocated', written(ten, { phase: 'Pending' }, { phase: 'Allocated' }), ['Forbidden status.phase']],
    [
      'T-67: Allocated without prefix',
      written({ ipFamily: 'IPv4', prefixLength: 8, parentRef }, allocated(), {}),
      ['Required spec.prefix'],
    ],
    ['T-68: Allocated without parent', written({ ...ten, parentSelector: {} }, allocated(), {}), ['Required spec.parentRef']],
    ['T-69: Allocated with a prefix', written(ten, allocated(), {}), []],
    ['T-70: used outside the prefix', written(ten, allocated('11.0.0.0/8')), ['Forbidden status.used[0]']],
    ['T-70: the whole prefix is used', written(ten, allocated('10.0.0.0/8')), []],
  ])('resources %s', (_title, causes, expected) => {
    expect(causes).toEqual(expected);
  });
});
