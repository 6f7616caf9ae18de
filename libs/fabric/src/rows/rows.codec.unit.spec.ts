import type { JsonObject } from '@weft/api';
import fc from 'fast-check';
import {
  decodeBalancerRow,
  decodeEdgeRow,
  decodeEndpointRow,
  decodeHostRow,
  decodeImportRow,
  decodeMemberRow,
  decodePeeringRow,
  decodePlacementRow,
  decodePolicyRow,
  decodePublicTargetRow,
  decodePublicVirtualIpRow,
  decodeTargetRow,
  decodeVirtualIpRow,
  parseTable,
} from './rows.codec.ts';

const base = { position: '10', because: ['e'] };
const host = { ...base, host: 'a', index: 1, underlay: 'fd00::1' };
const nic = { ...base, nic: 'n', mac: '02:00:00:00:00:01', ips: ['10.0.0.1'] };
const endpoint = { ...nic, host: 'a' };
const placement = { ...nic, namespace: 'd', name: 'n', network: 'x', vni: 200, placedAt: '8', heldAt: '9' };
const peering = { ...base, vni: 201, network: 'd/y', prefixes: ['10.0.0.0/24'] };
const imported = { ...base, vni: 201 };
const rule = {
  peers: [{ group: 'NetworkInterface app=web' }, { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }],
  ports: [{ protocol: 'TCP', ports: { first: 1, last: 2 } }, { protocol: 'SCTP' }],
};
const policy = {
  ...base,
  policy: 'p',
  namespace: 'd',
  name: 'p',
  target: 'NetworkInterface',
  isolates: ['egress', 'ingress'],
  egress: [{ peers: 'any', ports: 'any' }],
  ingress: [rule],
};
const member = { ...base, kind: 'NetworkInterface', uid: 'n', name: 'n', prefixes: [], targets: ['NetworkInterface'], groups: [] };
/** Placements have all fields of these. */
const ofNetworks = [decodePeeringRow, decodeImportRow];
const ports = [{ protocol: 'UDP', first: 8_000, last: 8_010 }];
const balancer = {
  ...base,
  balancer: 'b',
  namespace: 'd',
  name: 'web',
  vni: 200,
  scheme: 'Public',
  ips: ['203.0.113.1', '2001:db8::1'],
  ports,
};
const target = { ...base, balancer: 'b', target: 'n', name: 'one', ips: ['10.0.0.1'] };
const where = { vni: 200, nic: 'n', host: 'a' };
const publicTarget = { ...target, ...where, mac: nic.mac };
const virtualIp = { ...base, virtualIp: 'v', ip: '203.0.113.1', nic: 'n', address: '10.0.0.1' };
const publicVirtualIp = { ...virtualIp, ...where };
const edge = { ...base, host: 'a' };
const ofPublic = [decodeEdgeRow, decodeBalancerRow, decodeTargetRow, decodePublicTargetRow, decodeVirtualIpRow, decodePublicVirtualIpRow];
const decoders = [decodeHostRow, decodePlacementRow, decodeEndpointRow];
const all = [...decoders, ...ofNetworks, ...ofPublic];

