/** Pools of public addresses with all loops in World. */
import type { JsonObject } from '@weft/api';
import { WorldAgent, WrittenLog } from '@weft/testing';
import { ipamDomain, PUBLIC_ADDRESSES } from '../index.ts';
import { poolKey, Site, vipKey } from '../testing/site.ts';
import { ADDRESS_REST_MS } from './public-addresses.loops.ts';

const seeds = [1, 2, 3];

describe.each(seeds)('A pool of public addresses, loops in the order of seed %i', (seed) => {
  const siteWith = (...prefixes: readonly string[]) => {
    const site = new Site({ seed, duplicates: 0.3 });
    expect(site.pool('default', prefixes)).toMatchObject({ ok: true });
    return site;
  };

  it('provider C-2: gives the addresses of its first prefix before those of the second, each of them', () => {
    const site = siteWith('203.0.113.8/29', '198.51.100.0/24');
    for (let i = 0; i < 9; i++) site.vip(`v${i}`);
    const ips = Array.from({ length: 9 }, (_, i) => site.ip(`v${i}`));
    expect(ips.slice(0, 8)).toEqual(Array.from({ length: 8 }, (_, i) => `203.0.113.${8 + i}`));
    expect(ips[8]).toBe('198.51.100.0');
    expect(site.world.object(poolKey('default'))?.status).toMatchObject({ ipv4: { capacity: '264', allocated: 9, quarantined: 0 } });
  });

  it('gives both families, an IPv6 prefix without counting through it, and never what is excluded', () => {
    const site = siteWith('2001:db8:ffff::/64', '203.0.113.0/30');
    site.world.patch(poolKey('default'), { spec: { excludes: ['203.0.113.0/31', '2001:db8:ffff::/127'] } });
    site.vip('four').vip('six', 'IPv6');
    expect(site.ip('four')).toBe('203.0.113.2');
    expect(site.ip('six')).toBe('2001:db8:ffff::2');
    expect(site.world.object(poolKey('default'))?.status).toMatchObject({
      ipv4: { capacity: '2', allocated: 1 },
      ipv6: { capacity: (2n ** 64n - 2n).toString(), allocated: 1 },
    });
  });

  it('provider C-8: when all are in use, whoever asks waits with a reason, and gets the next one that has rested', () => {
    const site = siteWith('203.0.113.1/32').vip('one').vip('two').vip('three');
    expect(site.condition(vipKey('two'), 'Ready')).toMatchObject({ status: 'False', reason: 'AddressPoolExhausted' });
    expect(site.condition(vipKey('two'), 'Ready')?.message).toContain('AddressPool default');
    expect(site.condition(poolKey('default'), 'Exhausted')).toMatchObject({ status: 'True' });
    site.world.delete(vipKey('one'));
    expect(site.ip('two')).toBeUndefined();
    expect(site.world.object(poolKey('default'))?.status).toMatchObject({ ipv4: { allocated: 0, quarantined: 1 } });
    site.world.pass(ADDRESS_REST_MS - 2_000);
    expect(site.ip('two')).toBeUndefined();
    site.world.pass(3_000);
    expect([site.ip('two'), site.ip('three')]).toEqual(['203.0.113.1', undefined]);
    site.world.delete(vipKey('two'));
    site.world.delete(vipKey('three'));
    site.world.pass(ADDRESS_REST_MS + 1_000);
    expect(site.condition(poolKey('default'), 'Exhausted')).toBeUndefined();
    expect(site.vip('four').ip('four')).toBe('203.0.113.1');
  });

  it('given a host at the edge that is behind, then an address rests until its agent has caught up, or it is deleted', () => {
    const site = siteWith('203.0.113.1/32').vip('one').vip('two').vip('three');
    const agents = ['edge-1', 'edge-2'].map((name, i) => new WorldAgent(site.world, name, `192.0.2.${i + 1}`));
    for (const [i, agent] of agents.entries()) {
      expect(agent.register()).toMatchObject({ ok: true });
      site.world.patch({ kind: 'Host', name: `edge-${i + 1}` }, { spec: { roles: ['Edge'] } });
      agent.report();
    }
    for (const name of ['edge-1', 'edge-2']) expect(site.world.act({ kind: 'Host', name }, 'HostLost')).toMatchObject({ ok: true });
    site.world.delete(vipKey('one'));
    site.world.pass(2 * ADDRESS_REST_MS);
    expect(site.ip('two')).toBeUndefined();
    agents[0]?.register();
    agents[0]?.report();
    site.world.settle();
    expect(site.ip('two')).toBeUndefined();
    site.world.delete({ kind: 'Host', name: 'edge-2' });
    site.world.settle();
    expect(site.ip('two')).toBe('203.0.113.1');
  });

  it('given a pool that is made, or gets a prefix, then those who wait are served', () => {
    const site = new Site({ seed, duplicates: 0.3 }).vip('one').vip('two');
    expect(site.condition(vipKey('one'), 'Ready')).toMatchObject({ reason: 'NoAddressPool' });
    site.pool('default', ['203.0.113.1/32']);
    const served = ['one', 'two'].filter((name) => site.ip(name) === '203.0.113.1');
    expect(served).toHaveLength(1);
    site.world.patch(poolKey('default'), { spec: { prefixes: ['203.0.113.1/32', '198.51.100.7/32'] } });
    expect([site.ip('one'), site.ip('two')].sort()).toEqual(['198.51.100.7', '203.0.113.1']);
  });

  it('serves only whom it selects, by labels; pools are tried in the order of their names', () => {
    const site = siteWith('203.0.113.0/24');
    site.pool('a-gold', ['198.51.100.0/24'], { networkSelector: { matchLabels: { tier: 'gold' } } });
    site.vip('plain').vip('gold', 'IPv4', { tier: 'gold' });
    expect(site.ip('plain')).toBe('203.0.113.0');
    expect(site.ip('gold')).toBe('198.51.100.0');
  });

  it('given labels that change while it waits, then another pool serves it', () => {
    const site = new Site({ seed });
    site.pool('gold', ['198.51.100.0/24'], { networkSelector: { matchLabels: { tier: 'gold' } } });
    site.vip('late');
    expect(site.ip('late')).toBeUndefined();
    site.world.patch(vipKey('late'), { metadata: { labels: { tier: 'gold' } } });
    expect(site.ip('late')).toBe('198.51.100.0');
  });

  it('is refused with what it overlaps, and keeps a prefix of which an address is held', () => {
    const site = siteWith('203.0.113.0/24', '198.51.100.0/24').vip('one');
    expect(site.pool('other', ['198.51.100.128/25'])).toMatchObject({
      ok: false,
      status: { code: 422, details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec.prefixes[0]' }] } },
    });
    expect(site.world.get(poolKey('other'))?.status).not.toBe('live');
    const without = (prefixes: readonly string[]) =>
      site.world.send({ verb: 'patch', key: poolKey('default'), patchType: 'merge', patch: { spec: { prefixes: [...prefixes] } } });
    expect(without(['198.51.100.0/24'])).toMatchObject({
      ok: false,
      status: { code: 422, details: { causes: [{ reason: 'FieldValueForbidden', field: 'spec.prefixes' }] } },
    });
    expect(without(['203.0.113.0/24'])).toMatchObject({ ok: true });
    expect(site.pool('other', ['198.51.100.128/25'])).toMatchObject({ ok: true });
  });

  it('given a pool that is deleted, then it hands out no more, and goes when nothing of it is held or rests', () => {
    const site = siteWith('203.0.113.0/24').vip('one');
    site.world.delete(poolKey('default'));
    expect(site.condition(poolKey('default'), 'DeletionBlocked')).toMatchObject({ status: 'True', reason: 'InUse' });
    site.vip('two');
    expect([site.ip('one'), site.ip('two')]).toEqual(['203.0.113.0', undefined]);
    site.world.delete(vipKey('one'));
    expect(site.world.get(poolKey('default'))?.status).toBe('live');
    site.world.pass(ADDRESS_REST_MS + 1_000);
    expect(site.world.get(poolKey('default'))?.status).not.toBe('live');
    expect(site.pool('again', ['203.0.113.0/24'])).toMatchObject({ ok: true });
    expect(site.ip('two')).toBe('203.0.113.0');
  });

  it('given addresses that were excluded and are no longer, then they are given too', () => {
    const site = new Site({ seed });
    site.pool('p', ['203.0.113.0/29'], { excludes: ['203.0.113.0/31', '203.0.113.3/32'] });
    site.vip('a').vip('b');
    expect([site.ip('a'), site.ip('b')]).toEqual(['203.0.113.2', '203.0.113.4']);
    site.world.patch(poolKey('p'), { spec: { excludes: ['203.0.113.3/32'] } });
    site.vip('c');
    site.world.patch(poolKey('p'), { spec: { excludes: null } });
    for (const name of ['d', 'e', 'f', 'g', 'h']) site.vip(name);
    expect(['c', 'd', 'e', 'f', 'g', 'h'].map((name) => site.ip(name))).toEqual([0, 1, 3, 5, 6, 7].map((n) => `203.0.113.${n}`));
  });

  it('given that nothing is left that was never given, then gives what has rested longest, once excluded or not', () => {
    const site = new Site({ seed });
    site.pool('p', ['203.0.113.0/30'], { excludes: ['203.0.113.0/32'] });
    for (const name of ['a', 'b', 'c']) site.vip(name);
    site.world.patch(poolKey('p'), { spec: { excludes: null } });
    site.vip('d');
    for (const name of ['c', 'b', 'd']) {
      site.world.delete(vipKey(name));
      site.world.pass(ADDRESS_REST_MS + 1_000);
    }
    for (const name of ['e', 'f', 'g']) site.vip(name);
    expect(['e', 'f', 'g'].map((name) => site.ip(name))).toEqual(['203.0.113.3', '203.0.113.2', '203.0.113.0']);
  });

  it('given a pool that is made again without its exclusions, then it gives what it had excluded', () => {
    const site = new Site({ seed });
    site.pool('p', ['203.0.113.0/31'], { excludes: ['203.0.113.0/32'] });
    site.vip('a');
    site.world.delete(vipKey('a'));
    site.world.delete(poolKey('p'));
    site.world.pass(ADDRESS_REST_MS + 1_000);
    expect(site.world.object(poolKey('p'))).toBeUndefined();
    site.pool('p', ['203.0.113.0/31']);
    site.vip('b').vip('c');
    expect([site.ip('b'), site.ip('c')]).toEqual(['203.0.113.0', '203.0.113.1']);
  });

  /** Pool p has given 203.0.113.0 before and let it rest; by now it is of pool q, which has given it to `b`. */
  const moved = () => {
    const site = new Site({ seed });
    site.pool('p', ['203.0.113.0/32', '198.51.100.0/32']);
    site.vip('a');
    site.world.delete(vipKey('a'));
    site.world.pass(ADDRESS_REST_MS + 1_000);
    site.world.patch(poolKey('p'), { spec: { prefixes: ['198.51.100.0/32'] } });
    site.pool('q', ['203.0.113.0/32', '192.0.2.0/32']);
    site.vip('first').vip('b');
    expect([site.ip('first'), site.ip('b')]).toEqual(['198.51.100.0', '203.0.113.0']);
    return site;
  };
  const returned = { spec: { prefixes: ['198.51.100.0/32', '203.0.113.0/32'] } };

  it('given a prefix that goes to another pool and back, then an address of it that rests is not given', () => {
    const site = moved();
    site.world.delete(vipKey('b'));
    site.world.patch(poolKey('q'), { spec: { prefixes: ['192.0.2.0/32'] } });
    site.world.patch(poolKey('p'), returned);
    site.vip('c').vip('d');
    expect([site.ip('c'), site.ip('d')]).toEqual(['192.0.2.0', undefined]);
    site.world.pass(ADDRESS_REST_MS + 1_000);
    expect(site.ip('d')).toBe('203.0.113.0');
  });

  it('given a pool that people end while an address of it is held, then no other pool gives that address', () => {
    const site = moved();
    site.world.send({ verb: 'delete', key: poolKey('q') });
    site.world.send({ verb: 'patch', key: poolKey('q'), patchType: 'merge', patch: { metadata: { finalizers: null } } });
    site.world.settle();
    expect(site.world.object(poolKey('q'))).toBeUndefined();
    site.world.patch(poolKey('p'), returned);
    site.vip('c');
    expect([site.ip('b'), site.ip('c')]).toEqual(['203.0.113.0', undefined]);
  });
});

describe('Who waits for an address', () => {
  it('is served some at a time, and what is owed then differs from what was sent, so that nobody waits before sending it', () => {
    const log = new WrittenLog([ipamDomain]);
    const write = (type: string, data: JsonObject) => log.write(PUBLIC_ADDRESSES, [{ type, data }]);
    const ask = (i: number) => ({
      uid: `u${i}`,
      slot: 'IPv4',
      since: 1,
      kind: 'VirtualIP',
      namespace: 'ns',
      name: `v${i}`,
      family: 'IPv4',
      pools: ['p'],
    });
    for (const i of [0, 1, 2]) write('AddressAwaited.v1', ask(i));
    write('AddressPoolDefined.v1', { pool: 'p', request: 'r', now: { prefixes: ['203.0.113.0/31'], excludes: [] } });
    expect(log.owed('fill-addresses')).toMatchObject([{ command: { type: 'FillAwaited', waiting: 3 } }]);
    write('AddressAllocated.v1', { ...ask(0), pool: 'p', ip: '203.0.113.0', waited: true });
    expect(log.owed('fill-addresses')).toMatchObject([{ command: { type: 'FillAwaited', waiting: 2 } }]);
    write('AddressesExhausted.v1', {});
    expect(log.owed('fill-addresses')).toEqual([]);
  });
});

describe('What is wrong with a pool', () => {
  it.each<[string, object, readonly (readonly [string, string])[]]>([
    ['no prefix', { prefixes: [] }, [['FieldValueRequired', 'spec.prefixes']]],
    ['a prefix within another', { prefixes: ['10.0.0.0/8', '10.1.0.0/16'] }, [['FieldValueInvalid', 'spec.prefixes[1]']]],
    [
      'a selector without values',
      { prefixes: ['10.0.0.0/8'], networkSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      [['FieldValueRequired', 'spec.networkSelector.matchExpressions[0].values']],
    ],
  ])('%s', (_, spec, causes) => {
    const reply = new Site().send('AddressPool', 'p', JSON.parse(JSON.stringify(spec)));
    expect(reply).toMatchObject({ ok: false, status: { code: 422 } });
    const found = reply.ok ? [] : (reply.status.details?.causes ?? []);
    expect(found.map(({ reason, field }) => [reason, field])).toEqual(causes);
  });
});
