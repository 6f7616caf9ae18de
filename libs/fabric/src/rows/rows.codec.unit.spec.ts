import type { JsonObject } from '@weft/api';
import fc from 'fast-check';
import { decodeEndpointRow, decodeHostRow, decodeImportRow, decodePeeringRow, decodePlacementRow } from './rows.codec.ts';

const base = { position: '10', because: ['e'] };
const host = { ...base, host: 'a', index: 1, underlay: 'fd00::1' };
const nic = { ...base, nic: 'n', mac: '02:00:00:00:00:01', ips: ['10.0.0.1'] };
const endpoint = { ...nic, host: 'a' };
const placement = { ...nic, namespace: 'd', name: 'n', network: 'x', vni: 200, placedAt: '8', heldAt: '9' };
const peering = { ...base, vni: 201, network: 'd/y', prefixes: ['10.0.0.0/24'] };
const imported = { ...base, vni: 201 };
/** Placements have all fields of these. */
const ofNetworks = [decodePeeringRow, decodeImportRow];
const decoders = [decodeHostRow, decodePlacementRow, decodeEndpointRow];
const all = [...decoders, ...ofNetworks];

describe('rows', () => {
  it('of the right shape are taken as they are, with fields of later versions', () => {
    const rows = [{ ...host, more: 1 }, { ...placement, netns: 'mine' }, endpoint, peering, imported];
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
