/** VirtualIPs with all loops in World (resources 2.3, 3.5, 3.13). */
import { nicKey, Site, vipKey } from '../testing/site.ts';

const seeds = [1, 2, 3];

describe.each(seeds)('A VirtualIP, loops in the order of seed %i', (seed) => {
  const started = () => {
    const site = new Site({ seed, duplicates: 0.3 });
    site.pool('default', ['203.0.113.0/24', '2001:db8:ffff::/64']);
    return site;
  };
  const bound = (site: Site, vip: string) => site.condition(vipKey(vip), 'Bound');

  it('provider C-32: gets an address of its family, and frees it at its end', () => {
    const site = started().vip('four').vip('six', 'IPv6');
    expect([site.ip('four'), site.ip('six')]).toEqual(['203.0.113.0', '2001:db8:ffff::']);
    expect(site.condition(vipKey('four'), 'Ready')).toMatchObject({ status: 'True', reason: 'Allocated', message: '203.0.113.0' });
    site.world.delete(vipKey('four'));
    expect([...site.held().keys()]).toEqual(['2001:db8:ffff::']);
  });

  it('is held by the interface that names it, which keeps it while it names it', () => {
    const site = started().vip('web');
    expect(bound(site, 'web')).toMatchObject({ status: 'False', reason: 'NoClaimant' });
    site.nic('one', '10.0.0.1', 'web');
    expect(site.holder('web')).toBe('one');
    expect(bound(site, 'web')).toMatchObject({ status: 'True', message: 'held by NetworkInterface one' });
    expect(site.names('one', null).holder('web')).toBeUndefined();
    expect(site.names('one', 'web').holder('web')).toBe('one');
  });

  it('may be named before it exists', () => {
    const site = started().nic('one', '10.0.0.1', 'web').vip('web');
    expect(site.holder('web')).toBe('one');
  });

  it('resources Z-19: the first of two interfaces that name it holds it, the other one waits and is named', () => {
    const site = started().vip('web').nic('one', '10.0.0.1', 'web').nic('two', '10.0.0.2', 'web');
    expect(site.holder('web')).toBe('one');
    expect(bound(site, 'web')?.message).toBe('held by NetworkInterface one; NetworkInterface two waits for it');
  });

  it('resources E-25: when the holder goes, the next one gets it in one step, with the same address', () => {
    const site = started().vip('web').nic('one', '10.0.0.1', 'web').nic('two', '10.0.0.2', 'web');
    const ip = site.ip('web');
    const from = site.world.position;
    site.world.delete(nicKey('one'));
    expect([site.holder('web'), site.ip('web')]).toEqual(['two', ip]);
    const moves = site.world.log.filter(({ position, type }) => position > from && /^VirtualIP(?:Claimed|Released)/.test(type));
    expect(moves.map(({ type }) => type)).toEqual(['VirtualIPClaimed.v1']);
  });

  it('belongs to the one that named it first, whichever was made first', () => {
    const site = started().nic('one', '10.0.0.1').nic('two', '10.0.0.2', 'web').names('one', 'web').vip('web');
    expect(site.holder('web')).toBe('two');
  });

  it('given a holder that is being deleted, then it keeps it until its end, and nobody who is being deleted gets it', () => {
    const site = started().vip('web').nic('one', '10.0.0.1', 'web');
    site.world.patch(nicKey('one'), { metadata: { finalizers: ['example.com/hold'] } });
    site.nic('two', '10.0.0.2', 'web');
    site.world.patch(nicKey('two'), { metadata: { finalizers: ['example.com/hold'] } });
    site.world.delete(nicKey('two'));
    site.world.delete(nicKey('one'));
    expect(site.holder('web')).toBe('one');
    site.world.patch(nicKey('one'), { metadata: { finalizers: null } });
    expect(site.holder('web')).toBeUndefined();
  });

  it('resources C-14: a holder that a client wrote and that does not exist is removed', () => {
    const site = started();
    site.send('VirtualIP', 'web', { type: 'Public', ipFamily: 'IPv4', targetRef: { name: 'should-not-exist', uid: 'random' } });
    expect(site.holder('web')).toBeUndefined();
  });

  it('resources C-14: so is one of another incarnation, which the living one replaces', () => {
    const site = started().nic('one', '10.0.0.1', 'web');
    site.send('VirtualIP', 'web', { type: 'Public', ipFamily: 'IPv4', targetRef: { name: 'one', uid: 'former' } });
    expect(site.world.object(vipKey('web'))?.spec?.['targetRef']).toEqual({ name: 'one', uid: site.uid(nicKey('one')) });
  });

  it('resources Q-21, Z-18: may be deleted while it is held; made again, it is held again, with another address', () => {
    const site = started().vip('web').nic('one', '10.0.0.1', 'web');
    site.world.delete(vipKey('web'));
    expect(site.world.get(vipKey('web'))?.status).not.toBe('live');
    site.vip('web');
    expect([site.holder('web'), site.ip('web')]).toEqual(['one', '203.0.113.1']);
  });

  it('resources Q-20: shows no address that a client made up', () => {
    const site = new Site({ seed });
    const object = {
      apiVersion: 'networking.ironcore.dev/v1alpha1',
      kind: 'VirtualIP',
      metadata: { namespace: 'ns', name: 'web' },
      spec: { type: 'Public', ipFamily: 'IPv4' },
      status: { ip: '192.0.2.66' },
    };
    site.world.send({ verb: 'create', kind: 'VirtualIP', namespace: 'ns', object });
    expect(site.ip('web')).toBeUndefined();
  });
});
