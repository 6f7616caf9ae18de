/** Entries of features: where they come from, which of two counts, and what their positions follow from. */

import type { Feature } from '../kernel/feature.ts';
import { type KernelState, keyOf } from '../kernel/kernel-objects.ts';
import type { PeeringRow, PlacementRow } from '../rows/rows.ts';
import { compile } from './compile.ts';
import { Compiler } from './compiler.ts';
import { networkOf } from './network-key.ts';

/** One entry for each peering, which says how many interfaces of the network are here; and one that two keys give. */
const counting: Feature = {
  name: 'counting',
  tables: ['peerings'],
  sections: [{ kind: 'nft', name: 'count', key: ['mark'], value: ['mark'] }],
  chains: [],
  entries: (engine, here) => [
    engine.map('counts', here.rows.peerings, (key, read) => {
      const peering = read.get(here.rows.peerings, key);
      if (peering === undefined) return undefined;
      const { vni, row } = peering;
      let here_ = 0;
      for (const _ of read.rows(here.staysOfNetwork, networkOf(key))) here_++;
      return [
        { vni, section: 'count', key: String(row.vni), value: String(here_), owner: `Network/${row.network}` },
        { vni, section: 'count', key: '1', value: String(row.vni), owner: `Network/${row.network}` },
      ];
    }),
  ],
};

const identity = { host: 'a', index: 1, underlay: 'fd00::1' };
const nic = (n: number) => `0000000${n}-aaaa-4bbb-8ccc-dddddddddddd`;
const placed = (n: number, vni: number, position: string): PlacementRow => ({
  ...{ nic: nic(n), namespace: 'default', name: `n${n}`, network: 'net', vni, mac: '02:00:00:00:00:01', ips: [`10.0.0.${n}`] },
  ...{ placedAt: '5', heldAt: '6', position, because: ['e'] },
});
const peering = (vni: number, position: string): PeeringRow => ({ vni, network: `default/n${vni}`, position, because: ['e'] });
const put = <R>(key: string, row: R) => [{ key, row: row as never }];
const entries = (state: KernelState) =>
  Object.fromEntries(
    [...state].flatMap(([key, object]) => (object.kind === 'entry' ? [[key, [object.value, object.position, object.owner]]] : [])),
  );

function given(): Compiler {
  const compiler = new Compiler(identity, () => 0, [counting]);
  compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '20')));
  compiler.applyRows('peerings.200', put('300', peering(300, '30')));
  return compiler;
}

describe('Entries of features', () => {
  it('carry the position of the newest row that was read, and the resource they serve', () => {
    const compiler = given();
    expect(entries(compiler.state)).toEqual({
      'entry/r200/count/300': ['1', '30', 'Network/default/n300'],
      'entry/r200/count/1': ['300', '30', 'Network/default/n300'],
    });
    const change = compiler.applyRows('placements.a', put(nic(2), placed(2, 200, '40')));
    expect(change.put.map(keyOf)).toContain('entry/r200/count/300');
    expect(entries(compiler.state)).toMatchObject({ 'entry/r200/count/300': ['2', '40', 'Network/default/n300'] });
  });

  it('are there only where their network has a router', () => {
    const compiler = given();
    compiler.applyRows('peerings.201', put('300', peering(300, '30')));
    expect(Object.keys(entries(compiler.state)).filter((key) => key.includes('r201'))).toEqual([]);
    const { remove } = compiler.applyRows('placements.a', [{ key: nic(1), row: undefined }]);
    expect(remove.map(keyOf)).toEqual(expect.arrayContaining(['entry/r200/count/300', 'entry/r200/count/1']));
    expect(entries(compiler.state)).toEqual({});
  });

  it('of one key are that with the lower value, whichever came first, and the other one when that goes', () => {
    const compiler = given();
    compiler.applyRows('peerings.200', put('250', peering(250, '50')));
    expect(entries(compiler.state)).toMatchObject({ 'entry/r200/count/1': ['250', '50', 'Network/default/n250'] });
    compiler.applyRows('peerings.200', [{ key: '250', row: undefined }]);
    expect(entries(compiler.state)).toMatchObject({ 'entry/r200/count/1': ['300', '30', 'Network/default/n300'] });
  });

  it('are the same when all rows come at once', () => {
    const compiler = given();
    compiler.applyRows('peerings.200', put('250', peering(250, '50')));
    const tables = {
      hosts: new Map(),
      placements: new Map([[nic(1), placed(1, 200, '20')]]),
      endpoints: new Map(),
      others: new Map([
        ['peerings.200', new Map([300, 250].map((vni) => [String(vni), peering(vni, vni === 300 ? '30' : '50')]))],
      ] as const),
    };
    expect(entries(compile(identity, tables, () => false, [counting]))).toEqual(entries(compiler.state));
    expect(compiler.auditSlice(Number.POSITIVE_INFINITY).findings).toEqual([]);
  });
});
