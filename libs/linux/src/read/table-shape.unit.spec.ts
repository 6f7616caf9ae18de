import type { NftJson } from './dump.ts';
import { setElements, tableRepair, tableShape } from './table-shape.ts';

const chain = { chain: { family: 'inet', table: 'dp', name: 'in', handle: 1, hook: 'input', prio: 0, policy: 'drop' } };
const set = (elem?: readonly unknown[]) => ({
  set: { name: 's', table: 'dp', type: ['ifname', 'ipv4_addr'], handle: 2, ...(elem && { elem }) },
});
const rule = (handle: number, packets: number, verdict = 'drop', of = 'in') => ({
  rule: { table: 'dp', chain: of, handle, expr: [{ counter: { packets, bytes: 0 } }, { [verdict]: null }] },
});
const listing = (...nftables: object[]): NftJson => ({ nftables: [{ metainfo: { version: '1' } }, ...nftables] }) as NftJson;

describe('The shape of a table', () => {
  it('leaves out what changes by itself: handles, counts, elements', () => {
    const fresh = tableShape(listing(chain, set(), rule(3, 0)));
    expect(tableShape(listing(set(['x']), chain, rule(9, 77)))).toEqual(fresh);
  });

  it('shows another rule, another order of rules, and another chain', () => {
    const fresh = tableShape(listing(chain, rule(3, 0), rule(4, 0, 'accept')));
    expect(tableShape(listing(chain, rule(4, 0, 'accept'), rule(3, 0))).rules).not.toBe(fresh.rules);
    expect(tableShape(listing(chain, rule(3, 0))).rules).not.toBe(fresh.rules);
    const other = { chain: { ...chain.chain, policy: 'accept' } };
    expect(tableShape(listing(other, rule(3, 0), rule(4, 0, 'accept'))).structure).not.toEqual(fresh.structure);
  });

  it('does not depend on the order of chains', () => {
    const one = [rule(3, 0), rule(5, 0)];
    const two = [rule(4, 0, 'accept', 'out')];
    expect(tableShape(listing(...one, ...two))).toEqual(tableShape(listing(...two, ...one)));
  });

  it('gives elements with and without comments, plain and concatenated', () => {
    const elements = [
      { elem: { val: { concat: ['g1', '10.0.0.1'] }, comment: 'weft pos=1' } },
      { concat: ['g1', '10.0.0.2'] },
      'fd00::1',
      { elem: { val: 'fd00::2', comment: 'x' } },
    ];
    expect(setElements(listing(set(elements)), 's')).toEqual([
      { key: ['g1', '10.0.0.1'], value: '', comment: 'weft pos=1' },
      { key: ['g1', '10.0.0.2'], value: '', comment: undefined },
      { key: ['fd00::1'], value: '', comment: undefined },
      { key: ['fd00::2'], value: '', comment: 'x' },
    ]);
    expect(setElements(listing(set()), 's')).toEqual([]);
    expect(setElements(listing(), 's')).toEqual([]);
  });

  it('gives ranges, and values of maps', () => {
    const elements = [
      [{ concat: [5, { prefix: { addr: '10.0.0.0', len: 8 } }, 'tcp', { range: [80, 90] }] }, 7],
      [{ concat: ['g1', 80] }, { goto: { target: 'x' } }],
      ['a', { drop: null }],
      ['b', { concat: ['10.0.0.1', 80] }],
    ];
    expect(
      setElements({ nftables: [{ map: { name: 'm', elem: elements } }] } as NftJson, 'm').map(({ key, value }) => [key.join(' . '), value]),
    ).toEqual([
      ['5 . 10.0.0.0/8 . tcp . 80-90', '7'],
      ['g1 . 80', 'goto x'],
      ['a', 'drop'],
      ['b', '10.0.0.1 . 80'],
    ]);
  });
});

describe('The repair of a table', () => {
  const wanted = tableShape(listing(chain, set(), rule(3, 0)));
  const other = { chain: { ...chain.chain, name: 'out', hook: 'forward' } };
  const map = { map: { name: 'm', table: 'dp', type: 'mark', map: 'verdict' } };

  it('needs nothing where all is as it should be', () => {
    expect(tableRepair(wanted, wanted, 'inet dp')).toEqual({ how: 'none', doomed: [] });
  });

  it('refills what lacks a chain, a set or a rule, or has others, in place', () => {
    for (const found of [listing(set(), rule(3, 0)), listing(chain, rule(3, 0)), listing(chain, set())])
      expect(tableRepair(tableShape(found), wanted, 'inet dp')).toEqual({ how: 'refill', doomed: [] });
    expect(tableRepair(tableShape(listing(chain, other, set(), map, rule(3, 0), rule(4, 0, 'drop', 'out'))), wanted, 'inet dp')).toEqual({
      how: 'refill',
      doomed: ['flush chain inet dp out', 'delete map inet dp m', 'delete chain inet dp out'],
    });
  });

  it('makes anew what cannot be changed: a chain with another hook, a set of another type', () => {
    const found = tableShape(listing({ chain: { ...chain.chain, policy: 'accept' } }, set(), rule(3, 0)));
    expect(tableRepair(found, wanted, 'inet dp').how).toBe('rebuild');
  });
});
