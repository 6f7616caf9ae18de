import type { NftJson } from './dump.ts';
import { setElements, tableShape } from './table-shape.ts';

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
    expect(tableShape(listing(other, rule(3, 0), rule(4, 0, 'accept'))).structure).not.toBe(fresh.structure);
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
      { key: ['g1', '10.0.0.1'], comment: 'weft pos=1' },
      { key: ['g1', '10.0.0.2'], comment: undefined },
      { key: ['fd00::1'], comment: undefined },
      { key: ['fd00::2'], comment: 'x' },
    ]);
    expect(setElements(listing(set()), 's')).toEqual([]);
    expect(setElements(listing(), 's')).toEqual([]);
  });
});
