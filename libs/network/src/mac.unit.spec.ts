import fc from 'fast-check';
import { INDEX_MAX, macOf, macOfNic } from './mac.ts';

const vnis = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const indexes = fc.integer({ min: 0, max: INDEX_MAX });
const firstOctet = (mac: string) => Number.parseInt(mac.slice(0, 2), 16);

describe('The MAC of an interface', () => {
  it.each([
    [200, 0, '02:00:00:c8:00:00'],
    [200, 1, '02:00:00:c8:00:01'],
    [0x123456, 0xabcd, '02:12:34:56:ab:cd'],
    [200, 65_535, '02:00:00:c8:ff:ff'],
    [200, 65_536, '0a:00:00:c8:00:00'],
    [200, 2 * 65_536, '0e:00:00:c8:00:00'],
    [2 ** 24 - 1, INDEX_MAX, 'fe:ff:ff:ff:ff:ff'],
  ])('of VNI %i and index %i is %s', (vni, index, mac) => {
    expect(macOf(vni, index)).toBe(mac);
  });

  it('holds VNI and index, so no two interfaces have the same MAC', () => {
    fc.assert(
      fc.property(vnis, indexes, (vni, index) => {
        const octets = macOf(vni, index)
          .split(':')
          .map((octet) => Number.parseInt(octet, 16));
        const [first, ...rest] = octets as [number, number, number, number, number, number];
        const number = rest.reduce((sum, octet) => sum * 256 + octet, 0);
        const high = first === 0x02 ? 0 : (first - 0x06) / 4;
        expect([Math.floor(number / 65_536), high * 65_536 + (number % 65_536)]).toEqual([vni, index]);
      }),
    );
    const firsts = Array.from({ length: 63 }, (_, high) => macOf(1, high * 65_536).slice(0, 2));
    expect(new Set(firsts).size).toBe(63);
  });

  it('is a unicast address, locally administered, and neither a router’s nor the gateway’s', () => {
    fc.assert(
      fc.property(vnis, indexes, (vni, index) => {
        const mac = macOf(vni, index);
        expect(mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
        expect(firstOctet(mac) & 0b11).toBe(0b10);
        expect(firstOctet(mac)).not.toBe(0x06);
        expect(mac).not.toBe('02:00:00:00:00:01');
      }),
    );
  });

  it.each([
    [0, 1],
    [2 ** 24, 1],
    [200, -1],
    [200, INDEX_MAX + 1],
    [200, 1.5],
  ])('does not exist for VNI %d and index %d', (vni, index) => {
    expect(() => macOf(vni, index)).toThrow(RangeError);
  });

  it('stays the one that an older version gave', () => {
    expect(macOfNic({ mac: '02:00:00:00:10:00', index: 7 }, 200)).toBe('02:00:00:00:10:00');
    expect(macOfNic({ index: 7 }, 200)).toBe('02:00:00:c8:00:07');
    expect(macOfNic({}, 200)).toBeUndefined();
  });
});
