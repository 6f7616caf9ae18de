import type { ApiObject, JsonObject } from '@weft/api';
import { causesOf, causeText, created, type Outcome, replaced } from '../testing/bare-kinds.ts';
import { networkInterfaceDefaults } from './network-interface.defaults.ts';
import { networkInterfaceRules } from './network-interface.rules.ts';

const base: JsonObject = { networkRef: { name: 'n' }, ipFamilies: ['IPv4'], ips: [{ value: '10.1.0.4' }] };

/** `resources T-13` and so on: objects as in upstream's unit tests, neither decoded nor defaulted. */
const inProcess = (spec: JsonObject, old?: JsonObject): readonly string[] => {
  const object = (each: JsonObject): ApiObject => ({
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NetworkInterface',
    metadata: { namespace: 'ns', name: 'foo', uid: '', resourceVersion: '', creationTimestamp: '' },
    spec: each,
  });
  return networkInterfaceRules(object(spec), old && object(old)).map(causeText);
};
const template = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({ ephemeral: { prefixTemplate: { metadata, spec } } });

describe('NetworkInterface rules, upstream table', () => {
  const T = 'spec.ips[0].ephemeral.prefixTemplate';
  it.each<[string, JsonObject, string[]]>([
    ['T-13', {}, ['Required spec.networkRef', 'Required spec.ipFamilies']],
    ['T-14', { networkRef: { name: 'foo*' } }, ['Invalid spec.networkRef.name']],
    ['T-15', { machineRef: { name: 'foo*' } }, ['Invalid spec.machineRef.name']],
    ['T-16', { ipFamilies: ['foo'] }, ['NotSupported spec.ipFamilies[0]']],
    ['T-17', { ipFamilies: ['IPv4', 'IPv4'] }, ['Duplicate spec.ipFamilies[1]']],
    ['T-18', { ips: [template({}, { name: 'foo' })] }, [`Forbidden ${T}.metadata.name`]],
    ['T-18', { ips: [template({}, { namespace: 'foo' })] }, [`Forbidden ${T}.metadata.namespace`]],
    ['T-19', { ipFamilies: ['IPv4'], ips: [template({ ipFamily: 'IPv6' })] }, [`Forbidden ${T}.spec.ipFamily`]],
    ['T-20', { ipFamilies: ['IPv4'], ips: [template({ prefixLength: 24 })] }, [`Forbidden ${T}.spec.prefixLength`]],
    ['T-21', { virtualIP: { virtualIPRef: { name: 'foo*' } } }, ['Invalid spec.virtualIP.virtualIPRef.name']],
    ['T-22', { virtualIP: { ephemeral: {} } }, ['Required spec.virtualIP.ephemeral.virtualIPTemplate']],
    ['T-23', { virtualIP: { virtualIPRef: { name: 'foo' }, ephemeral: {} } }, ['Invalid spec.virtualIP.ephemeral']],
  ])('resources %s', (_number, spec, expected) => {
    expect(inProcess(spec)).toEqual(expect.arrayContaining(expected));
  });

  it.each<[string, JsonObject, JsonObject, boolean]>([
    ['T-24: network changed', { networkRef: { name: 'bar' } }, { networkRef: { name: 'foo' } }, true],
    ['T-24: family changed', { ipFamilies: ['IPv6'] }, { ipFamilies: ['IPv4'] }, true],
    ['T-25: machine changed', { machineRef: { name: 'foo' } }, { machineRef: { name: 'bar' } }, false],
    ['T-25: literal changed', { ips: [{ value: '10.0.0.2' }] }, { ips: [{ value: '10.0.0.1' }] }, false],
    ['T-25: virtual IP added', {}, { virtualIP: { virtualIPRef: { name: 'foo' } } }, false],
  ])('resources %s', (_number, before, after, refused) => {
    expect(inProcess(after, before).includes('Forbidden spec')).toBe(refused);
  });

  it('resources T-52: lengths by family, and nothing else', () => {
    const ips = ['IPv4', 'IPv6'].map((ipFamily) => template({ ipFamily, parentRef: { name: 'parent' } }));
    const expected = ['IPv4', 'IPv6'].map((ipFamily, i) =>
      template({ ipFamily, parentRef: { name: 'parent' }, prefixLength: i === 0 ? 32 : 128 }),
    );
    const spec = { ipFamilies: ['IPv4', 'IPv6'], ips };
    const object = networkInterfaceDefaults({
      apiVersion: '',
      kind: '',
      metadata: { name: 'foo', uid: '', resourceVersion: '', creationTimestamp: '' },
      spec,
    });
    expect(object.spec).toEqual({ ...spec, ips: expected });
  });
});

