import fc from 'fast-check';
import { isPlain, isSingle, type NftType, partsOf, textOfParts } from './nft-types.ts';

describe('A text of nft that is plain', () => {
  const parts: readonly (readonly [NftType, fc.Arbitrary<string>])[] = [
    ['ipv4_addr', fc.oneof(fc.ipV4(), fc.constantFrom('10.0.0.0/8', '1.2.3.4/32', '1.2.3.256', '01.2.3.4', '1.2.3', '1.2.3.4-1.2.3.5'))],
    ['ipv6_addr', fc.ipV6()],
    ['ifname', fc.constantFrom('g0123', 'vx', '', 'g 1', 'a-much-too-long-name')],
    ['inet_service', fc.oneof(fc.integer({ min: 0, max: 70_000 }).map(String), fc.constantFrom('080', '1-2', 'http'))],
    ['inet_proto', fc.constantFrom('tcp', 'udp', 'sctp', 'icmp', '6', '17', 'TCP', '0-255')],
    ['mark', fc.oneof(fc.bigInt(0n, 2n ** 33n).map(String), fc.constantFrom('07', '0x7', '4294967295', '4294967296'))],
    ['classid', fc.constantFrom('0:1', '1036:b2', '0:0', '00:1', 'fffff:1', '1:F')],
    ['verdict', fc.constantFrom('accept', 'drop', 'jump policy_exact', 'goto x', 'jump 1', 'return')],
  ];

  it('is one value, and written as it has to be', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 3 }), fc.context(), fc.gen(), (some, _, gen) => {
        const types = some.map(([type]) => type);
        const text = some.map(([, texts]) => gen(() => texts)).join(' . ');
        if (!isPlain(types, text)) return;
        const found = partsOf(types, text);
        expect([found?.every(isSingle), textOfParts(found ?? [])]).toEqual([true, text]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is what large sections consist of', () => {
    expect(isPlain(['classid', 'mark', 'inet_proto', 'inet_service'], '5ae2:a13f . 3214406123 . tcp . 1000')).toBe(true);
    expect(isPlain(['ipv4_addr'], '10.0.0.7')).toBe(true);
    expect(isPlain(['mark'], '4294967296')).toBe(false);
  });
});
