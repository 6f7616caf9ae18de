import type { ApiObject, JsonObject } from '@weft/api';
import { causesOf, causeText, created, type Outcome, replaced } from '../testing/bare-kinds.ts';
import { networkRules } from './network.rules.ts';

/** `resources T-1` and so on: objects as in upstream's unit tests, some of which no client can send. */
const inProcess = (spec: JsonObject, old?: JsonObject): readonly string[] => {
  const object = (each: JsonObject): ApiObject => ({
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'Network',
    metadata: { namespace: 'ns', name: 'foo', uid: '', resourceVersion: '', creationTimestamp: '' },
    spec: each,
  });
  return networkRules(object(spec), old && object(old)).map(causeText);
};
const peerings = (...items: JsonObject[]): JsonObject => ({ peerings: items });
const peering = (name: string, network: string, ...prefixes: JsonObject[]): JsonObject => ({
  name,
  networkRef: { name: network },
  prefixes,
});

describe('Network rules, upstream table', () => {
  it.each<[string, JsonObject, string[]]>([
    ['T-1', peerings(peering('p', 'foo')), ['Forbidden spec.peerings[0].networkRef']],
    ['T-2', peerings(peering('peering', 'a'), peering('peering', 'b')), ['Duplicate spec.peerings[1].name']],
    ['T-3', peerings(peering('a', 'bar'), peering('b', 'bar')), ['Duplicate spec.peerings[1].networkRef']],
    ['T-4', { incomingPeerings: [{ namespace: 'ns', name: 'foo' }] }, ['Forbidden spec.incomingPeerings[0]']],
    ['T-5', { incomingPeerings: [{ name: 'bar' }, { name: 'bar' }] }, ['Duplicate spec.incomingPeerings[1]']],
    ['T-6', { incomingPeerings: [{ name: 'bar*' }] }, ['Invalid spec.incomingPeerings[0].name']],
    [
      'T-7',
      { incomingPeerings: [{ namespace: 'ns*' }] },
      ['Invalid spec.incomingPeerings[0].namespace', 'Required spec.incomingPeerings[0].name'],
    ],
    ['T-8', peerings(peering('p', 'b', { name: 'peering' }, { name: 'peering' })), ['Duplicate spec.peerings[0].prefixes[1].name']],
    ['T-9', peerings(peering('p', 'b', { name: 'a', prefix: '' })), ['Forbidden spec.peerings[0].prefixes[0].prefix']],
    [
      'T-10',
      peerings(peering('p', 'b', { name: 'a', prefixRef: { name: 'foo' } }, { name: 'b', prefixRef: { name: 'foo' } })),
      ['Duplicate spec.peerings[0].prefixes[1].prefixRef'],
    ],
  ])('resources %s', (_number, spec, expected) => {
    expect(inProcess(spec)).toEqual(expect.arrayContaining(expected));
  });

  it('resources T-11: a providerID does not change', () => {
    expect(inProcess({ providerID: 'foo' }, { providerID: 'bar' })).toContain('Forbidden spec.providerID');
  });
  it('resources T-12: a providerID can be set', () => {
    expect(inProcess({ providerID: 'foo' }, {})).toEqual([]);
  });
});

const network = (spec: JsonObject, metadata: JsonObject = { name: 'core' }): Outcome => created('Network', { metadata, spec });

