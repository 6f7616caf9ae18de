/** The blocks of a Network follow its interfaces: they hold what these use, they are few, and nothing is left of those that have gone. */
import { holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import { below, randomOf, World } from '@weft/testing';
import { networkDomain } from '../index.ts';
import { networkKey, nicKey } from '../keys.ts';
import { namespace, network, nic } from '../testing/manifests.ts';
import { BLOCKS_MAX } from './address-blocks.ts';

type Record = Readonly<{ blocks?: readonly string[]; count?: number }>;
const PEERINGS = [{ name: 'to-other', networkRef: { name: 'other' } }];
const range = (text: string) => rangeOf(parsePrefix(text) as IpPrefix);

describe('The blocks of a Network', () => {
  it.each([1, 2, 3])(
    'given interfaces that come, move and go (seed %i), then each address lies in one block of a Network with peerings, each block holds one, and they are few',
    (seed) => {
      const random = randomOf(seed);
      const world = new World({ domains: [networkDomain] });
      for (const object of [namespace('ns'), network('net', { peerings: PEERINGS })]) world.create(object);
      const used = new Map<string, string>();
      const check = () => {
        const records = [...world.fold.records('network-blocks')] as [string, Record][];
        const blocks = records.flatMap(([, { blocks: each = [] }]) => each);
        const ranges = blocks.map(range);
        const addresses = [...used.values()].map((ip) => range(`${ip}/${ip.includes(':') ? 128 : 32}`));
        for (const address of addresses) expect(ranges.filter((each) => holdsRange(each, address))).toHaveLength(1);
        for (const each of ranges) expect(addresses.some((address) => holdsRange(each, address))).toBe(true);
        expect(records.reduce((sum, [, { count = 0 }]) => sum + count, 0)).toBe(addresses.length);
        expect(blocks.length).toBeLessThanOrEqual(2 * BLOCKS_MAX);
      };
      for (let step = 0; step < 120; step++) {
        const name = `n${below(random, 60)}`;
        const host = below(random, 1 << (4 + below(random, 16)));
        const ip = below(random, 3) === 0 ? `fd00::${host.toString(16)}` : `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
        if ([...used.values()].includes(ip) || ip.startsWith('10.0.0.0')) continue;
        if (!used.has(name)) world.create({ ...nic(name, 'net', [ip]), metadata: { namespace: 'ns', name } });
        else if (below(random, 2) === 0) world.delete(nicKey('ns', name));
        else continue;
        if (world.get(nicKey('ns', name))?.status === 'live') used.set(name, ip);
        else used.delete(name);
        if (step % 10 === 0) check();
      }
      check();
      for (const name of used.keys()) world.delete(nicKey('ns', name));
      expect([...world.fold.records('network-blocks')]).toEqual([['ns/net', {}]]);
    },
  );

  it('given interfaces, then they are counted from the first peering of their Network to its last', () => {
    const world = new World({ domains: [networkDomain] });
    const blocks = () => [...world.fold.records('network-blocks')];
    const addresses = ['10.0.0.1', '10.0.0.2', 'fd00::1'];
    world.create(namespace('ns'));
    world.create(network('net'));
    for (const [i, ip] of addresses.entries()) world.create({ ...nic(`n${i}`, 'net', [ip]), metadata: { namespace: 'ns', name: `n${i}` } });
    expect(blocks()).toEqual([]);

    world.patch(networkKey('ns', 'net'), { spec: { peerings: PEERINGS } });
    world.create({ ...nic('late', 'net', ['10.0.0.3']), metadata: { namespace: 'ns', name: 'late' } });
    const counted = blocks();
    expect(counted).toContainEqual(['ns/net IPv4', { length: 32, blocks: ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32'] }]);
    expect(counted).toContainEqual(['ns/net IPv6', { length: 128, blocks: ['fd00::1/128'] }]);

    world.patch(networkKey('ns', 'net'), { spec: { peerings: null } });
    world.delete(nicKey('ns', 'late'));
    expect(blocks()).toEqual([]);
  });

  it('given the same interfaces in another order, then the blocks are the same, as a fold that began with a snapshot has them', () => {
    const names = Array.from({ length: 40 }, (_, i) => i);
    const blocksAfter = (order: readonly number[]) => {
      const world = new World({ domains: [networkDomain] });
      world.create(namespace('ns'));
      world.create(network('net'));
      for (const i of order) world.create({ ...nic(`n${i}`, 'net', [`10.${i}.0.1`]), metadata: { namespace: 'ns', name: `n${i}` } });
      world.patch(networkKey('ns', 'net'), { spec: { peerings: PEERINGS } });
      for (const i of [3, 17]) world.delete(nicKey('ns', `n${i}`));
      return new Map(world.fold.records('network-blocks')).get('ns/net IPv4');
    };
    expect(blocksAfter(names.toReversed())).toEqual(blocksAfter(names));
    expect(blocksAfter([17, ...names.slice(0, 10).toReversed()])).toEqual(blocksAfter([...names.slice(0, 10), 17]));
  });
});