describe('rows', () => {
  it('of the right shape are taken as they are, with fields of later versions', () => {
    const rows = [
      { ...host, more: 1 },
      { ...placement, netns: 'mine' },
      endpoint,
      peering,
      imported,
      edge,
      balancer,
      target,
      publicTarget,
      virtualIp,
      publicVirtualIp,
    ];
    expect(all.map((decode, i) => decode(rows[i]))).toEqual(rows);
  });

  it.each<[string, JsonObject]>([
    ['a number that is too large', { ...host, index: 0x10000 }],
    ['a number that is none', { ...host, index: '1' }],
    ['no name', { ...host, host: '' }],
    ['no causes', { ...host, because: 'e' }],
    ['a position that is no decimal', { ...host, position: '-1' }],
    ['an address that is no text', { ...endpoint, ips: [1] }],
    ['an empty namespace of the guest', { ...placement, netns: '' }],
    ['no hold', { ...placement, heldAt: 'soon' }],
  ])('with %s count as absent', (_, row) => {
    for (const decode of decoders) expect(decode(row)).toBeUndefined();
  });

  it.each<[string, JsonObject]>([
    ['ranges that are no text', { ...peering, prefixes: [1] }],
    ['a number that no network can have', { ...peering, vni: 2 ** 24 }],
  ])('of peerings with %s count as absent', (_, row) => {
    expect(decodePeeringRow(row)).toBeUndefined();
  });

  it.each<[string, JsonObject]>([
    ['a number that no packet can bear', { ...balancer, number: 65_536 }],
    ['another scheme', { ...balancer, scheme: 'private' }],
    ['a port that is none', { ...balancer, ports: [{ protocol: 'TCP', first: 0, last: 80 }] }],
    ['a range without an end', { ...balancer, ports: [{ protocol: 'TCP', first: 80 }] }],
    ['a target without an address', { ...publicTarget, ips: [] }],
    ['a target of no balancer', { ...publicTarget, balancer: '' }],
    ['a public address that is no text', { ...publicVirtualIp, ip: 1 }],
    ['no interface', { ...publicVirtualIp, nic: '' }],
  ])('of balancers and VirtualIPs with %s count as absent', (_, row) => {
    for (const decode of ofPublic) if (decode !== decodeEdgeRow) expect(decode(row)).toBeUndefined();
    expect(decodeEdgeRow({ ...edge, host: '' })).toBeUndefined();
  });

  it('without a place count as absent where hosts look for public addresses', () => {
    expect([decodePublicTargetRow(target), decodePublicVirtualIpRow(virtualIp)]).toEqual([undefined, undefined]);
  });

  it('stand in tables that are known by name', () => {
    const names = [
      'hosts',
      'edges',
      'placements.a.b',
      'balancers.200',
      'targets.1',
      'virtual-ips.16777215',
      'others.200',
      'targets.',
      'targets.0',
      'targets.a',
    ];
    expect(names.map((name) => parseTable(name)?.kind)).toEqual([
      ...['hosts', 'edges', 'placements', 'balancers', 'targets', 'virtual-ips'],
      ...[undefined, undefined, undefined, undefined],
    ]);
  });

  it('of policies and of their members are taken as they are', () => {
    const rows = [
      { ...policy, more: 1 },
      { ...member, more: 1 },
    ];
    expect([decodePolicyRow(rows[0]), decodeMemberRow(rows[1])]).toEqual(rows);
  });

  it.each<[string, JsonObject]>([
    ['peers that are neither listed nor any', { ingress: [{ ports: 'any' }] }],
    ['ports that are neither listed nor any', { ingress: [{ peers: 'any' }] }],
    ['a peer that is neither a group nor a range', { ingress: [{ ...rule, peers: [{}] }] }],
    ['a range without its exceptions', { egress: [{ ...rule, peers: [{ cidr: '10.0.0.0/8' }] }] }],
    ['another protocol', { ingress: [{ ...rule, ports: [{ protocol: 'ICMP' }] }] }],
    ['half a range of ports', { ingress: [{ ...rule, ports: [{ protocol: 'TCP', ports: { first: 1 } }] }] }],
    ['another direction', { isolates: ['both'] }],
    ['no target', { target: '' }],
  ])('of policies with %s are not understood', (_, part) => {
    expect(decodePolicyRow({ ...policy, ...part })).toBeUndefined();
  });

  it('never make a decoder throw', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys({ ...placement, ...host })), fc.jsonValue()), (values) => {
        const row: JsonObject = JSON.parse(JSON.stringify(values));
        for (const decode of all) decode(row);
        for (const [decode, good] of [
          [decodeHostRow, host],
          [decodePlacementRow, placement],
        ] as const)
          decode({ ...good, ...row });
      }),
    );
  });
});
