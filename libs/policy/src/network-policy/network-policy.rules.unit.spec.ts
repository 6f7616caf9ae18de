import type { ApiObject, JsonObject, Reply } from '@weft/api';
import { World } from '@weft/testing';
import { causesOf, namespace, policy, policyKey, selecting } from '../testing/policies.ts';
import { networkPolicyRules } from './network-policy.rules.ts';
import type { NetworkPolicyTypes } from './network-policy.types.ts';

type Spec = NonNullable<NetworkPolicyTypes['spec']>;

/** `resources T-45` and so on: objects as in upstream's unit tests, some of which no client can send. */
const inProcess = (spec: Spec, old?: Spec): readonly string[] => {
  const object = (each: Spec): ApiObject<NetworkPolicyTypes> => ({
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'ns', name: 'foo', uid: '', resourceVersion: '', creationTimestamp: '' },
    spec: each,
  });
  return networkPolicyRules(object(spec), old && object(old)).map(({ reason, field }) => `${reason.replace('FieldValue', '')} ${field}`);
};

const ipBlock = (cidr: string, ...except: string[]) => ({ ipBlock: { cidr, except } });

describe('NetworkPolicy rules, upstream table', () => {
  it.each<[string, Spec, string]>([
    ['T-45', {}, 'Required spec.networkRef'],
    ['T-46', { networkRef: { name: 'foo*' } }, 'Invalid spec.networkRef.name'],
    ['T-47', { ingress: [{ ports: [{ port: -10 }] }] }, 'Invalid spec.ingress[0].ports[0].port'],
    [
      'T-48',
      { ingress: [{ from: [{ objectSelector: { kind: 'Invalid' } }] }] },
      'NotSupported spec.ingress[0].from[0].objectSelector.kind',
    ],
    [
      'T-49',
      { ingress: [{ from: [{ objectSelector: { kind: 'LoadBalancer' }, ...ipBlock('10.0.0.0/16') }] }] },
      'Forbidden spec.ingress[0].from[0].ipBlock',
    ],
    ['T-50', { ingress: [{ from: [ipBlock('10.0.0.0/16', '10.1.0.0/16')] }] }, 'Forbidden spec.ingress[0].from[0].ipBlock.except[0]'],
    ['2.7 K-8', { ingress: [{ from: [ipBlock('10.0.0.0/16', '')] }] }, 'Invalid spec.ingress[0].from[0].ipBlock.except[0]'],
    ['2.7 K-16', { policyTypes: ['Ingress', 'Ingress'] }, 'Duplicate spec.policyTypes[1]'],
  ])('resources %s', (_number, spec, expected) => {
    expect(inProcess(spec)).toContain(expected);
  });

  it('resources T-51: the network does not change', () => {
    expect(inProcess({ networkRef: { name: 'foo' } }, { networkRef: { name: 'bar' } })).toContain('Forbidden spec.networkRef');
  });
});

let world: World;
let made = 0;
beforeEach(() => {
  world = new World();
  world.create(namespace());
});

const BASE: JsonObject = { networkInterfaceSelector: {}, policyTypes: ['Ingress'] };

function create(spec: JsonObject): Reply {
  const object = policy(`p${made++}`, spec);
  return world.send({ verb: 'create', kind: 'NetworkPolicy', namespace: 'ns', object });
}
const ingress = (...rules: JsonObject[]): JsonObject => ({ ...BASE, ingress: rules });
const egress = (...rules: JsonObject[]): JsonObject => ({ ...BASE, egress: rules });
const specOf = (reply: Reply) => (reply.ok ? reply.object?.['spec'] : undefined);

