import type { ApiObject, Reply } from '@weft/api';
import { poolKey, Site } from '../testing/site.ts';
import { addressPoolRules } from './address-pool.rules.ts';
import type { AddressPoolTypes } from './address-pool.types.ts';

const causesOf = (reply: Reply) => (reply.ok ? [] : reply.status.details?.causes?.map(({ field, message }) => `${field} ${message}`));

describe('The prefixes of an AddressPool', () => {
  it.each([
    ['0.0.0.0/8', '0.0.0.0/8, which stands for "this network" (RFC 6890)'],
    ['127.0.0.0/30', '127.0.0.0/8, which is for loopback (RFC 6890)'],
    ['169.254.1.0/24', '169.254.0.0/16, which is link-local (RFC 6890)'],
    ['224.0.0.0/30', '224.0.0.0/4, which is for multicast (RFC 5771)'],
    ['239.255.255.255/32', '224.0.0.0/4, which is for multicast (RFC 5771)'],
    ['255.255.255.254/31', '255.255.255.255/32, which is the limited broadcast address (RFC 6890)'],
    ['0.0.0.0/0', '0.0.0.0/8, which stands for "this network" (RFC 6890)'],
    ['::/128', '::/128, which is the unspecified address (RFC 6890)'],
    ['::1/128', '::1/128, which is the loopback address (RFC 6890)'],
    ['::ffff:203.0.113.0/120', '::ffff:0:0/96, which is for IPv4-mapped addresses, which are never sent (RFC 6890)'],
    ['fe80::/64', 'fe80::/10, which is link-local (RFC 6890)'],
    ['ff02::/16', 'ff00::/8, which is for multicast (RFC 4291)'],
  ])('are refused with the reason when nobody can have their addresses: %s', (prefix, why) => {
    const reply = new Site().pool('p', ['203.0.113.0/24', prefix]);
    expect(reply).toMatchObject({ ok: false, status: { code: 422 } });
    expect(causesOf(reply)).toEqual([expect.stringContaining(`spec.prefixes[1] Invalid value: "${prefix}": must not overlap ${why}`)]);
  });

  it('may be private ones, those of documentation, and reserved ones that kernels forward', () => {
    const prefixes = [
      '10.0.0.0/8',
      '100.64.0.0/10',
      '192.168.0.0/16',
      '192.0.2.0/24',
      '203.0.113.0/24',
      '223.255.255.255/32',
      '240.0.0.0/5',
    ];
    expect(new Site().pool('p', [...prefixes, 'fd00::/32', '2001:db8::/32', '64:ff9b::/96'])).toMatchObject({ ok: true });
  });

  it('resources 1.3: keep their host bits', () => {
    const site = new Site();
    expect(site.pool('p', ['203.0.113.1/25'])).toMatchObject({ ok: true });
    expect(site.world.object(poolKey('p'))?.spec).toEqual({ prefixes: ['203.0.113.1/25'] });
  });

  it('given a pool of an older version that has such a prefix, then it keeps it, and only what is new is refused', () => {
    const pool = (...prefixes: string[]): ApiObject<AddressPoolTypes> => ({
      apiVersion: 'fabric.weft.dev/v1alpha1',
      kind: 'AddressPool',
      metadata: { name: 'p', uid: '', resourceVersion: '', creationTimestamp: '' },
      spec: { prefixes },
    });
    const old = pool('127.0.0.0/30', '203.0.113.0/32');
    const fields = (after: typeof old) => addressPoolRules(after, old).map(({ field }) => field);
    expect(fields(old)).toEqual([]);
    expect(fields(pool('203.0.113.0/32', '127.0.0.0/30', '198.51.100.0/24'))).toEqual([]);
    expect(fields(pool('203.0.113.0/32'))).toEqual([]);
    expect(fields(pool('203.0.113.0/32', '127.0.0.0/31'))).toEqual(['spec.prefixes[1]']);
  });
});
