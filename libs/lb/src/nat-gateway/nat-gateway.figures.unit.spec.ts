import { figureFactsOf } from '@weft/api';
import { addresses, gatewayKey, nicKey, Site } from '../testing/site.ts';
import { natGatewayFigures } from './nat-gateway.figures.ts';

function figures({ world: { fold } }: Site): Record<string, number> {
  const facts = figureFactsOf(fold);
  const all = natGatewayFigures.flatMap(({ name, read }) =>
    [...read(facts)].map(({ labels, value }) => [`${name} ${labels['family']}`, value]),
  );
  return Object.fromEntries(all.filter(([, value]) => value !== 0)) as Record<string, number>;
}

describe('Figures of NAT gateways', () => {
  it('packet P-119: show ranges that there are, that are in use and that rest, and interfaces that have none', () => {
    const site = new Site({ seed: 1, duplicates: 0.3, pool: addresses(20) }).network();
    expect(figures(site)).toEqual({});
    site.gateway('gw', { portsPerNetworkInterface: 32_768 }).nics(9);
    expect(figures(site)).toEqual({ 'weft_nat_slots_capacity IPv4': 9, 'weft_nat_slots_allocated IPv4': 9 });
    site.world.delete(nicKey('n1'));
    expect(figures(site)).toEqual({
      'weft_nat_slots_capacity IPv4': 9,
      'weft_nat_slots_allocated IPv4': 8,
      'weft_nat_slots_resting IPv4': 1,
    });
    for (let n = 10; n <= 13; n++) site.nic(`n${n}`, [`10.0.1.${n}`]);
    expect(figures(site)).toMatchObject({ 'weft_nat_slots_capacity IPv4': 10, 'weft_nat_interfaces_without_slot IPv4': 2 });
    site.world.delete(gatewayKey('gw'));
    for (let n = 1; n <= 13; n++) site.world.delete(nicKey(`n${n}`));
    expect(figures(site)).not.toHaveProperty('weft_nat_interfaces_without_slot IPv4');
  });
});
