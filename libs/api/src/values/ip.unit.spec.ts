import fc from 'fast-check';
import { canonicalIp, canonicalPrefix, familyOfIp, parsePrefix } from './ip.ts';

describe('An address', () => {
  // resources 1.3; canonical texts by RFC 5952.
  it.each<[string, string | undefined]>([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['010.0.0.1', undefined],
    ['10.0.0.256', undefined],
    ['10.0.0', undefined],
    ['10.0.0.1 ', undefined],
    ['0x7f.0.0.1', undefined],
    ['167772161', undefined],
    ['10.0.0.1%eth0', undefined],
    ['', undefined],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::2::3', undefined],
    ['2001:db8::12345', undefined],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
    ['::ffff:010.0.0.1', undefined],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['FE80::1%Eth0', 'fe80::1%Eth0'],
    ['fe80::1%', undefined],
    ['example.com', undefined],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  it('that is IPv4-mapped is IPv6 (resources 1.3)', () => {
    expect(familyOfIp('::ffff:10.0.0.1')).toBe('IPv6');
    expect(familyOfIp('10.0.0.1')).toBe('IPv4');
  });

  it('in canonical text is its own', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = canonicalIp(text);
        expect(canonical).toBeDefined();
        expect(canonicalIp(canonical as string)).toBe(canonical);
      }),
    );
  });
});

describe('A prefix', () => {
  it.each<[string, string | undefined]>([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.7/24', '10.0.0.7/24'],
    ['10.0.0.0/33', undefined],
    ['10.0.0.0/08', undefined],
    ['10.0.0.0', undefined],
    ['10.0.0.0/', undefined],
    ['10.0.0.0/-1', undefined],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8::/129', undefined],
    ['fe80::1%eth0/64', undefined],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
  });

  it('keeps its host bits', () => {
    expect(parsePrefix('10.0.0.7/24')).toEqual({ address: '10.0.0.7', length: 24, family: 'IPv4' });
  });
});
