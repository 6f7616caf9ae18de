import type { JsonObject } from '@weft/api';
import { causesOf, created, type Outcome, objectOf, replaced } from '../testing/bare-kinds.ts';
import { machineDefaults } from './machine.defaults.ts';

const machine = (slots: JsonObject[], name = 'm', more: JsonObject = {}): Outcome =>
  created('Machine', { metadata: { name }, spec: { machineClassRef: { name: 'c' }, networkInterfaces: slots, ...more } });
const inline = (spec: JsonObject, name = 'a', metadata: JsonObject = {}): JsonObject => ({
  name,
  ephemeral: { networkInterfaceTemplate: { metadata, spec } },
});
const address = (ipFamily: string, spec: JsonObject): JsonObject =>
  inline({ networkRef: { name: 'n' }, ipFamilies: [ipFamily], ips: [{ ephemeral: { prefixTemplate: { spec } } }] });
const N = 'spec.networkInterface[0]';
const T = `${N}.ephemeral.networkInterfaceTemplate`;

describe('Machine rules, upstream table', () => {
  it.each<[string, JsonObject[], string]>([
    ['T-83', [{ name: 'bar*' }], `Invalid ${N}.name`],
    ['T-84', [{ name: 'foo' }, { name: 'foo' }], 'Duplicate spec.networkInterface[1].name'],
    ['T-85', [{ name: 'bar', networkInterfaceRef: { name: 'foo*' } }], `Invalid ${N}.networkInterfaceRef.name`],
    ['T-86', [address('IPv4', { ipFamily: 'IPv4', prefix: '10.0.0.0/24' })], `Forbidden ${T}.ips[0].ephemeral.prefixTemplate.spec.prefix`],
    [
      'T-86',
      [address('IPv6', { ipFamily: 'IPv6', prefix: '2001:db8::/64' })],
      `Forbidden ${T}.ips[0].ephemeral.prefixTemplate.spec.prefix`,
    ],
    [
      'T-87',
      [address('IPv4', { parentSelector: {}, prefixLength: 40 })],
      `Forbidden ${T}.ips[0].ephemeral.prefixTemplate.spec.prefixLength`,
    ],
    [
      'T-87',
      [address('IPv6', { parentSelector: {}, prefixLength: 132 })],
      `Forbidden ${T}.ips[0].ephemeral.prefixTemplate.spec.prefixLength`,
    ],
  ])('resources %s', (_number, slots, expected) => {
    expect(causesOf(machine(slots))).toContain(expected);
  });

  it.each<[string, JsonObject]>([
    ['IPv4', { parentRef: { name: 'root' }, prefixLength: 32 }],
    ['IPv6', { parentRef: { name: 'root' }, prefixLength: 128 }],
  ])('resources T-88, %s', (family, spec) => {
    expect(causesOf(machine([address(family, spec)]))).toEqual([]);
  });
});

