/** Prefixes and their PrefixAllocations with all loops in World: resources 3.11, 3.12, 3.15, 3.16, 4.3. */
import type { JsonObject } from '@weft/api';
import { allocationKey, PrefixSite, prefixKey } from '../testing/prefix-site.ts';

const ROOT = { prefix: '10.0.0.0/24' };
const seeds = [1, 2, 3];

describe.each(seeds)('Prefixes, loops in the order of seed %i', (seed) => {
  const started = () => new PrefixSite({ seed, duplicates: 0.3 });

  it('resources C-30: a root is allocated at once, and nothing asks for it', () => {
    const site = started().prefix('root', ROOT);
    expect(site.world.object(prefixKey('root'))).toMatchObject({
      spec: { ipFamily: 'IPv4', prefix: '10.0.0.0/24' },
      status: { phase: 'Allocated', lastPhaseTransitionTime: expect.any(String) },
    });
    expect(site.used('root')).toEqual([]);
    expect(site.allocations('root')).toEqual([]);
    expect(site.condition(prefixKey('root'))).toMatchObject({ status: 'True', reason: 'Allocated' });
  });

  it('resources C-31: a child takes a range of the length that it asks for', () => {
    const site = started().prefix('root', ROOT).child('child', 'root', 28);
    expect(site.spec('child')).toEqual({ ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'root' }, prefix: '10.0.0.0/28' });
    expect([site.phase('child'), site.used('child'), site.used('root')]).toEqual(['Allocated', [], ['10.0.0.0/28']]);
    const [allocation, ...others] = site.allocations('child');
    expect(others).toEqual([]);
    expect(allocation).toMatchObject({
      metadata: { name: expect.stringMatching(/^child-[a-z0-9]{5}$/), labels: { 'ipam.ironcore.dev/requester-uid': site.uid('child') } },
      status: { phase: 'Allocated', prefix: '10.0.0.0/28' },
    });
    expect(allocation?.spec).toEqual({ ipFamily: 'IPv4', prefixLength: 28, prefixRef: { name: 'root' } });
  });

  it('resources C-32: a child that is larger than its parent is Pending, and its allocation Failed', () => {
    const site = started().prefix('root', ROOT).child('child', 'root', 8);
    site.world.pass(2_000_000);
    expect(site.phase('child')).toBe('Pending');
    expect(site.allocations('child').map(({ status }) => status.phase)).toEqual(['Failed']);
    const message = 'Prefix root (10.0.0.0/24) is not larger than /8';
    expect(site.condition(prefixKey('child'))).toMatchObject({ status: 'False', reason: 'PrefixUnsuitable', message });
  });

  it('resources C-33, Z-26: a child with a selector waits for a parent that it picks', () => {
    const site = started().prefix('child', { ipFamily: 'IPv4', prefixLength: 28, parentSelector: { matchLabels: { foo: 'bar' } } });
    site.prefix('unlabelled', ROOT);
    expect([site.phase('child'), site.spec('child')?.['parentRef']]).toEqual(['Pending', undefined]);
    expect(site.condition(prefixKey('child'))).toMatchObject({
      reason: 'NoSuitablePrefix',
      message: 'no allocated IPv4 Prefix that its selector picks has /28 free',
    });
    site.prefix('labelled', ROOT, { foo: 'bar' });
    expect([site.range('child'), site.spec('child')?.['parentRef']]).toEqual(['10.0.0.0/28', { name: 'labelled' }]);
    expect([site.used('labelled'), site.used('unlabelled')]).toEqual([['10.0.0.0/28'], []]);
    const [allocation, ...others] = site.allocations('child');
    expect(others).toEqual([]);
    expect(allocation?.spec).toEqual({
      ipFamily: 'IPv4',
      prefixLength: 28,
      prefixRef: { name: 'labelled' },
      prefixSelector: { matchLabels: { foo: 'bar' } },
    });
    expect(allocation?.status).toMatchObject({ phase: 'Allocated', prefix: '10.0.0.0/28' });
  });

  it('resources C-34: a child takes the very range that it names', () => {
    const site = started().prefix('root', { prefix: '10.0.0.0/8' }).child('child', 'root', '10.0.0.0/9');
    expect([site.range('child'), site.used('root')]).toEqual(['10.0.0.0/9', ['10.0.0.0/9']]);
  });

  it('resources C-35, Z-25: a child never gets the whole range of its parent', () => {
    const site = started().prefix('root', { prefix: '10.0.0.0/8' }).child('child', 'root', '10.0.0.0/8');
    site.world.pass(2_000_000);
    expect([site.phase('child'), site.allocations('child').map(({ status }) => status.phase)]).toEqual(['Pending', ['Failed']]);
  });

  it('resources C-36: nor a range of its length', () => {
    const site = started().prefix('root', { prefix: '10.0.0.0/8' }).child('child', 'root', 8);
    site.world.pass(2_000_000);
    expect([site.phase('child'), site.allocations('child').map(({ status }) => status.phase)]).toEqual(['Pending', ['Failed']]);
  });

  it('resources Z-24: a child of a full parent waits, and gets what another one gives back', () => {
    const site = started().prefix('root', { prefix: '10.0.0.0/31' }).child('a', 'root', 32).child('b', 'root', 32).child('c', 'root', 32);
    expect([site.range('a'), site.range('b'), site.phase('c')]).toEqual(['10.0.0.0/32', '10.0.0.1/32', 'Pending']);
    expect(site.allocations('c').map(({ status }) => status.phase)).toEqual(['Pending']);
    const message = 'Prefix root (10.0.0.0/31) has no free /32';
    expect(site.condition(prefixKey('c'))).toMatchObject({ reason: 'PrefixExhausted', message });
    site.delete(prefixKey('a'));
    expect([site.range('c'), site.used('root')]).toEqual(['10.0.0.0/32', ['10.0.0.0/32', '10.0.0.1/32']]);
    expect(site.condition(prefixKey('c'))).toMatchObject({ status: 'True', message: '10.0.0.0/32 of Prefix root' });
  });

  it('resources E-26: the smallest free block that is large enough is taken', () => {
    const site = started().prefix('root', ROOT).child('first', 'root', '10.0.0.64/27').child('second', 'root', 27);
    expect(site.range('second')).toBe('10.0.0.96/27');
  });

  it('resources E-27: ranges in use are shown in the order of their text', () => {
    const site = started().prefix('root', ROOT).child('two', 'root', '10.0.0.2/32').child('ten', 'root', '10.0.0.10/32');
    expect(site.used('root')).toEqual(['10.0.0.10/32', '10.0.0.2/32']);
  });

  it('resources G-13, G-14, G-15: may be applied in any order', () => {
    const site = started()
      .allocation('pod-pool-1', { ipFamily: 'IPv4', prefixLength: 20, prefixRef: { name: 'site-v4' } })
      .prefix('pod-pool', { ipFamily: 'IPv4', prefixLength: 20, parentRef: { name: 'site-v4' } })
      .prefix('dns-anycast', { prefix: '10.40.255.53/32', parentSelector: { matchLabels: { pool: 'batch' } } });
    expect(site.condition(prefixKey('pod-pool'))).toMatchObject({ reason: 'PrefixNotFound', message: 'waits for Prefix site-v4' });
    site.prefix('site-v4', { prefix: '10.40.0.0/16' }, { pool: 'batch' });
    expect([site.phase('pod-pool'), site.phase('pod-pool-1', allocationKey), site.range('dns-anycast')]).toEqual([
      'Allocated',
      'Allocated',
      '10.40.255.53/32',
    ]);
    expect(site.used('site-v4')).toHaveLength(3);
    site.delete(allocationKey('pod-pool-1'));
    expect(site.used('site-v4')).toHaveLength(2);
  });

  it('resources Q-22: roots may overlap', () => {
    const site = started().prefix('one', ROOT).prefix('two', ROOT);
    expect([site.phase('one'), site.phase('two')]).toEqual(['Allocated', 'Allocated']);
  });

  it('a child of a child has its range as soon as its parent has one', () => {
    const site = started().child('leaf', 'middle', 28).child('middle', 'root', 26);
    expect(site.condition(prefixKey('leaf'))).toMatchObject({
      reason: 'PrefixNotAllocated',
      message: 'waits until Prefix middle has its range',
    });
    site.prefix('root', ROOT);
    expect([site.range('middle'), site.range('leaf')]).toEqual(['10.0.0.0/26', '10.0.0.0/28']);
  });

  it('resources 3.15: a Prefix stays until nobody holds a part of it, then its parent has its range again', () => {
    const site = started().prefix('root', ROOT).child('middle', 'root', 26).child('leaf', 'middle', 28);
    site.delete(prefixKey('middle'));
    expect(site.condition(prefixKey('middle'), 'DeletionBlocked')).toMatchObject({
      status: 'True',
      reason: 'InUse',
      message: 'waits until nobody holds parts of it; leaf has 10.0.0.0/28',
    });
    site.child('late', 'middle', 28);
    expect(site.condition(prefixKey('late'))).toMatchObject({ reason: 'PrefixDeleting' });
    site.delete(prefixKey('leaf'));
    expect([site.world.object(prefixKey('middle')), site.used('root')]).toEqual([undefined, []]);
    expect([...site.world.fold.list('PrefixAllocation')].map(({ object }) => object.metadata.name)).toEqual(
      site.allocations('late').map(({ metadata }) => metadata.name),
    );
    site.delete(prefixKey('late'), prefixKey('root'));
    expect([...site.world.fold.list('Prefix'), ...site.world.fold.list('PrefixAllocation')]).toEqual([]);
    expect([...site.world.fold.records('prefix-ranges')]).toEqual([]);
  });

  it('keeps its range, and its finalizer, whatever becomes of its allocation', () => {
    const site = started().prefix('root', ROOT).child('child', 'root', 28);
    const [allocation] = site.allocations('child');
    site.delete(allocationKey(allocation?.metadata.name ?? ''));
    site.world.patch(prefixKey('child'), { metadata: { finalizers: null } });
    expect([site.range('child'), site.used('root')]).toEqual(['10.0.0.0/28', ['10.0.0.0/28']]);
    expect(site.world.object(prefixKey('child'))?.metadata.finalizers).toEqual(['ipam.ironcore.dev/prefix']);
  });

  it('a request that is narrowed to a literal range asks for that one', () => {
    const site = started().child('child', 'root', 28);
    const before = site.allocations('child');
    site.world.patch(prefixKey('child'), { spec: { prefix: '10.0.0.16/28' } });
    const after = site.allocations('child');
    expect([before.length, after.length, before[0]?.metadata.name === after[0]?.metadata.name]).toEqual([1, 1, false]);
    site.prefix('root', ROOT);
    expect([site.range('child'), site.used('root')]).toEqual(['10.0.0.16/28', ['10.0.0.16/28']]);
  });

  it('resources 3.11: a failed request is made anew when a parent of its name could fit it', () => {
    const site = started().prefix('root', { prefix: '10.0.0.0/28' }).child('child', 'root', 28);
    const [failed] = site.allocations('child');
    expect(failed?.status.phase).toBe('Failed');
    site.delete(prefixKey('root')).prefix('root', ROOT);
    site.world.pass(10);
    expect(site.range('child')).toBe('10.0.0.0/28');
    expect(site.allocations('child').map(({ metadata }) => metadata.name)).not.toContain(failed?.metadata.name);
  });

  it('an allocation that somebody else has made under the name of its own is passed over', () => {
    const requestId = '6f1d3c5e-0000-5000-8000-0000000000aa';
    const spec = { ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'root' } };
    const twin = started();
    twin.send('Prefix', 'child', spec, {}, requestId);
    twin.world.settle();
    const name = twin.allocations('child')[0]?.metadata.name ?? '';
    const site = started().allocation(name, { ipFamily: 'IPv4', prefixLength: 30, prefixRef: { name: 'root' } });
    site.send('Prefix', 'child', spec, {}, requestId);
    site.prefix('root', ROOT);
    expect([site.phase(name, allocationKey), site.range('child')?.endsWith('/28')]).toEqual(['Allocated', true]);
    expect(site.world.log.filter(({ type }) => type === 'PrefixAllocationRetried.v1')).toHaveLength(1);
  });

  it('an allocation that pretends to be made for a Prefix goes, and gets nothing', () => {
    const site = started().prefix('root', ROOT).child('child', 'root', 28);
    const { kind, apiVersion, metadata } = site.world.object(prefixKey('child')) ?? { metadata: { uid: '' } };
    const { uid } = metadata;
    site.world.create({
      apiVersion: 'ipam.ironcore.dev/v1alpha1',
      kind: 'PrefixAllocation',
      metadata: {
        namespace: 'ns',
        name: 'forged',
        labels: { 'ipam.ironcore.dev/requester-uid': uid },
        ownerReferences: [{ apiVersion: apiVersion ?? '', kind: kind ?? '', name: 'child', uid, controller: true }],
      },
      spec: { ipFamily: 'IPv4', prefixLength: 30, prefixRef: { name: 'root' } },
    });
    expect([site.world.object(allocationKey('forged')), site.used('root')]).toEqual([undefined, ['10.0.0.0/28']]);
  });

  it('a family has its own addresses', () => {
    const site = started()
      .prefix('root', { prefix: '2001:db8::/32' })
      .prefix('child', { ipFamily: 'IPv6', prefixLength: 64, parentRef: { name: 'root' } })
      .child('other', 'root', 24);
    expect(site.range('child')).toBe('2001:db8::/64');
    expect(site.condition(prefixKey('other'))?.message).toBe('Prefix root is of family IPv6, and IPv4 is asked for');
  });
});

describe('The status of a Prefix', () => {
  const writeStatus = (site: PrefixSite, status: JsonObject) =>
    site.world.do({ verb: 'patch', key: prefixKey('root'), patchType: 'merge', patch: { status }, subresource: 'status' });

  it('is not written by users', () => {
    const site = new PrefixSite().prefix('root', ROOT);
    expect(writeStatus(site, { phase: 'Pending' })).toMatchObject({ ok: false, status: { code: 403 } });
  });

  it('resources P-S1: an outside provider is held to its rules', () => {
    const site = new PrefixSite({ externalProvider: true }).prefix('root', ROOT);
    expect(writeStatus(site, { phase: 'Pending' })).toMatchObject({
      ok: false,
      status: { code: 422, details: { causes: [{ reason: 'FieldValueForbidden', field: 'status.phase' }] } },
    });
    expect(writeStatus(site, { used: ['10.0.0.0/28'] })).toMatchObject({ ok: true });
  });
});
