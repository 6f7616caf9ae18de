import fc from 'fast-check';
import { canonicalAddress, hostOfNextHop, labelOf, nextHop, parseLabel, parseRouterMac, routerMac, vniOfNamespace } from './names.ts';

const vni = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const host = fc.integer({ min: 0, max: 2 ** 16 - 1 });

describe('Names in the kernel', () => {
  it('are those that every host agrees on', () => {
    expect(routerMac(100, 2)).toBe('06:00:00:64:00:02');
    expect(nextHop(100, 2)).toBe('fe80::64:2');
    expect(nextHop(300, 258)).toBe('fe80::12c:102');
    expect(nextHop(0x10064, 2)).toBe('fe80::1:64:2');
  });

  it('lead back to network and host', () => {
    fc.assert(
      fc.property(vni, host, (network, index) => {
        expect(parseRouterMac(routerMac(network, index))).toEqual({ vni: network, hostIndex: index });
        expect(hostOfNextHop(network, nextHop(network, index))).toBe(index);
      }),
    );
  });

  it('differ between networks and between hosts, and from the gateway', () => {
    fc.assert(
      fc.property(vni, host, vni, host, (network, index, otherNetwork, otherIndex) => {
        const same = network === otherNetwork && index === otherIndex;
        expect(nextHop(network, index) === nextHop(otherNetwork, otherIndex)).toBe(same);
        expect(routerMac(network, index) === routerMac(otherNetwork, otherIndex)).toBe(same);
        expect(nextHop(network, index)).not.toBe('fe80::1');
        if (network !== otherNetwork) expect(hostOfNextHop(network, nextHop(otherNetwork, otherIndex))).toBeUndefined();
      }),
    );
  });

  it('claim no namespace of another host', () => {
    expect(vniOfNamespace(1, 'weft-1-r300')).toBe(300);
    for (const other of ['weft-11-r300', 'weft-1-ext', 'weft-1-r', 'weft-1-r0300', 'weft-1-r300x', 'xweft-1-r300', 'weftguest-1']) {
      expect(vniOfNamespace(1, other)).toBeUndefined();
    }
  });

  it('take addresses in one spelling', () => {
    expect(canonicalAddress('FD10:0:0::0001')).toBe('fd10::1');
    expect(canonicalAddress('10.0.0.1')).toBe('10.0.0.1');
    for (const none of ['10.0.0', '010.0.0.1', '10.0.0.1/32', 'fe80::1%eth0', '', 'x', '::g'])
      expect(canonicalAddress(none)).toBeUndefined();
  });

  it('carry labels that are told from others', () => {
    const label = labelOf({ nic: 'a', pos: '5' });
    expect(parseLabel(label)).toEqual({ nic: 'a', pos: '5' });
    for (const foreign of [undefined, '', 'eth0 of mine', 'wefty nic=a']) expect(parseLabel(foreign)).toBeUndefined();
  });
});
