/** Rules and defaults of a LoadBalancer: resources 2.5, 4.4, 6.2, 6.3. */
import type { JsonObject } from '@weft/api';
import { Site } from '../testing/site.ts';

type Cause = readonly [reason: string, field: string];
const key = { kind: 'LoadBalancer', namespace: 'ns', name: 'web' };

function create(name: string, spec: JsonObject) {
  const site = new Site();
  const object = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'LoadBalancer', metadata: { namespace: 'ns', name }, spec };
  return { site, reply: site.world.send({ verb: 'create', kind: 'LoadBalancer', namespace: 'ns', object }) };
}

function causesOf(reply: ReturnType<typeof create>['reply']): readonly Cause[] {
  return reply.ok
    ? []
    : (reply.status.details?.causes ?? []).map(({ reason = '', field = '' }) => [reason.replace('FieldValue', ''), field]);
}

const PUBLIC = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } };
const INTERNAL = { ...PUBLIC, type: 'Internal' };

describe('A LoadBalancer that is created (resources 2.5)', () => {
  it.each<[string, string, JsonObject, readonly Cause[]]>([
    [
      'T-32: nothing is said',
      'web',
      {},
      [
        ['Required', 'spec.type'],
        ['Required', 'spec.ipFamilies'],
        ['Invalid', 'spec.networkRef.name'],
      ],
    ],
    ['T-33: a bad name of its Network', 'web', { ...PUBLIC, networkRef: { name: 'foo*' } }, [['Invalid', 'spec.networkRef.name']]],
    ['T-34: a Public one', 'web', PUBLIC, []],
    ['T-34: an Internal one', 'web', { ...INTERNAL, ips: [{ value: '10.0.0.1' }] }, []],
    ['an unknown type', 'web', { ...PUBLIC, type: 'public' }, [['NotSupported', 'spec.type']]],
    ['T-35: a family twice', 'web', { ...PUBLIC, ipFamilies: ['IPv4', 'IPv4'] }, [['Duplicate', 'spec.ipFamilies[1]']]],
    [
      'T-36: ranges that meet',
      'web',
      {
        ...PUBLIC,
        ports: [
          { port: 1, endPort: 3 },
          { port: 2, endPort: 4 },
        ],
      },
      [['Forbidden', 'spec.ports[1]']],
    ],
    [
      'T-37, G-08: the same range of another protocol',
      'web',
      {
        ...PUBLIC,
        ports: [
          { port: 1, endPort: 3, protocol: 'TCP' },
          { port: 2, endPort: 4, protocol: 'UDP' },
        ],
      },
      [],
    ],
    [
      'B-62: nothing is said, and a dot in its name',
      'web.lb',
      {},
      [
        ['Invalid', 'metadata.name'],
        ['Required', 'spec.type'],
        ['Required', 'spec.ipFamilies'],
        ['Invalid', 'spec.networkRef.name'],
      ],
    ],
    [
      'B-63: a port in a range before it',
      'web',
      {
        ...PUBLIC,
        ports: [
          { port: 80, endPort: 90, protocol: 'TCP' },
          { port: 85, protocol: 'TCP' },
        ],
      },
      [['Forbidden', 'spec.ports[1]']],
    ],
    [
      'B-64, S-26: TCP said and left out',
      'web',
      { ...PUBLIC, ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] },
      [['Forbidden', 'spec.ports[1]']],
    ],
    ['B-65: a port above 65535', 'web', { ...PUBLIC, ports: [{ port: 80 }, { port: 70_000 }] }, [['Invalid', 'spec.ports[1].port']]],
    [
      '2.5 L-10: a range that ends above 65535',
      'web',
      { ...PUBLIC, ports: [{ port: 80, endPort: 70_000 }] },
      [['Invalid', 'spec.ports[0].endPort']],
    ],
    [
      'B-66: a range that ends before it begins',
      'web',
      { ...PUBLIC, ports: [{ port: 80 }, { port: 100, endPort: 90 }] },
      [['Forbidden', 'spec.ports[1].endPort']],
    ],
    [
      'B-67: more addresses than families',
      'web',
      { ...INTERNAL, ips: [{ value: '10.0.0.1' }, { value: '10.0.0.2' }] },
      [['Invalid', 'spec.ips[1].value']],
    ],
    [
      'B-68: In without values',
      'web',
      { ...PUBLIC, networkInterfaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      [['Required', 'spec.networkInterfaceSelector.matchExpressions[0].values']],
    ],
    [
      'Q-1 (R): the first port is checked like the others',
      'web',
      { ...PUBLIC, ports: [{ port: 0 }, { port: 80, protocol: 'FOO' }] },
      [
        ['Invalid', 'spec.ports[0].port'],
        ['NotSupported', 'spec.ports[1].protocol'],
      ],
    ],
    ['Q-2: a Public one with addresses, which it loses', 'web', { ...PUBLIC, ips: [{}] }, []],
    ['Q-3: an Internal one without addresses', 'web', INTERNAL, []],
    [
      'S-15: VirtualIPs of an Internal one',
      'web',
      { ...INTERNAL, virtualIPs: [{ virtualIPRef: { name: 'vip' } }] },
      [['Forbidden', 'spec.virtualIPs']],
    ],
    [
      'S-15: a VirtualIP twice, and more than families',
      'web',
      { ...PUBLIC, virtualIPs: [{ virtualIPRef: { name: 'vip' } }, { virtualIPRef: { name: 'vip' } }] },
      [
        ['Forbidden', 'spec.virtualIPs'],
        ['Duplicate', 'spec.virtualIPs[1].virtualIPRef.name'],
      ],
    ],
  ])('%s', (_, name, spec, causes) => {
    expect(causesOf(create(name, spec).reply)).toEqual(causes);
  });

  it('resources Q-2, S-25, 1.5: a Public one has lost its addresses in the answer', () => {
    const { site } = create('web', { ...PUBLIC, ips: [{ value: '10.0.0.1' }] });
    expect(site.world.object(key)?.spec).toEqual(PUBLIC);
  });

  it('resources 2.5 D-1: families of an Internal one follow from its addresses', () => {
    const { site } = create('web', { type: 'Internal', networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }] });
    expect(site.world.object(key)?.spec?.['ipFamilies']).toEqual(['IPv4']);
  });
});

describe('A LoadBalancer that is changed (resources 2.5)', () => {
  it.each<[string, JsonObject, readonly Cause[]]>([
    ['T-38, B-69: its Network', { networkRef: { name: 'other' } }, [['Forbidden', 'spec.networkRef']]],
    ['T-39: its selector', { networkInterfaceSelector: { matchLabels: { foo: 'bar' } } }, []],
    ['Q-14: its type and families', { type: 'Internal', ipFamilies: ['IPv6'], ips: [{ value: 'fd00::1' }] }, []],
  ])('%s', (_, spec, causes) => {
    const { site } = create('web', { ...PUBLIC, networkInterfaceSelector: { matchLabels: { bar: 'baz' } } });
    expect(causesOf(site.world.send({ verb: 'patch', key, patchType: 'merge', patch: { spec } }))).toEqual(causes);
  });

  it('resources E-21, Z-23: turned Public, its addresses are gone in the answer', () => {
    const { site } = create('web', { ...INTERNAL, ips: [{ value: '10.0.0.1' }] });
    const reply = site.world.send({ verb: 'patch', key, patchType: 'merge', patch: { spec: { type: 'Public' } } });
    expect(reply).toMatchObject({ ok: true, object: { spec: { type: 'Public' } } });
    expect(site.world.object(key)?.spec).not.toHaveProperty('ips');
  });
});