describe('Machine rules, complete causes', () => {
  const ref: JsonObject = { networkInterfaceRef: { name: 'x' } };
  it.each<[string, Outcome, string[]]>([
    ['T-a: no name', machine([], ''), ['Required metadata.name']],
    ['T-c: name foo*', machine([], 'foo*'), ['Invalid metadata.name']],
    ['0.1: a name is a label', machine([], 'm.1'), ['Invalid metadata.name']],
    [
      'B-91: slot twice',
      machine([
        { name: 'a', ...ref },
        { name: 'a', ...ref },
      ]),
      ['Duplicate spec.networkInterface[1].name'],
    ],
    ['B-92: no source', machine([{ name: 'a' }]), [`Invalid ${N}`]],
    ['B-93: both sources', machine([{ name: 'a', ...ref, ephemeral: {} }]), [`Forbidden ${N}.ephemeral`]],
    ['B-94: no template', machine([{ name: 'a', ephemeral: {} }]), [`Required ${N}.ephemeral.NetworkInterfaceTemplate`]],
    [
      'B-95: no network',
      machine([inline({ ipFamilies: ['IPv4'], ips: [{ value: '10.1.0.4' }] })]),
      [`Required ${T}.networkRef`, `Invalid ${T}.networkRef.name`],
    ],
    [
      'B-96: a /30 as address',
      machine([address('IPv4', { parentRef: { name: 'p' }, prefixLength: 30 })]),
      [`Forbidden ${T}.ips[0].ephemeral.prefixTemplate.spec.prefixLength`],
    ],
    [
      'B-97: bad names',
      machine([{ name: 'a_b', networkInterfaceRef: {} }]),
      [`Invalid ${N}.name`, `Invalid ${N}.networkInterfaceRef.name`],
    ],
    ['0.1: pool', machine([], 'm', { machinePoolRef: { name: 'Rack_1' } }), ['Invalid spec.machinePoolRef.name']],
    ['2.10: power', machine([], 'm', { power: 'Dim' }), ['NotSupported spec.power']],
  ])('resources %s', (_number, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  it('lets slots come, go and change', () => {
    const base: JsonObject = { metadata: { name: 'm' }, spec: { networkInterfaces: [{ name: 'a', ...ref }] } };
    const spec: JsonObject = { networkInterfaces: [{ name: 'b', networkInterfaceRef: { name: 'y' } }] };
    expect(causesOf(replaced('Machine', base, spec))).toEqual([]);
  });
});

describe('Machine names that children take (resources 2.2 (X), (R))', () => {
  const nic: JsonObject = { networkRef: { name: 'n' }, ips: [{ value: '10.1.0.4' }] };
  const virtualIP: JsonObject = { ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4' } } } };
  const ephemeral: JsonObject = {
    networkRef: { name: 'n' },
    ipFamilies: ['IPv4'],
    ips: [{ ephemeral: { prefixTemplate: { spec: { parentRef: { name: 'p' } } } } }],
  };
  it.each<[string, Outcome, string[]]>([
    ['no interface name where the slot has none', machine([inline(nic, 'a_b')]), [`Invalid ${N}.name`]],
    ['an interface name of 253 characters', machine([inline(nic, 'a'.repeat(251))]), []],
    ['one of 254', machine([inline(nic, 'a'.repeat(252))]), [`Invalid ${N}.name`]],
    ['a Prefix name of 254', machine([inline(ephemeral, 'a'.repeat(250))]), [`Invalid ${T}.ips[0]`]],
    ['a virtual IP name with a dot', machine([inline({ ...nic, virtualIP }, 'a.b')]), [`Invalid ${T}.virtualIP`]],
    ['a virtual IP name of 63 characters', machine([inline({ ...nic, virtualIP }, 'a'.repeat(61))]), []],
    ['one of 64', machine([inline({ ...nic, virtualIP }, 'a'.repeat(62))]), [`Invalid ${T}.virtualIP`]],
  ])('%s', (_case, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });
});

describe('Machine, accepted although surprising', () => {
  const nic: JsonObject = { networkRef: { name: 'n' }, ips: [{ value: '10.1.0.4' }] };
  it.each<[string, JsonObject[]]>([
    ['Q-18', [inline(nic, 'a', { name: 'X_Y', namespace: 'other', finalizers: ['a.b/c'] })]],
    ['Q-19', [inline({ ...nic, machineRef: { name: 'other' }, providerID: 'p' })]],
    [
      'Q-23',
      [
        { name: 'a', networkInterfaceRef: { name: 'x' } },
        { name: 'b', networkInterfaceRef: { name: 'x' } },
      ],
    ],
  ])('resources %s', (_number, slots) => {
    expect(causesOf(machine(slots))).toEqual([]);
  });
});

describe('Machine manifests and defaults (resources 6.1)', () => {
  it('G-16: power On, families of the template from its literal', () => {
    const slots = [
      { name: 'primary', networkInterfaceRef: { name: 'web-0.primary' } },
      {
        name: 'mgmt',
        ephemeral: {
          networkInterfaceTemplate: {
            metadata: { labels: { tier: 'mgmt' } },
            spec: { networkRef: { name: 'edge' }, ips: [{ value: '10.41.0.9' }] },
          },
        },
      },
    ];
    const manifest = {
      metadata: { namespace: 'team-a', name: 'web-0' },
      spec: { machineClassRef: { name: 'c4-m16' }, networkInterfaces: slots },
    };
    const object = objectOf(created('Machine', manifest));
    expect(object).toMatchObject({ ...manifest, spec: { ...manifest.spec, power: 'On' } });
    expect(object.spec).toMatchObject({
      networkInterfaces: [{}, { ephemeral: { networkInterfaceTemplate: { spec: { ipFamilies: ['IPv4'] } } } }],
    });
    expect(machineDefaults(object)).toBe(object);
  });

  it('fills in templates also where the power is given', () => {
    const slots = [inline({ networkRef: { name: 'n' }, ips: [{ value: '10.1.0.4' }] })];
    expect(objectOf(machine(slots, 'm', { power: 'Off' })).spec).toMatchObject({
      power: 'Off',
      networkInterfaces: [{ ephemeral: { networkInterfaceTemplate: { spec: { ipFamilies: ['IPv4'] } } } }],
    });
  });

  it('takes and keeps what nothing here acts on', () => {
    const spec = {
      power: 'Off',
      image: 'registry.example/os:1',
      machinePoolRef: { name: 'host-1' },
      machinePoolSelector: { rack: '7' },
      volumes: [{ name: 'root', device: 'oda', localDisk: { sizeLimit: '10Gi' } }],
      ignitionRef: { name: 'ignition' },
      efiVars: [{ name: 'a', uuid: 'b', value: 'c' }],
      tolerations: [{ key: 'a' }],
      guestConfig: { hostname: 'web' },
    };
    expect(objectOf(created('Machine', { metadata: { name: 'm' }, spec })).spec).toEqual(spec);
  });

  it('resources 2.10: a slot is Pending until another state is reported', () => {
    const object = objectOf(created('Machine', { metadata: { name: 'm' } }));
    const status = { networkInterfaces: [{ name: 'a' }, { name: 'b', state: 'Attached' }] };
    expect(machineDefaults({ ...object, status }).status).toEqual({
      networkInterfaces: [
        { name: 'a', state: 'Pending' },
        { name: 'b', state: 'Attached' },
      ],
    });
  });
});
