import type { ApiObject, JsonObject } from '@weft/api';
import { created, objectOf } from '../testing/bare-kinds.ts';
import { networkInterfaceDefaults, networkInterfaceSpecDefaults } from './network-interface.defaults.ts';

const manifest = (metadata: JsonObject, spec: JsonObject): JsonObject => ({ metadata, spec });

describe('NetworkInterface manifests', () => {
  it.each<[string, JsonObject]>([
    [
      'G-03',
      manifest(
        { namespace: 'team-a', name: 'web-0.primary', labels: { tier: 'web' } },
        {
          networkRef: { name: 'core' },
          ipFamilies: ['IPv4', 'IPv6'],
          ips: [{ value: '10.40.1.10' }, { value: '2001:db8:40::10' }],
          prefixes: [
            { value: '10.40.200.0/28' },
            {
              ephemeral: {
                prefixTemplate: {
                  metadata: { labels: { purpose: 'pods' } },
                  spec: { ipFamily: 'IPv4', prefixLength: 26, parentRef: { name: 'pod-pool' } },
                },
              },
            },
          ],
          virtualIP: { virtualIPRef: { name: 'web-public' } },
          attributes: { bandwidth: '10g' },
        },
      ),
    ],
    [
      'of the seed',
      manifest(
        { name: 'networkinterface-sample' },
        {
          networkRef: { name: 'network-sample' },
          ipFamilies: ['IPv4'],
          ips: [{ value: '10.0.0.1' }],
          virtualIP: { virtualIPRef: { name: 'virtualip-sample' } },
        },
      ),
    ],
  ])('%s is accepted as it stands', (_number, given) => {
    expect(objectOf(created('NetworkInterface', given))).toMatchObject(given);
  });

  it('G-04: family and length of the template come from ipFamilies', () => {
    const object = objectOf(
      created(
        'NetworkInterface',
        manifest(
          { namespace: 'team-a', name: 'batch-7' },
          {
            networkRef: { name: 'core' },
            ipFamilies: ['IPv4'],
            ips: [{ ephemeral: { prefixTemplate: { spec: { parentSelector: { matchLabels: { pool: 'batch' } } } } } }],
            virtualIP: {
              ephemeral: {
                virtualIPTemplate: {
                  metadata: { labels: { keep: 'yes' } },
                  spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy: 'Retain' },
                },
              },
            },
          },
        ),
      ),
    );
    const expected = { ipFamily: 'IPv4', prefixLength: 32, parentSelector: { matchLabels: { pool: 'batch' } } };
    expect(object.spec?.['ips']).toEqual([{ ephemeral: { prefixTemplate: { spec: expected } } }]);
  });

  it('G-05: ipFamilies come from the literal', () => {
    const given = manifest(
      { namespace: 'team-a', generateName: 'probe-', name: 'probe-x7k2p' },
      { networkRef: { name: 'edge' }, ips: [{ value: '2001:db8:41::7' }] },
    );
    expect(objectOf(created('NetworkInterface', given)).spec?.['ipFamilies']).toEqual(['IPv6']);
  });
});

const template = (spec: JsonObject): JsonObject => ({ ephemeral: { prefixTemplate: { spec } } });

describe('NetworkInterface defaults', () => {
  it.each<[string, JsonObject, JsonObject]>([
    [
      'D-1: the family of a template as written; nothing for an item without a source',
      { ips: [template({ ipFamily: 'IPv6', parentRef: { name: 'p' } }), {}] },
      {
        ipFamilies: ['IPv6'],
        ips: [template({ ipFamily: 'IPv6', parentRef: { name: 'p' }, prefixLength: 128 }), {}],
      },
    ],
    ['D-1: an empty family', { ips: [template({})] }, { ipFamilies: [''], ips: [template({})] }],
    [
      'D-2: not where the lists differ in length',
      { ipFamilies: ['IPv4', 'IPv6'], ips: [template({ parentRef: { name: 'p' } })] },
      { ipFamilies: ['IPv4', 'IPv6'], ips: [template({ parentRef: { name: 'p' } })] },
    ],
    [
      'D-3: not where a length is given',
      { ipFamilies: ['IPv4'], ips: [template({ prefixLength: 24 })] },
      { ipFamilies: ['IPv4'], ips: [template({ prefixLength: 24, ipFamily: 'IPv4' })] },
    ],
    [
      'D-4: the family of a literal, also in prefixes',
      { ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }], prefixes: [template({ prefix: 'beef::/64' }), template({ prefixLength: 8 })] },
      {
        ipFamilies: ['IPv4'],
        ips: [{ value: '10.0.0.1' }],
        prefixes: [template({ prefix: 'beef::/64', ipFamily: 'IPv6' }), template({ prefixLength: 8 })],
      },
    ],
  ])('resources 2.2 %s', (_number, spec, expected) => {
    const after = networkInterfaceSpecDefaults(spec);
    expect(after).toEqual(expected);
    expect(networkInterfaceSpecDefaults(after)).toBe(after);
  });

  const object = (more: Partial<ApiObject>): ApiObject => ({
    apiVersion: '',
    kind: '',
    metadata: { name: 'a', uid: '', resourceVersion: '', creationTimestamp: '' },
    ...more,
  });
  it('resources 2.2 D-5: Pending, and other parts of the status as they are', () => {
    expect(networkInterfaceDefaults(object({})).status).toEqual({ state: 'Pending' });
    expect(networkInterfaceDefaults(object({ status: { ips: ['10.0.0.1'] } })).status).toEqual({ state: 'Pending', ips: ['10.0.0.1'] });
    expect(networkInterfaceDefaults(object({ status: { state: 'Error' } })).status).toEqual({ state: 'Error' });
  });

  it('gives back the same object when nothing is missing', () => {
    const complete = object({ spec: { ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] }, status: { state: 'Available' } });
    expect(networkInterfaceDefaults(complete)).toBe(complete);
  });

  it('does not change the given object', () => {
    const given = object({ spec: { ips: [template({ ipFamily: 'IPv4' })] } });
    const copy = structuredClone(given);
    networkInterfaceDefaults(given);
    expect(given).toEqual(copy);
  });
});
