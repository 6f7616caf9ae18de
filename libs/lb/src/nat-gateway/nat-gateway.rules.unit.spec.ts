import type { JsonObject } from '@weft/api';
import { bareKinds, causesOf, type Outcome, objectOf } from '@weft/testing';
import { natGatewayColumns } from './nat-gateway.columns.ts';
import { natGatewayKind } from './nat-gateway.kind.ts';

const { created, replaced } = bareKinds<'NATGateway'>([natGatewayKind]);
const BASE: JsonObject = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'n' } };
const gateway = (spec: JsonObject, name = 'g') => created('NATGateway', { metadata: { name }, spec });
const put = (spec: JsonObject) => replaced('NATGateway', { metadata: { name: 'g' }, spec: BASE }, spec);
const portsOf = (outcome: Outcome) => objectOf(outcome).spec?.['portsPerNetworkInterface'];

describe('NATGateway rules', () => {
  it.each<[string, Outcome, string[]]>([
    ['T-42: nothing', gateway({}), ['Required spec.type', 'Required spec.ipFamily', 'Invalid spec.networkRef.name']],
    [
      'T-43: a bad name, and 3 ports',
      gateway({ ...BASE, networkRef: { name: 'foo*' }, portsPerNetworkInterface: 3 }),
      ['Invalid spec.networkRef.name', 'Invalid spec.portsPerNetworkInterface'],
    ],
    ['T-44: another network', put({ ...BASE, networkRef: { name: 'm' } }), ['Forbidden spec.networkRef']],
    ['2.4 G-2: another type', gateway({ ...BASE, type: 'Internal' }), ['NotSupported spec.type']],
    ['2.4 G-4: another family', gateway({ ...BASE, ipFamily: 'v4' }), ['NotSupported spec.ipFamily']],
    ['B-58: 100 ports', gateway({ ...BASE, portsPerNetworkInterface: 100 }), ['Invalid spec.portsPerNetworkInterface']],
    ['B-59: 0 ports', gateway({ ...BASE, portsPerNetworkInterface: 0 }), ['Invalid spec.portsPerNetworkInterface']],
    ['2.4 G-6: -4 ports', gateway({ ...BASE, portsPerNetworkInterface: -4 }), ['Invalid spec.portsPerNetworkInterface']],
    [
      'B-60: the obsolete shape',
      gateway({ type: 'Public', ipFamilies: ['IPv4'] }),
      ['Required spec.ipFamily', 'Invalid spec.networkRef.name'],
    ],
    ['B-61: another network', put({ ...BASE, networkRef: { name: 'other' } }), ['Forbidden spec.networkRef']],
    ['0.1: a name that is no label', gateway(BASE, 'a.b'), ['Invalid metadata.name']],
  ])('resources %s', (_number, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  it.each<[string, Outcome]>([
    ['Q-13: 2^30 ports', gateway({ ...BASE, portsPerNetworkInterface: 2 ** 30 })],
    ['Q-13: 1 port', gateway({ ...BASE, portsPerNetworkInterface: 1 })],
    ['Q-14: another family', put({ ...BASE, ipFamily: 'IPv6' })],
    ['2.4: another number of ports', put({ ...BASE, portsPerNetworkInterface: 64 })],
  ])('resources %s is accepted', (_number, outcome) => {
    expect(causesOf(outcome)).toEqual([]);
  });

  it('resources G-7, provider C-34: the ports are 2048 when unset, and stay as given', () => {
    expect(portsOf(gateway(BASE, 'egress'))).toBe(2_048);
    const tiny = { type: 'Public', ipFamily: 'IPv6', networkRef: { name: 'edge' }, portsPerNetworkInterface: 1 };
    expect(portsOf(gateway(tiny, 'egress-tiny'))).toBe(1);
  });

  it("the seed's manifest is accepted as it stands (S-18, S-20, S-21)", () => {
    const manifest: JsonObject = {
      apiVersion: 'networking.ironcore.dev/v1alpha1',
      kind: 'NATGateway',
      metadata: { namespace: 'default', name: 'natgateway-sample' },
      spec: { type: 'Public', ipFamily: 'IPv4', portsPerNetworkInterface: 64, networkRef: { name: 'network-sample' } },
    };
    expect(objectOf(created('NATGateway', manifest))).toMatchObject(manifest);
  });

  it('resources 0.3: the columns', () => {
    const object = objectOf(gateway(BASE));
    expect(natGatewayColumns.map(({ name }) => name)).toEqual(['Name', 'IPs', 'Age']);
    const cells = (status: JsonObject) => natGatewayKind.columns.slice(0, 2).map(({ cell }) => cell({ ...object, status }, new Date(0)));
    expect(cells({})).toEqual(['g', 'None']);
    expect(
      cells({
        ips: [
          { name: 'ip1', ip: '203.0.113.1' },
          { name: 'ip2', ip: '203.0.113.2' },
        ],
      }),
    ).toEqual(['g', '203.0.113.1,203.0.113.2']);
  });
});
