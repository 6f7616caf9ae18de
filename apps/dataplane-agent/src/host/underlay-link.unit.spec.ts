import { linkOf, underlayTrouble } from './underlay-link.ts';

/** As `ip -j address show to fd00::1` prints it, shortened. */
const link = (...flags: string[]) => ({ ifname: 'eth0', mtu: 9_000, flags, addr_info: [{ local: 'fd00::1' }] });

describe('The device that has the underlay address', () => {
  it('is told with its MTU, and whether it is up', () => {
    expect(linkOf([{}, link('BROADCAST', 'UP', 'LOWER_UP')])).toEqual({ device: 'eth0', mtu: 9_000, up: true });
    expect(linkOf([link('BROADCAST')])).toMatchObject({ up: false });
    expect(linkOf([link('NO-CARRIER', 'BROADCAST', 'UP')])).toMatchObject({ up: false });
    expect(linkOf([])).toBeUndefined();
    expect(linkOf([{}, { ...link('UP'), addr_info: [] }])).toBeUndefined();
  });

  it('is in trouble when it is not there or down', () => {
    expect(underlayTrouble('fd00::1', linkOf([link('UP', 'LOWER_UP')]))).toBeUndefined();
    expect(underlayTrouble('fd00::1', linkOf([link('NO-CARRIER', 'UP')]))).toEqual({
      reason: 'UnderlayDown',
      message: 'device eth0 of underlay address fd00::1 is down',
    });
    expect(underlayTrouble('fd00::1', undefined)).toEqual({
      reason: 'UnderlayAddressMissing',
      message: 'underlay address fd00::1 is on no device of this host',
    });
  });
});