describe('NetworkPolicy rules, complete causes', () => {
  it.each<[string, JsonObject, string[]]>([
    ['B-71: nothing', { networkRef: {} }, ['Required spec.networkRef', 'Required spec.policyTypes']],
    ['B-72: an empty list of rules', { ingress: [] }, ['Required spec.policyTypes']],
    ['B-73: direction Both', { policyTypes: ['Both'] }, ['NotSupported spec.policyTypes[0]']],
    ['2.7 K-15: a direction in lower case, with rules', { policyTypes: ['ingress'], ingress: [{}] }, ['NotSupported spec.policyTypes[0]']],
    [
      'B-74: a Machine as peer',
      ingress({ from: [selecting('Machine', { a: 'b' })] }),
      ['NotSupported spec.ingress[0].from[0].objectSelector.kind'],
    ],
    [
      'B-75: a selector without kind',
      egress({ to: [{ objectSelector: { matchLabels: { a: 'b' } } }] }),
      ['Required spec.egress[0].to[0].objectSelector.kind'],
    ],
    [
      'B-76: a peer of both forms',
      ingress({ from: [{ ...selecting('NetworkInterface', {}), ...ipBlock('10.0.0.0/8', '11.0.0.0/8') }] }),
      ['Forbidden spec.ingress[0].from[0].ipBlock'],
    ],
    [
      'B-77: an exception outside',
      ingress({ from: [ipBlock('10.1.0.0/16', '10.2.0.0/16')] }),
      ['Forbidden spec.ingress[0].from[0].ipBlock.except[0]'],
    ],
    [
      'B-78: an exception that is wider',
      egress({ to: [ipBlock('10.1.0.0/16', '10.0.0.0/8')] }),
      ['Forbidden spec.egress[0].to[0].ipBlock.except[0]'],
    ],
    ['B-79: no cidr', egress({ to: [{ ipBlock: {} }] }), ['Invalid spec.egress[0].to[0].ipBlock.cidr']],
    [
      'B-80: ports',
      ingress({ ports: [{ port: 70000 }, { endPort: 80 }, { port: 80, endPort: 70, protocol: 'ICMP' }] }),
      [
        'Invalid spec.ingress[0].ports[0].port',
        'Forbidden spec.ingress[0].ports[1].endPort',
        'Forbidden spec.ingress[0].ports[2].endPort',
        'NotSupported spec.ingress[0].ports[2].protocol',
      ],
    ],
    [
      '2.7 K-3: a bad selector',
      { ...BASE, networkInterfaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      ['Required spec.networkInterfaceSelector.matchExpressions[0].values'],
    ],
    [
      '2.7 K-6: a bad selector of peers',
      ingress({ from: [selecting('VirtualIP', { a: 'b c' })] }),
      ['Invalid spec.ingress[0].from[0].objectSelector.matchLabels'],
    ],
    [
      '2.7 K-9: an exception of the other family',
      ingress({ from: [ipBlock('::/0', '10.0.0.0/8')] }),
      ['Forbidden spec.ingress[0].from[0].ipBlock.except[0]'],
    ],
    ['2.7 K-12: an end of 0', ingress({ ports: [{ port: 80, endPort: 0 }] }), ['Forbidden spec.ingress[0].ports[0].endPort']],
    ['2.7 K-13: an empty protocol', ingress({ ports: [{ protocol: '' }] }), ['Required spec.ingress[0].ports[0].protocol']],
    ['2.7 K-15: an empty direction', { policyTypes: ['', 'Ingress'] }, ['Required spec.policyTypes[0]']],
    [
      '2.7: peers before ports',
      ingress({ ports: [{ port: -1 }], from: [selecting('X', {})] }),
      ['NotSupported spec.ingress[0].from[0].objectSelector.kind', 'Invalid spec.ingress[0].ports[0].port'],
    ],
  ])('resources %s', (_number, spec, expected) => {
    expect(causesOf(create(spec))).toEqual(expected);
  });

  it('resources B-81: the network changes', () => {
    world.create(policy('base', BASE));
    const { resourceVersion = '' } = world.object(policyKey('base'))?.metadata ?? {};
    const object: JsonObject = {
      metadata: { name: 'base', namespace: 'ns', resourceVersion },
      spec: { ...BASE, networkRef: { name: 'other' } },
    };
    expect(causesOf(world.send({ verb: 'replace', key: policyKey('base'), object }))).toEqual(['Forbidden spec.networkRef']);
  });
});

describe('NetworkPolicy rules that differ from upstream on purpose (resources 2.7 (R))', () => {
  it.each<[string, JsonObject, string[]]>([
    ['Q-4: a peer that is nothing', ingress({ from: [{}] }), ['Invalid spec.ingress[0].from[0]']],
    ['Q-5: a range that ends at 99999', ingress({ ports: [{ port: 1, endPort: 99_999 }] }), ['Invalid spec.ingress[0].ports[0].endPort']],
  ])('resources %s is refused', (_number, spec, expected) => {
    expect(causesOf(create(spec))).toEqual(expected);
  });
});

const G11: JsonObject = {
  networkRef: { name: 'core' },
  networkInterfaceSelector: { matchLabels: { tier: 'db' } },
  ingress: [
    {
      from: [
        selecting('NetworkInterface', { tier: 'web' }),
        { objectSelector: { kind: 'LoadBalancer', matchExpressions: [{ key: 'tier', operator: 'Exists' }] } },
        ipBlock('10.40.0.0/16', '10.40.9.0/24', '10.40.10.7/32'),
      ],
      ports: [
        { protocol: 'TCP', port: 5432 },
        { protocol: 'UDP', port: 30000, endPort: 30999 },
      ],
    },
  ],
  egress: [{ to: [{ ipBlock: { cidr: '2001:db8:40::/48' } }] }],
};
const SEED: JsonObject = {
  networkRef: { name: 'my-network' },
  networkInterfaceSelector: { matchLabels: { app: 'db' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [
        { ipBlock: { cidr: '172.17.0.0/16' } },
        selecting('NetworkInterface', { app: 'web' }),
        selecting('LoadBalancer', { app: 'web' }),
      ],
      ports: [{ protocol: 'TCP', port: 5432 }],
    },
  ],
  egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/24' } }], ports: [{ protocol: 'TCP', port: 8080 }] }],
};

it('a NetworkPolicy is staged, or it is not', () => {
  const world = new World();
  world.create(namespace());
  const { metadata, ...rest } = policy('p', { policyTypes: ['Ingress'] }) as { metadata: JsonObject };
  const reply = world.create({ ...rest, metadata: { ...metadata, annotations: { 'fabric.weft.dev/staged': 'yes' } } });
  expect(causesOf(reply)).toEqual(['NotSupported metadata.annotations[fabric.weft.dev/staged]']);
});

describe('NetworkPolicy defaults (resources 2.7 D-1)', () => {
  it.each<[string, JsonObject, string[]]>([
    ['G-11: every form of peer', G11, ['Egress', 'Ingress']],
    [
      'G-12: everything is dropped',
      { networkRef: { name: 'core' }, networkInterfaceSelector: {}, policyTypes: ['Ingress', 'Egress'] },
      ['Ingress', 'Egress'],
    ],
    ['S-29 to S-31: the manifest of the user', SEED, ['Ingress', 'Egress']],
    ['S-31: directions follow from rules', { egress: [{}] }, ['Egress']],
    ['E-28: a direction given twice', { policyTypes: ['Ingress', 'Ingress'] }, ['Ingress']],
    ['Q-4: a rule that allows everything', egress({}), ['Egress', 'Ingress']],
    ['Q-5: an exception that is all', ingress({ from: [ipBlock('10.0.0.0/8', '10.0.0.0/8')] }), ['Ingress']],
    [
      'Q-6: a direction with a rule that is not listed',
      { policyTypes: ['Ingress'], egress: [{ ports: [{ port: 1 }] }] },
      ['Egress', 'Ingress'],
    ],
    ['2.7: the last port', ingress({ ports: [{ port: 1, endPort: 65_535 }] }), ['Ingress']],
  ])('resources %s', (_number, spec, policyTypes) => {
    const reply = create(spec);
    expect(causesOf(reply)).toEqual([]);
    expect(specOf(reply)).toEqual({ networkRef: { name: 'net' }, ...spec, policyTypes });
  });

  it('resources D-1: a direction whose last rule a patch takes away stays restricted; a replacement derives the list anew', () => {
    world.create(policy('p', { ingress: [{}], egress: [{}] }));
    world.patch(policyKey('p'), { spec: { egress: null } });
    expect(world.object(policyKey('p'))?.spec?.['policyTypes']).toEqual(['Egress', 'Ingress']);
    const { resourceVersion = '' } = world.object(policyKey('p'))?.metadata ?? {};
    const object: JsonObject = {
      metadata: { name: 'p', namespace: 'ns', resourceVersion },
      spec: { networkRef: { name: 'net' }, ingress: [{}] },
    };
    world.do({ verb: 'replace', key: policyKey('p'), object });
    expect(world.object(policyKey('p'))?.spec?.['policyTypes']).toEqual(['Ingress']);
  });
});
