import { chooseUnderlayAddress } from './underlay-address.ts';

const link = (ifname: string, ...addresses: string[]) => ({
  ifname,
  flags: ['UP'],
  addr_info: addresses.map((local) => ({
    family: local.includes(':') ? 'inet6' : 'inet',
    local,
    scope: local.startsWith('fe80') ? 'link' : 'global',
  })),
});
const lo = { ifname: 'lo', flags: ['LOOPBACK', 'UP'], addr_info: [{ family: 'inet', local: '127.0.0.1', scope: 'host' }] };

describe('the default underlay address', () => {
  it.each([
    ['of the default device', [{ dev: 'eth0' }], [lo, link('eth0', '192.0.2.1', 'fe80::1'), link('eth1', '198.51.100.1')], '192.0.2.1'],
    [
      'of the default device with the lowest metric',
      [
        { dev: 'eth0', metric: 100 },
        { dev: 'eth1', metric: 50 },
      ],
      [link('eth0', '192.0.2.1'), link('eth1', '198.51.100.1')],
      '198.51.100.1',
    ],
    ['IPv4 before IPv6', [{ dev: 'eth0' }], [link('eth0', 'fd00::1', '192.0.2.1')], '192.0.2.1'],
    ['IPv6 when there is no IPv4', [{ dev: 'eth0' }], [link('eth0', 'fd00:0::1', 'fe80::1')], 'fd00::1'],
    ['the only one when there is no default route', [], [lo, link('under0', 'fd00::2', 'fe80::2')], 'fd00::2'],
  ])('is the one %s', (_, routes, links, expected) => {
    expect(chooseUnderlayAddress(routes, links)).toBe(expected);
  });

  it.each([
    ['two on the device', [{ dev: 'eth0' }], [link('eth0', '192.0.2.1', '192.0.2.2')], '192.0.2.1 on eth0, 192.0.2.2 on eth0'],
    ['two devices and no default route', [], [link('a', '192.0.2.1'), link('b', '192.0.2.2')], '192.0.2.1 on a, 192.0.2.2 on b'],
    ['none at all', [], [lo], 'no address at all'],
    ['none on the default device', [{ dev: 'tun0' }], [link('tun0', 'fe80::1'), link('b', '192.0.2.2')], '192.0.2.2 on b'],
  ])('is refused with the choices when there are %s', (_, routes, links, named) => {
    expect(() => chooseUnderlayAddress(routes, links)).toThrow(named);
    expect(() => chooseUnderlayAddress(routes, links)).toThrow('WEFT_UNDERLAY_IP');
  });
});
