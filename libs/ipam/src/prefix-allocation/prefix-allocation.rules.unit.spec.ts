/** Rules of a PrefixAllocation: resources 2.9, 4.4, 6.2. */
import type { JsonObject } from '@weft/api';
import { bareKinds, causesOf, causeText, objectOf } from '@weft/testing';
import { prefixAllocationKind } from './prefix-allocation.kind.ts';

const { created, replaced } = bareKinds([prefixAllocationKind]);
const manifest = (spec: JsonObject) => ({ kind: 'PrefixAllocation', metadata: { name: 'foo' }, spec });
const prefixRef = { name: 'foo' };

describe('A PrefixAllocation that is created', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['T-71: nothing is said', {}, ['Required spec.ipFamily', 'Invalid spec', 'Invalid spec']],
    [
      'T-71: an unknown family',
      { ipFamily: 'invalid', prefixLength: 8, prefixRef },
      ['NotSupported spec.ipFamily', 'Invalid spec.prefixLength'],
    ],
    ['T-71: a negative length', { ipFamily: 'IPv4', prefixLength: -8, prefixRef }, ['Invalid spec.prefixLength', 'Invalid spec']],
    ['T-71: a prefix that is none', { ipFamily: 'IPv4', prefix: '', prefixRef }, ['HTTP 400']],
    ['T-71: a prefix of the other family', { ipFamily: 'IPv4', prefix: 'beef::/64', prefixRef }, ['Invalid spec.prefix']],
    ['T-71: 40 bits of IPv4', { ipFamily: 'IPv4', prefixLength: 40, prefixRef }, ['Invalid spec.prefixLength']],
    ['T-71: 140 bits of IPv6', { ipFamily: 'IPv6', prefixLength: 140, prefixRef }, ['Invalid spec.prefixLength']],
    ['T-72: it asks for nothing', { ipFamily: 'IPv4', prefixRef }, ['Invalid spec']],
    ['T-72: it asks nobody', { ipFamily: 'IPv4', prefixLength: 24 }, ['Invalid spec']],
    [
      'T-73, B-89: a prefix and a length',
      { ipFamily: 'IPv4', prefix: '10.0.0.0/8', prefixLength: 8, prefixRef },
      ['Forbidden spec.prefixLength'],
    ],
    [
      'T-74: a Prefix without name',
      { ipFamily: 'IPv4', prefixLength: 24, prefixRef: {} },
      ['Required spec.prefixRef.name', 'Invalid spec.prefixRef.name'],
    ],
    ['T-74: a bad name', { ipFamily: 'IPv4', prefixLength: 24, prefixRef: { name: 'foo*' } }, ['Invalid spec.prefixRef.name']],
    [
      'A-2: a bad selector',
      { ipFamily: 'IPv4', prefixLength: 24, prefixSelector: { matchLabels: { a: '*' } } },
      ['Invalid spec.prefixSelector.matchLabels'],
    ],
    ['T-75, G-15: a length of a Prefix', { ipFamily: 'IPv4', prefixLength: 24, prefixRef }, []],
    ['B-90: neither request nor source', { ipFamily: 'IPv4' }, ['Invalid spec', 'Invalid spec']],
  ])('resources %s', (_title, spec, causes) => {
    expect(causesOf(created('PrefixAllocation', manifest(spec)))).toEqual(causes);
  });

  it('resources 2.9: has the family of the range that it asks for', () => {
    expect(objectOf(created('PrefixAllocation', manifest({ prefix: 'beef::/64', prefixRef }))).spec).toMatchObject({ ipFamily: 'IPv6' });
  });
});

describe('A PrefixAllocation that is changed', () => {
  const asking = { ipFamily: 'IPv4', prefixLength: 24, prefixRef: { name: 'bar' } };
  const selecting = { ipFamily: 'IPv4', prefixLength: 24, prefixSelector: {} };
  it.each<[string, JsonObject, JsonObject, readonly string[]]>([
    ['T-76: asks another Prefix', asking, { ...asking, prefixRef }, ['Forbidden spec']],
    ['T-76: asks the one that was chosen', selecting, { ...selecting, prefixRef }, []],
    ['A-U1: asks for more', asking, { ...asking, prefixLength: 23 }, ['Forbidden spec']],
  ])('resources %s', (_title, base, spec, causes) => {
    expect(causesOf(replaced('PrefixAllocation', manifest(base), spec))).toEqual(causes);
  });
});

describe('A status that an outside provider writes', () => {
  const metadata = { name: 'foo', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  const written = (spec: JsonObject, status: JsonObject, old: JsonObject = {}) => {
    const object = { apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'PrefixAllocation', metadata, spec };
    return (prefixAllocationKind.statusRules?.({ ...object, status }, { ...object, status: old }) ?? []).map(causeText);
  };
  const literal = { ipFamily: 'IPv4', prefix: '10.0.0.8/32', prefixRef };
  const length = { ipFamily: 'IPv4', prefixLength: 8, prefixRef };
  const got = (prefix: string) => ({ phase: 'Allocated', prefix });
  it.each<[string, readonly string[], readonly string[]]>([
    ['T-77: Allocated without prefix', written(length, { phase: 'Allocated' }), ['Required status.prefix']],
    ['T-77: a prefix without phase', written(length, { prefix: '10.0.0.0/8' }), ['Forbidden status.prefix']],
    ['T-77: Allocated with a prefix', written(length, got('10.0.0.0/8')), []],
    ['T-78: no phase after Failed', written(length, {}, { phase: 'Failed' }), ['Forbidden status.phase']],
    ['T-78: Allocated after Failed', written(length, got('10.0.0.0/8'), { phase: 'Failed' }), ['Forbidden status.phase']],
    ['A-S1: Failed after Allocated', written(length, { phase: 'Failed' }, got('10.0.0.0/8')), ['Forbidden status.phase']],
    ['T-79: another range', written(literal, got('10.0.0.9/32')), ['Forbidden status.prefix']],
    ['T-79: another length', written(length, got('10.0.0.0/32')), ['Forbidden status.prefix']],
    [
      'T-79: a range of no Prefix',
      written({ ipFamily: 'IPv4', prefixLength: 8, prefixSelector: {} }, got('10.0.0.0/8')),
      ['Forbidden status.prefix'],
    ],
    ['T-80: a range of the other family', written(length, got('beef::/8')), ['Invalid status.prefix']],
  ])('resources %s', (_title, causes, expected) => {
    expect(causes).toEqual(expected);
  });
});
