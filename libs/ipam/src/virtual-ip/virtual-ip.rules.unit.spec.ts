/** Rules of a VirtualIP: resources 2.3, 4.4, 6.2. */
import type { JsonObject } from '@weft/api';
import { Site, vipKey } from '../testing/site.ts';

type Cause = readonly [reason: string, field: string];

function causesOf(reply: ReturnType<Site['send']>): readonly Cause[] {
  return reply.ok ? [] : (reply.status.details?.causes ?? []).map(({ reason = '', field = '' }) => [reason, field] as const);
}

const PUBLIC = { type: 'Public', ipFamily: 'IPv4' };

describe('A VirtualIP that is created (resources 2.3)', () => {
  it.each<[string, string, JsonObject, readonly Cause[]]>([
    [
      'T-26: nothing is said',
      'foo',
      {},
      [
        ['FieldValueRequired', 'spec.type'],
        ['FieldValueRequired', 'spec.ipFamily'],
      ],
    ],
    [
      'T-27: type and family are unknown',
      'foo',
      { type: 'invalid', ipFamily: 'invalid' },
      [
        ['FieldValueNotSupported', 'spec.type'],
        ['FieldValueNotSupported', 'spec.ipFamily'],
      ],
    ],
    ['T-28: a bad name of its target', 'foo', { ...PUBLIC, targetRef: { name: 'foo*' } }, [['FieldValueInvalid', 'spec.targetRef.name']]],
    ['T-29: a target without uid', 'foo', { ...PUBLIC, targetRef: { name: 'foo' } }, []],
    ['B-54: the type in lower case', 'foo', { type: 'public', ipFamily: 'IPv4' }, [['FieldValueNotSupported', 'spec.type']]],
    [
      'B-55: no spec, and a dot in its name',
      'v.1',
      {},
      [
        ['FieldValueInvalid', 'metadata.name'],
        ['FieldValueRequired', 'spec.type'],
        ['FieldValueRequired', 'spec.ipFamily'],
      ],
    ],
    [
      'B-56: a capital in the name of its target',
      'foo',
      { ...PUBLIC, targetRef: { name: 'Nic' } },
      [['FieldValueInvalid', 'spec.targetRef.name']],
    ],
  ])('%s', (_, name, spec, causes) => {
    expect(causesOf(new Site().send('VirtualIP', name, spec))).toEqual(causes);
  });
});

describe('A VirtualIP that is changed (resources 2.3)', () => {
  it.each<[string, JsonObject, readonly Cause[]]>([
    ['T-30, B-57: its family', { ipFamily: 'IPv6' }, [['FieldValueForbidden', 'spec']]],
    [
      'T-30: its type',
      { type: 'other' },
      [
        ['FieldValueForbidden', 'spec'],
        ['FieldValueNotSupported', 'spec.type'],
      ],
    ],
    ['T-31: its target', { targetRef: { name: 'bar' } }, []],
  ])('%s', (_, spec, causes) => {
    const site = new Site().vip('foo');
    const reply = site.world.send({ verb: 'patch', key: vipKey('foo'), patchType: 'merge', patch: { spec } });
    expect(causesOf(reply)).toEqual(causes);
  });
});
