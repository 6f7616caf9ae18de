/** A feature for the drivers' contract: sections of all kinds, and rules that use them. */
import type { Feature } from '@weft/fabric';

export const entriesFeature: Feature = {
  name: 'test',
  tables: [],
  sections: [
    { kind: 'nft', name: 'test_set', key: ['ifname', 'ether_addr', 'ipv4_addr'] },
    { kind: 'nft', name: 'test_map', key: ['ipv6_addr'], value: ['mark'] },
    { kind: 'nft', name: 'test_block', key: ['mark', 'ipv4_addr', 'inet_proto', 'inet_service'], interval: true },
    {
      kind: 'nft',
      name: 'test_class',
      key: ['classid', 'ipv6_addr', 'inet_proto', 'inet_service'],
      interval: true,
      typeof: 'meta priority . ip6 saddr . meta l4proto . th dport',
    },
    { kind: 'nft', name: 'test_way', key: ['ipv4_addr', 'inet_service'], value: ['verdict'] },
    { kind: 'nft', name: 'test_slice', key: ['ipv4_addr'], value: ['ipv4_addr', 'inet_service'], ranges: true, ends: 'value' },
    { kind: 'nft', name: 'test_ports', key: ['inet_service'], interval: true, chainOf: (ports) => [`tcp dport ${ports} drop`, 'accept'] },
    { kind: 'nft', name: 'test_target', key: ['mark', 'mark'], value: ['ipv4_addr'] },
  ],
  chains: [
    { name: 'test_drop', rules: ['counter drop'] },
    {
      name: 'test',
      declaration: 'type filter hook forward priority 50; policy accept',
      rules: [
        'meta mark set ip6 saddr map @test_map',
        'meta mark . ip saddr . meta l4proto . th dport @test_block counter drop',
        'ip daddr . th dport vmap @test_way',
      ],
    },
  ],
  entries: () => [],
};
