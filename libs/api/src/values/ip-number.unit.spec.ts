import { familyOfIp, type IpPrefix, parsePrefix } from './ip.ts';
import { holdsRange, ipOfNumber, numberOfIp, rangeOf, rangesOverlap } from './ip-number.ts';

const range = (text: string) => rangeOf(parsePrefix(text) as IpPrefix);

describe('An address as a number', () => {
  it.each([
    ['0.0.0.0', 0n],
    ['10.0.0.1', 0x0a000001n],
    ['255.255.255.255', 0xffffffffn],
    ['::1', 1n],
    ['2001:db8::', 0x20010db8n << 96n],
  ])('%s is %s', (address, number) => {
    expect(numberOfIp(address)).toBe(number);
    expect(ipOfNumber(number, familyOfIp(address))).toBe(address);
  });
});

describe('A range', () => {
  it('begins and ends where its prefix does, whatever the host bits', () => {
    expect(range('10.0.0.7/24')).toEqual({ family: 'IPv4', first: 0x0a000000n, last: 0x0a0000ffn });
    expect(range('0.0.0.0/0')).toEqual({ family: 'IPv4', first: 0n, last: 0xffffffffn });
    expect(range('::1/128')).toEqual({ family: 'IPv6', first: 1n, last: 1n });
  });

  it.each<[string, string, boolean]>([
    ['10.0.0.0/8', '10.0.0.0/24', true],
    ['10.0.0.0/24', '10.0.0.0/24', true],
    ['10.0.0.0/24', '10.0.0.0/8', false],
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['::/0', '10.0.0.0/24', false],
    ['2001:db8::/32', '2001:db8:1::/64', true],
  ])('%s holds %s: %s', (outer, inner, holds) => {
    expect(holdsRange(range(outer), range(inner))).toBe(holds);
  });

  it.each<[string, string, boolean]>([
    ['10.0.0.0/24', '10.0.0.128/25', true],
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['10.0.1.0/24', '10.0.0.0/23', true],
    ['::/0', '10.0.0.0/24', false],
  ])('%s overlaps %s: %s, in either order', (a, b, overlap) => {
    expect(rangesOverlap(range(a), range(b))).toBe(overlap);
    expect(rangesOverlap(range(b), range(a))).toBe(overlap);
  });
});