describe('Network rules, complete causes', () => {
  it.each<[string, Outcome, string[]]>([
    ['T-a: no name', network({}, {}), ['Required metadata.name']],
    ['T-c: name foo*', network({}, { name: 'foo*' }), ['Invalid metadata.name']],
    ['B-01: upper case name', network({}, { name: 'Core' }), ['Invalid metadata.name']],
    ['B-02: no name', network({}, {}), ['Required metadata.name']],
    ['B-03: itself', network(peerings(peering('p', 'core'))), ['Forbidden spec.peerings[0].networkRef']],
    [
      'B-04: itself, spelled out',
      network(peerings({ name: 'p', networkRef: { namespace: 'default', name: 'core' } })),
      ['Forbidden spec.peerings[0].networkRef'],
    ],
    ['B-05: one name twice', network(peerings(peering('p', 'a'), peering('p', 'b'))), ['Duplicate spec.peerings[1].name']],
    [
      'B-06: one target twice',
      network(peerings(peering('p', 'a'), { name: 'q', networkRef: { namespace: 'default', name: 'a' } })),
      ['Duplicate spec.peerings[1].networkRef'],
    ],
    ['B-07: bad name', network(peerings(peering('To_Edge', 'a'))), ['Invalid spec.peerings[0].name']],
    ['B-08: no target', network(peerings({ name: 'p', networkRef: {} })), ['Invalid spec.peerings[0].networkRef.name']],
    [
      'B-09: bad namespace',
      network(peerings({ name: 'p', networkRef: { namespace: 'a.b', name: 'a' } })),
      ['Invalid spec.peerings[0].networkRef.namespace'],
    ],
    [
      'B-14: no name, bad reference',
      network(peerings(peering('p', 'a', { prefixRef: { name: 'bad_ref' } }))),
      ['Invalid spec.peerings[0].prefixes[0].name', 'Invalid spec.peerings[0].prefixes[0].prefixRef.name'],
    ],
    ['B-16: claimed by itself', network({ incomingPeerings: [{ name: 'core' }] }), ['Forbidden spec.incomingPeerings[0]']],
    [
      'B-17: one claim twice',
      network({ incomingPeerings: [{ name: 'a' }, { namespace: 'default', name: 'a' }] }),
      ['Duplicate spec.incomingPeerings[1]'],
    ],
    [
      'B-18: claim without a name',
      network({ incomingPeerings: [{ namespace: 'x!' }] }),
      ['Required spec.incomingPeerings[0].name', 'Invalid spec.incomingPeerings[0].namespace'],
    ],
  ])('resources %s', (_number, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  it('resources B-15: a prefix of 33 bits cannot be decoded', () => {
    expect(network(peerings(peering('p', 'a', { name: 'x', prefix: '10.0.0.0/33' })))).toMatchObject({ code: 400 });
  });

  const base: JsonObject = { metadata: { name: 'core' }, spec: { providerID: 'a' } };
  it.each<[string, Outcome, string[]]>([
    ['B-19: providerID changed', replaced('Network', base, { providerID: 'b' }), ['Forbidden spec.providerID']],
    ['B-20: providerID cleared', replaced('Network', base, {}), ['Forbidden spec.providerID']],
    [
      'B-21: no resourceVersion',
      replaced('Network', base, { providerID: 'a' }, { resourceVersion: null }),
      ['Invalid metadata.resourceVersion'],
    ],
  ])('resources %s', (_number, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  it('wants a namespace that is a label (T-b)', () => {
    expect(causesOf(network({}, { name: 'foo', namespace: 'a.b' }))).toEqual(['Invalid metadata.namespace']);
  });
});

describe('Network rules that differ from upstream on purpose (resources 2.1 (R), 7 U-1)', () => {
  const literal = (name: string, prefix: string): JsonObject => ({ name, prefix });
  it.each<[string, Outcome]>([
    ['B-10: two literals in a peering', network(peerings(peering('p', 'a', literal('x', '10.0.0.0/24'), literal('y', '10.0.1.0/24'))))],
    [
      'B-11: a literal in each of two peerings',
      network(peerings(peering('p', 'a', literal('x', '10.0.0.0/24')), peering('q', 'b', literal('y', '10.0.1.0/24')))),
    ],
    [
      'B-12: one Prefix exposed to two peers',
      network(
        peerings(peering('p', 'a', { name: 'x', prefixRef: { name: 'r' } }), peering('q', 'b', { name: 'y', prefixRef: { name: 'r' } })),
      ),
    ],
    [
      'B-13: one entry name in two peerings',
      network(peerings(peering('p', 'a', literal('x', '10.0.0.0/24')), peering('q', 'b', literal('x', '10.0.1.0/24')))),
    ],
    [
      '2.1: an empty prefixRef, as typed clients send it, beside a literal',
      network(peerings(peering('p', 'a', { ...literal('x', '10.0.0.0/24'), prefixRef: {} }))),
    ],
    ['Q-12: host bits in a prefix', network(peerings(peering('p', 'a', literal('x', '10.0.0.3/24'))))],
  ])('resources %s is accepted', (_number, outcome) => {
    expect(causesOf(outcome)).toEqual([]);
  });

  it.each<[string, Outcome, string[]]>([
    ['neither', network(peerings(peering('p', 'a', { name: 'x' }))), ['Invalid spec.peerings[0].prefixes[0]']],
    [
      'both',
      network(peerings(peering('p', 'a', { ...literal('x', '10.0.0.0/24'), prefixRef: { name: 'r' } }))),
      ['Invalid spec.peerings[0].prefixes[0].prefixRef'],
    ],
  ])('resources Q-11: an entry with %s of prefix and prefixRef is refused', (_which, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });
});

describe('Network manifests (resources 6.1)', () => {
  it.each<[string, JsonObject]>([
    [
      'G-01, core',
      {
        metadata: { namespace: 'team-a', name: 'core' },
        spec: {
          peerings: [
            {
              name: 'to-edge',
              networkRef: { name: 'edge' },
              prefixes: [
                { name: 'services', prefix: '10.40.0.0/20' },
                { name: 'dns', prefixRef: { name: 'dns-anycast' } },
              ],
            },
            { name: 'to-audit', networkRef: { namespace: 'team-b', name: 'audit.eu' } },
          ],
        },
      },
    ],
    [
      'G-01, edge',
      {
        metadata: { namespace: 'team-a', name: 'edge' },
        spec: { peerings: [{ name: 'back-to-core', networkRef: { namespace: 'team-a', name: 'core' } }] },
      },
    ],
    [
      'G-02',
      {
        metadata: { namespace: 'team-b', name: 'audit.eu' },
        spec: {
          providerID: 'fabric://vni/4711',
          incomingPeerings: [{ namespace: 'team-a', name: 'core', uid: '7f1d1c0e-0000-4000-8000-000000000001' }],
        },
      },
    ],
    [
      'of the seed',
      { metadata: { name: 'network-sample' }, spec: { peerings: [{ name: 'peering1', networkRef: { name: 'network-sample2' } }] } },
    ],
    ['without a spec', { metadata: { name: 'empty' } }],
  ])('%s is accepted as it stands', (_number, manifest) => {
    const outcome = created('Network', manifest);
    expect(causesOf(outcome)).toEqual([]);
    expect(outcome).toMatchObject({ object: manifest });
  });
});
