import { guestAddressProblem, guestNetnsProblem } from './guest.ts';
import { canonicalIp } from './ip.ts';

describe('A guest', () => {
  it.each(['10.0.0.1', '169.254.0.2', '100.64.0.1', '223.255.255.255', '2001:db8::1', 'fd00::1', 'fe8::1', 'ff::1', 'fec0::1', '::ffff:1'])(
    'can have %s',
    (text) => {
      expect(guestAddressProblem(canonicalIp(text)!)).toBeUndefined();
    },
  );

  it.each([
    ['0.0.0.0', 'stands for no host'],
    ['0.1.2.3', 'stands for no host'],
    ['::', 'stands for no host'],
    ['127.0.0.1', 'is a loopback address'],
    ['::1', 'is a loopback address'],
    ['224.0.0.1', 'is a multicast address'],
    ['239.1.1.1', 'is a multicast address'],
    ['FF02::1', 'is a multicast address'],
    ['240.0.0.1', 'is reserved'],
    ['255.255.255.255', 'is reserved'],
    ['169.254.0.1', 'is the address of every gateway'],
    ['fe80::1', 'is a link-local address'],
    ['febf::1', 'is a link-local address'],
    ['fd77:6566:7400::1', 'is one of those under which routers answer'],
    ['fd77:6566:74ff:c8::1', 'is one of those under which routers answer'],
    ['fe80::7%eth0', 'has a zone'],
    ['::ffff:10.0.0.1', 'is IPv4-mapped, which is never sent'],
  ])('cannot have %s, which %s', (text, why) => {
    expect(guestAddressProblem(canonicalIp(text)!)).toBe(why);
  });

  it('cannot have an IPv4-mapped address in hex either', () => {
    expect(guestAddressProblem('::ffff:a00:1')).toBeDefined();
  });

  it('has a namespace whose name is valid and not that of a router', () => {
    expect(['guest', 'a', 'weftguest-1', 'G.1_x', 'x'.repeat(100)].map(guestNetnsProblem)).toEqual(Array(5).fill(undefined));
    for (const name of ['', '.', '..', 'a/b', '-x', 'a b', 'weft-1-r200', 'x'.repeat(101)]) expect(guestNetnsProblem(name)).toBeDefined();
  });
});
