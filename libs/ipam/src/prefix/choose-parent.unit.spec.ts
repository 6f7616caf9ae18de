/** Which Prefix a selector gets (resources 3.12). */
import type { JsonObject } from '@weft/api';
import { allocationKey, PrefixSite, prefixKey } from '../testing/prefix-site.ts';

const asks = (matchLabels: JsonObject, more: JsonObject = {}) => ({
  ipFamily: 'IPv4',
  prefixLength: 28,
  prefixSelector: { matchLabels },
  ...more,
});
const chosen = (site: PrefixSite, name = 'asks') =>
  (site.world.object(allocationKey(name))?.spec?.['prefixRef'] as { name: string } | undefined)?.name;

describe('A PrefixAllocation with a selector', () => {
  it.each<[string, (site: PrefixSite) => unknown]>([
    ['has not all labels', (site) => site.prefix('p', { prefix: '10.0.0.0/24' }, { a: 'x' })],
    ['is of the other family', (site) => site.prefix('p', { prefix: '2001:db8::/64' }, { a: 'x', b: 'y' })],
    ['is not larger', (site) => site.prefix('p', { prefix: '10.0.0.0/28' }, { a: 'x', b: 'y' })],
    ['has no room', (site) => site.prefix('p', { prefix: '10.0.0.0/27' }, { a: 'x', b: 'y' }).child('c', 'p', 28).child('d', 'p', 28)],
    ['has no range', (site) => site.prefix('p', { ipFamily: 'IPv4', prefixLength: 24, parentRef: { name: 'none' } }, { a: 'x', b: 'y' })],
    [
      'is being deleted',
      (site) => site.prefix('p', { prefix: '10.0.0.0/24' }, { a: 'x', b: 'y' }).child('c', 'p', 28).delete(prefixKey('p')),
    ],
  ])('does not get a Prefix that %s', (_title, given) => {
    const site = new PrefixSite();
    given(site);
    site.allocation('asks', asks({ a: 'x', b: 'y' }));
    expect(chosen(site)).toBeUndefined();
    expect(site.condition(allocationKey('asks'))).toMatchObject({ status: 'False', reason: 'NoSuitablePrefix' });
  });

  it('gets a Prefix as soon as that has the labels', () => {
    const site = new PrefixSite().prefix('p', { prefix: '10.0.0.0/24' }, { a: 'x' }).allocation('asks', asks({ a: 'x', b: 'y' }));
    site.world.patch(prefixKey('p'), { metadata: { labels: { b: 'y' } } });
    expect([chosen(site), site.phase('asks', allocationKey)]).toEqual(['p', 'Allocated']);
  });

  it('stays with the Prefix that was chosen, also when that has no room any more', () => {
    const site = new PrefixSite().prefix('p', { prefix: '10.0.0.0/24' }, { a: 'x' });
    site.send('PrefixAllocation', 'asks', asks({ a: 'x' }));
    site.world.send({
      verb: 'act',
      key: allocationKey('asks'),
      action: 'Schedule',
      payload: { uid: site.world.object(allocationKey('asks'))?.metadata.uid ?? '', prefix: 'full' },
    });
    site.prefix('full', { prefix: '10.1.0.0/27' }, { a: 'x' }).child('c', 'full', '10.1.0.0/28');
    expect(chosen(site)).toBe('full');
  });

  it('is answered the same each time, and those who ask at the same moment are spread', () => {
    const spread = () => {
      const site = new PrefixSite();
      for (const name of ['p', 'q', 'r']) site.prefix(name, { prefix: '10.0.0.0/24' }, { a: 'x' });
      const names = Array.from({ length: 12 }, (_, i) => `asks-${i}`);
      for (const name of names) site.send('PrefixAllocation', name, asks({ a: 'x' }));
      site.world.settle();
      return names.map((name) => chosen(site, name));
    };
    const first = spread();
    expect(new Set(first)).toEqual(new Set(['p', 'q', 'r']));
    expect(spread()).toEqual(first);
  });
});
