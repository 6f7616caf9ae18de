/** What an interface shows of the VirtualIP that it names, in World with the pools and VirtualIPs themselves. */
import { conditionOf, type ObjectKey } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { World } from '@weft/testing';
import { networkDomain } from '../index.ts';
import { nicKey } from '../keys.ts';
import { namespace, network, nic } from '../testing/manifests.ts';

const VIP: ObjectKey = { kind: 'VirtualIP', namespace: 'ns', name: 'vip' };

describe.each([1, 2, 3])('An interface that names a VirtualIP, loops in the order of seed %i', (seed) => {
  let world: World;
  beforeEach(() => {
    world = new World({ seed, duplicates: 0.3, lag: 0.2, conflicts: 0.1, domains: [networkDomain, ipamDomain] });
    world.create(namespace('ns'));
    world.create(network('net'));
  });
  const pool = () =>
    world.create({ kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes: ['203.0.113.1/32', '203.0.113.2/32'] } });
  const vip = () =>
    world.create({ kind: 'VirtualIP', metadata: { namespace: 'ns', name: 'vip' }, spec: { type: 'Public', ipFamily: 'IPv4' } });
  const naming = (name: string, ip: string) => world.create(nic(name, 'net', [ip], { virtualIP: { virtualIPRef: { name: 'vip' } } }));
  const shown = (name: string) => world.object(nicKey('ns', name))?.status?.['virtualIP'];
  const said = (name: string) => conditionOf(world.object(nicKey('ns', name))!, 'VirtualIPBound');

  it('provider C-30: says what it waits for, and then shows the address', () => {
    naming('one', '10.0.0.1');
    expect(said('one')).toMatchObject({ status: 'False', reason: 'VirtualIPNotFound', message: 'waits for VirtualIP "vip"' });
    vip();
    expect(said('one')).toMatchObject({ status: 'False', reason: 'AddressPending' });
    pool();
    expect(shown('one')).toBe('203.0.113.1');
    expect(said('one')).toMatchObject({ status: 'True', reason: 'Bound' });
  });

  it('resources Z-19, S-35: a second one says who holds it, and shows it once the first one has gone (provider C-31)', () => {
    pool();
    vip();
    naming('one', '10.0.0.1');
    naming('two', '10.0.0.2');
    expect([shown('one'), shown('two')]).toEqual(['203.0.113.1', undefined]);
    expect(said('two')).toMatchObject({ status: 'False', reason: 'HeldByAnother' });
    expect(said('two')?.message).toContain('"one"');
    world.delete(nicKey('ns', 'one'));
    expect(shown('two')).toBe('203.0.113.1');
  });

  it('shows nothing of it any more when it names it no longer, or when it has gone', () => {
    pool();
    vip();
    naming('one', '10.0.0.1');
    world.send({ verb: 'patch', key: nicKey('ns', 'one'), patchType: 'merge', patch: { spec: { virtualIP: null } } });
    expect([shown('one'), said('one')]).toEqual([undefined, undefined]);
    world.patch(nicKey('ns', 'one'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    expect(shown('one')).toBe('203.0.113.1');
    world.delete(VIP);
    expect(shown('one')).toBeUndefined();
    expect(said('one')).toMatchObject({ status: 'False', reason: 'VirtualIPNotFound' });
    vip();
    expect(shown('one')).toBe('203.0.113.2');
  });

  it('given a command that comes after it named another one, then it shows nothing of the former', () => {
    pool();
    naming('one', '10.0.0.1');
    const { uid = '' } = world.object(nicKey('ns', 'one'))?.metadata ?? {};
    world.patch(nicKey('ns', 'one'), { spec: { virtualIP: null } });
    const condition = { type: 'VirtualIPBound', status: 'True', reason: 'Bound', message: '' };
    world.act(nicKey('ns', 'one'), 'ShowVirtualIP', { uid, ip: '203.0.113.9', condition });
    expect([shown('one'), said('one')]).toEqual([undefined, undefined]);
  });
});