const nic = (change: JsonObject, name = 'web'): Outcome =>
  created('NetworkInterface', { metadata: { name }, spec: { ...base, ...change } });
const parentRef: JsonObject = { name: 'p' };

describe('NetworkInterface rules, complete causes', () => {
  const T = 'spec.ips[0].ephemeral.prefixTemplate';
  const V = 'spec.virtualIP.ephemeral.virtualIPTemplate';
  const four: JsonObject = { value: '10.1.0.4' };
  const six: JsonObject = { value: '2001:db8::4' };
  it.each<[string, Outcome, string[]]>([
    ['T-a: no name', nic({}, ''), ['Required metadata.name']],
    ['T-c: name foo*', nic({}, 'foo*'), ['Invalid metadata.name']],
    ['B-22: no network', nic({ networkRef: null }), ['Required spec.networkRef', 'Invalid spec.networkRef.name']],
    [
      'B-23: empty spec',
      created('NetworkInterface', { metadata: { name: 'web' }, spec: {} }),
      ['Required spec.networkRef', 'Invalid spec.networkRef.name', 'Required spec.ipFamilies'],
    ],
    ['B-24: family ipv4', nic({ ipFamilies: ['ipv4'] }), ['NotSupported spec.ipFamilies[0]', 'Invalid spec.ips[0].value']],
    ['B-25: family twice', nic({ ipFamilies: ['IPv4', 'IPv4'], ips: [four, { value: '10.1.0.5' }] }), ['Duplicate spec.ipFamilies[1]']],
    ['B-26: derived family twice', nic({ ipFamilies: null, ips: [four, { value: '10.1.0.5' }] }), ['Duplicate spec.ipFamilies[1]']],
    ['B-27: two families, one address', nic({ ipFamilies: ['IPv4', 'IPv6'] }), ['Invalid spec.ips']],
    ['B-28: address of the other family', nic({ ipFamilies: ['IPv6'] }), ['Invalid spec.ips[0].value']],
    [
      'B-29: opposite order',
      nic({ ipFamilies: ['IPv4', 'IPv6'], ips: [six, four] }),
      ['Invalid spec.ips[0].value', 'Invalid spec.ips[1].value'],
    ],
    ['B-30: no source', nic({ ips: [{}] }), ['Invalid spec.ips[0]']],
    ['B-31: both sources', nic({ ips: [{ ...four, ephemeral: {} }] }), ['Invalid spec.ips[0].ephemeral']],
    ['B-32: no template', nic({ ips: [{ ephemeral: {} }] }), [`Required ${T}`]],
    ['B-33: no parent, no prefix', nic({ ips: [template({})] }), [`Invalid ${T}.spec.prefixLength`, `Required ${T}.spec.prefix`]],
    [
      'B-33: no spec',
      nic({ ips: [{ ephemeral: { prefixTemplate: {} } }] }),
      [`Invalid ${T}.spec.prefixLength`, `Required ${T}.spec.prefix`],
    ],
    ['B-34: /24 of a parent', nic({ ips: [template({ prefixLength: 24, parentRef })] }), [`Forbidden ${T}.spec.prefixLength`]],
    ['B-35: literal /24', nic({ ips: [template({ prefix: '10.1.0.0/24' })] }), [`Forbidden ${T}.spec.prefix`]],
    [
      'B-36: other family',
      nic({ ips: [template({ ipFamily: 'IPv6', parentRef })] }),
      [`Forbidden ${T}.spec.ipFamily`, `Forbidden ${T}.spec.prefixLength`],
    ],
    [
      'B-37: no family anywhere',
      nic({ ipFamilies: null, ips: [template({ prefix: '10.1.0.4/32' })] }),
      ['Required spec.ipFamilies[0]', `Forbidden ${T}.spec.ipFamily`],
    ],
    [
      'B-38: name and namespace in the template',
      nic({ ips: [template({ parentRef }, { namespace: 'b', name: 'a' })] }),
      [`Forbidden ${T}.metadata.name`, `Forbidden ${T}.metadata.namespace`],
    ],
    [
      'B-39: parent without a name',
      nic({ ips: [template({ parentRef: {} })] }),
      [`Required ${T}.spec.parentRef.name`, `Invalid ${T}.spec.parentRef.name`],
    ],
    ['B-40: child name too long', nic({ ips: [template({ parentRef })] }, 'a'.repeat(252)), ['Invalid spec.ips[0]']],
    ['B-41: prefix without a source', nic({ prefixes: [{}] }), ['Invalid spec.prefixes[0]']],
    ['B-42: prefix without a template', nic({ prefixes: [{ ephemeral: {} }] }), ['Required spec.prefixes[0].ephemeral']],
    [
      'B-43: prefix template with a name and no family',
      nic({ prefixes: [template({ prefixLength: 26, parentRef }, { name: 'a' })] }),
      [
        'Forbidden spec.prefixes[0].ephemeral.metadata.name',
        'Required spec.prefixes[0].ephemeral.spec.ipFamily',
        'Invalid spec.prefixes[0].ephemeral.spec.prefixLength',
      ],
    ],
    [
      'I-19: prefix with both sources',
      nic({ prefixes: [{ value: '10.2.0.0/24', ephemeral: {} }] }),
      ['Invalid spec.prefixes[0].ephemeral'],
    ],
    [
      'I-23: child name too long',
      nic({ prefixes: [template({ ipFamily: 'IPv4', prefixLength: 26, parentRef })] }, 'a'.repeat(249)),
      ['Invalid spec.prefixes[0]'],
    ],
    ['B-44: virtual IP without a source', nic({ virtualIP: {} }), ['Invalid spec.virtualIP']],
    ['B-45: dot in the reference', nic({ virtualIP: { virtualIPRef: { name: 'vip.a' } } }), ['Invalid spec.virtualIP.virtualIPRef.name']],
    ['B-46: both sources', nic({ virtualIP: { virtualIPRef: { name: 'v' }, ephemeral: {} } }), ['Invalid spec.virtualIP.ephemeral']],
    ['B-47: no template', nic({ virtualIP: { ephemeral: {} } }), [`Required ${V}`]],
    [
      'B-48: no type, family v4',
      nic({ virtualIP: { ephemeral: { virtualIPTemplate: { spec: { ipFamily: 'v4' } } } } }),
      [`Required ${V}.spec.type`, `NotSupported ${V}.spec.ipFamily`],
    ],
    [
      'B-49: generateName in the template',
      nic({
        virtualIP: { ephemeral: { virtualIPTemplate: { metadata: { generateName: 'a-' }, spec: { type: 'Public', ipFamily: 'IPv4' } } } },
      }),
      [`Forbidden ${V}.metadata.generateName`],
    ],
    [
      'I-29: type and target of the template',
      nic({
        virtualIP: { ephemeral: { virtualIPTemplate: { spec: { type: 'public', ipFamily: 'IPv4', targetRef: { name: 'Nic' } } } } },
      }),
      [`NotSupported ${V}.spec.type`, `Invalid ${V}.spec.targetRef.name`],
    ],
    ['B-50: dot in the machine', nic({ machineRef: { name: 'm.1' } }), ['Invalid spec.machineRef.name']],
    [
      'DESIGN 9.11: a guest namespace that cannot be made',
      nic({ attributes: { 'fabric.weft.dev/netns': 'weft-1-r200' } }),
      ['Invalid spec.attributes[fabric.weft.dev/netns]'],
    ],
    [
      'ADR 70: a guest that is a namespace and a TAP device',
      nic({ attributes: { 'fabric.weft.dev/netns': 'mine', 'fabric.weft.dev/tap': 'root', 'fabric.weft.dev/dhcp': 'yes' } }),
      [
        'Invalid spec.attributes[fabric.weft.dev/tap]',
        'Invalid spec.attributes[fabric.weft.dev/tap]',
        'Invalid spec.attributes[fabric.weft.dev/dhcp]',
      ],
    ],
    ['ADR 70: a TAP device', nic({ attributes: { 'fabric.weft.dev/tap': '1000:100', 'fabric.weft.dev/dhcp': 'false' } }), []],
    ...['fd77:6566:7400::/40', 'fd77:6566:74c8::/48', 'fd77::/16', '::/0'].map((value): [string, Outcome, string[]] => [
      `ADR 70: ${value}, some of which is the routers' own`,
      nic({ prefixes: [{ value }] }),
      ['Invalid spec.prefixes[0].value'],
    ]),
    ['ADR 70: a range beside that of the routers', nic({ prefixes: [{ value: 'fd77:6566:7500::/40' }, { value: '10.0.0.0/8' }] }), []],
    ['1.3: an address that is none', nic({ ips: [{ value: '10.1.0.256' }] }), ['HTTP 400']],
    ['1.3: an empty address', nic({ ips: [{ value: '' }] }), ['HTTP 400']],
  ])('resources %s', (_number, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  const before: JsonObject = { metadata: { name: 'web' }, spec: base };
  it.each<[string, JsonObject, string[]]>([
    ['B-51: network changed', { ...base, networkRef: { name: 'n2' } }, ['Forbidden spec']],
    ['B-52: attributes added', { ...base, attributes: { a: 'b' } }, ['Forbidden spec']],
    ['B-53: second family', { ...base, ipFamilies: ['IPv4', 'IPv6'], ips: [four, six] }, ['Forbidden spec']],
    ['T-25: another address', { ...base, ips: [{ value: '10.1.0.5' }] }, []],
    ['Q-16: machine without uid', { ...base, machineRef: { name: 'b' } }, []],
    ['2.2: no attributes and empty ones are the same', { ...base, attributes: {} }, []],
  ])('resources %s', (_number, spec, expected) => {
    expect(causesOf(replaced('NetworkInterface', before, spec))).toEqual(expected);
  });
});

describe('NetworkInterface names that children take (resources 2.2 (X), (R))', () => {
  const inline: JsonObject = { virtualIP: { ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4' } } } } };
  it.each<[string, string, string[]]>([
    ['E-11: a dot, and a virtual IP made for it', 'web.0', ['Invalid spec.virtualIP']],
    ['64 characters, and a virtual IP made for it', 'a'.repeat(64), ['Invalid spec.virtualIP']],
    ['63 characters', 'a'.repeat(63), []],
  ])('%s', (_case, name, expected) => {
    expect(causesOf(nic(inline, name))).toEqual(expected);
  });
  it('may have dots when it refers to a virtual IP', () => {
    expect(causesOf(nic({ virtualIP: { virtualIPRef: { name: 'v' } } }, 'web.0'))).toEqual([]);
  });
});

describe('NetworkInterface, accepted although surprising', () => {
  it.each<[string, JsonObject]>([
    ['Q-7', { prefixes: [{ value: '2001:db8::1/64' }] }],
    ['Q-8', { ipFamilies: ['IPv6'], ips: [{ value: '::ffff:10.0.0.1' }] }],
    ['Q-9', { ips: [template({ prefix: '10.1.0.4/32' })] }],
    ['Q-10', { virtualIP: { ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy: 'Recycle' } } } } }],
  ])('resources %s', (_number, change) => {
    expect(causesOf(nic(change))).toEqual([]);
  });
});
